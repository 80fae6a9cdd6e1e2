"""The floor: the standard library's SQLite, one ``executemany`` transaction a batch, no features.

As durable as jobrunner (write-ahead log, ``synchronous=FULL``, a synced file and a checksum), and
resumable in principle; nothing is matched, counted, checked or merged.

    python -m benchmarks.speed.floor INPUT DIRECTORY [PAGE_SIZE]
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from benchmarks.speed.workload import BATCH, SOURCES, record_of

SCHEMA = """
    CREATE TABLE record (
        paper INTEGER NOT NULL, source INTEGER NOT NULL, data BLOB NOT NULL,
        PRIMARY KEY (paper, source)
    )
"""


def main() -> None:
    """Enrich INPUT into DIRECTORY/out.json."""
    source, directory = Path(sys.argv[1]), Path(sys.argv[2])
    connection = sqlite3.connect(directory / "state.db", isolation_level=None)
    if len(sys.argv) > 3:
        connection.execute(f"PRAGMA page_size={int(sys.argv[3])}")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(SCHEMA)
    papers = _read(source)
    while batch := list(islice(papers, BATCH)):
        for number, name in enumerate(SOURCES):
            rows = [(i, number, orjson.dumps(record_of(name, i))) for i, _ in batch]
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT INTO record VALUES (?, ?, ?)", rows)
            connection.execute("COMMIT")
    _write(directory / "out.json", _pieces(connection, source))
    connection.close()


def _read(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with path.open("rb") as file:
        for number, line in enumerate(file):
            yield number, orjson.loads(line)


def _pieces(connection: sqlite3.Connection, source: Path) -> Iterator[bytes]:
    """Yield the output, a paper a line, with the stored bytes of its records."""
    rows = connection.execute("SELECT data FROM record ORDER BY paper, source")
    separator = b'{"papers":[\n'
    with source.open("rb") as papers:
        for paper in papers:
            records = b",".join(next(rows)[0] for _ in SOURCES)
            yield separator + b'{"given":' + paper.rstrip() + b',"records":[' + records + b"]}"
            separator = b",\n"
    yield b"\n]}\n"


def _write(path: Path, pieces: Iterator[bytes]) -> None:
    digest = hashlib.sha256()
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb", buffering=1 << 20) as file:
        for piece in pieces:
            digest.update(piece)
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    path.with_suffix(".json.sha256").write_text(f"{digest.hexdigest()}  {path.name}\n")


if __name__ == "__main__":
    main()
