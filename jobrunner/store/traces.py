"""Which batches a database holds, and for which papers, as far as it can be read at all."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import quote

from jobrunner.store.database import Database

Batches = dict[tuple[str, int], frozenset[int]]
"""Positions of papers, by the source and the number of their batch."""

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
    """Return source and number of every batch of a session."""
    with database.read() as connection:
        rows = connection.exec_driver_sql(_BATCHES, (session_id,)).all()
    return {(name, number) for name, number, _ in rows}


def traces_of(path: Path, session_id: str) -> Batches:
    """Return what a database, perhaps a damaged one, tells of a session's batches."""
    found: Batches = {}
    address = f"file:{quote(os.fsencode(path))}?mode=ro"
    with suppress(sqlite3.Error), closing(sqlite3.connect(address, uri=True)) as connection:
        for name, number, batch_id in connection.execute(_BATCHES, (session_id,)):
            papers: set[int] = set()
            for query in _PAPERS:
                with suppress(sqlite3.Error):
                    papers.update(row[0] for row in connection.execute(query, (batch_id,)))
            found[name, number] = frozenset(papers)
    return found
