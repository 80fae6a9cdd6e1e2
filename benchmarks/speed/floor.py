"""The floor: the standard library's SQLite, one ``executemany`` transaction a batch, no features.

As durable as jobrunner (write-ahead log, ``synchronous=FULL``, a synced file and a checksum), and
resumable in principle; nothing is matched, counted, checked or merged.

    python -m benchmarks.speed.floor INPUT DIRECTORY [PAGE_SIZE]
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from benchmarks.speed.output import write
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
    write(directory / "out.json", source, _records(connection))
    connection.close()


def _read(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with path.open("rb") as file:
        for number, line in enumerate(file):
            yield number, orjson.loads(line)


def _records(connection: sqlite3.Connection) -> Iterator[bytes]:
    """Yield the stored bytes of the records, a paper at a time."""
    rows = connection.execute("SELECT data FROM record ORDER BY paper, source")
    while paper := list(islice(rows, len(SOURCES))):
        yield b",".join(data for (data,) in paper)


if __name__ == "__main__":
    main()
