"""Compare a snapshot with the database: a corrupted value does not show in any counter.

A snapshot shows an earlier moment, but its content must still be in the database: answers are only
added, or retired unchanged.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

from msgspec import Raw, structs

from jobrunner.snapshots.document import Document, PaperEntry, RecordEntry
from jobrunner.store.database import Database
from jobrunner.store.runs import find_runs
from jobrunner.store.session_export import StoredPaper, StoredRecord, iter_batches, iter_papers

Values = tuple[object, ...]
"""The values of one source's answer for a paper."""


def differences(database: Database, session_id: str, path: Path) -> Iterator[str]:
    """Yield one sentence for each paper or batch of a snapshot that differs from the database.

    Raises DamageFound if the snapshot is incomplete or rows cannot be read.
    """
    with database.read() as connection, Document(path) as document:
        stored = iter_papers(connection, session_id)
        for entry, paper in zip_longest(document.papers(), stored):
            if entry is not None and not _agree(entry, paper):
                yield f"paper {entry.position} differs from snapshot {path.name}"
        runs = [run.id for run in find_runs(connection, session_id)]
        kept = {
            (batch.source, batch.number): batch
            for batch in iter_batches(connection, session_id, runs)
        }
        for batch in document.batches():
            if kept.get((batch.source, batch.number)) != batch:
                yield f"batch {batch.number} of {batch.source} differs from snapshot {path.name}"


def _agree(entry: PaperEntry, paper: StoredPaper | None) -> bool:
    if paper is None:
        return False
    given = (entry.position, entry.key, _text(entry.given), entry.unusable)
    if given != (paper.position, paper.key, paper.given, paper.unusable):
        return False
    shown = {_values(stored_record(record, source)) for source, record in entry.records.items()}
    shown |= {_values(stored_record(record, record.source or "")) for record in entry.retired}
    kept = {_values(record) for record in (*paper.records, *paper.retired)}
    missed = {*paper.missed.items(), *((r.source, r.batch) for r in paper.retired)}
    return shown <= kept and set(entry.missed.items()) <= missed


def _values(record: StoredRecord) -> Values:
    # A record may have been retired since the snapshot; only the time of that differs then.
    return structs.astuple(structs.replace(record, retired_at=None))


def stored_record(entry: RecordEntry, source: str) -> StoredRecord:
    """Convert a record from a snapshot to its stored form."""
    data = entry.record if bytes(entry.record) else entry.candidates
    return StoredRecord(
        source=source,
        batch=entry.batch,
        outcome=entry.outcome,
        match=_text(entry.match),
        retrieved_at=entry.retrieved_at,
        error=entry.error,
        data=_text(data),
        retired_at=entry.retired_at,
    )


def _text(raw: Raw) -> str | None:
    return bytes(raw).decode() or None
