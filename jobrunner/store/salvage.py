"""Salvage: read what is left of a session in a database that may be damaged."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import quote

from jobrunner.files.path_queries import is_file
from jobrunner.store.database import Database

Batches = dict[tuple[str, int], frozenset[int]]
"""Positions of papers by source and batch number."""

_MAGIC = b"SQLite format 3\0"
_NOT_ASKED = ("-wal", "-shm", "-journal", ".bak", ".tmp")
_HELD = "SELECT 1 FROM session NOT INDEXED WHERE id = ? AND status <> 'loading'"
_BATCHES = """
    SELECT s.name, b.number, b.id FROM source_state s JOIN batch b ON b.source_id = s.id
    WHERE s.session_id = ?
"""
_PAPERS = (
    "SELECT position FROM record r JOIN paper p ON p.id = paper_id WHERE batch_id = ?",
    "SELECT position FROM retired_record r JOIN paper p ON p.id = paper_id WHERE batch_id = ?",
    "SELECT position FROM lookup_miss m JOIN paper p ON p.id = paper_id WHERE batch_id = ?",
)


def batches_of(database: Database, session_id: str) -> set[tuple[str, int]]:
    """Return the source and number of every batch of a session."""
    with database.read() as connection:
        rows = connection.exec_driver_sql(_BATCHES, (session_id,)).all()
    return {(name, number) for name, number, _ in rows}


def databases_beside(database: Path) -> Iterator[Path]:
    """Yield the other databases in the directory of a database.

    Backup copies of upgrades are skipped: no run uses them. Files on which SQLite may hold a lock
    for this process are not opened: closing them would drop the lock
    (https://www.sqlite.org/howtocorrupt.html, section 2.2).
    """
    for path in sorted(database.parent.iterdir()):
        if not path.name.endswith(_NOT_ASKED) and not _is(path, database) and _is_sqlite(path):
            yield path


def _is(path: Path, other: Path) -> bool:
    with suppress(OSError):
        return path.samefile(other)
    return True  # deleted meanwhile or not accessible: skip it like the database itself


def _is_sqlite(path: Path) -> bool:
    with suppress(OSError):
        if is_file(path) and not path.is_symlink():
            with path.open("rb") as file:
                return file.read(len(_MAGIC)) == _MAGIC
    return False


def holds_session(path: Path, session_id: str) -> bool:
    """Return whether a file is a database from which the row of a session can be read."""
    with suppress(sqlite3.Error), closing(_connect(path)) as connection:
        return bool(connection.execute(_HELD, (session_id,)).fetchall())
    return False


def traces_of(path: Path, session_id: str) -> Batches:
    """Return the readable batches of a session in a database that may be damaged."""
    batches: Batches = {}
    with suppress(sqlite3.Error), closing(_connect(path)) as connection:
        for name, number, batch_id in connection.execute(_BATCHES, (session_id,)):
            papers: set[int] = set()
            for query in _PAPERS:
                with suppress(sqlite3.Error):
                    papers.update(row[0] for row in connection.execute(query, (batch_id,)))
            batches[name, number] = frozenset(papers)
    return batches


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(os.fsencode(path))}?mode=ro", uri=True)
