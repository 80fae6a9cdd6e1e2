"""What a snapshot holds against the rows: a value that changed by itself shows in no count.

A snapshot is of an earlier moment. Nothing that it holds ever changes: answers are added, or set
aside with what they said.
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

Told = tuple[object, ...]
"""What one source said in one batch."""


def differences(database: Database, session_id: str, path: Path) -> Iterator[str]:
    """Yield in sentences what a whole snapshot holds and the rows do not.

    Raises DamageFound for a file that is no whole snapshot, or rows that cannot be read.
    """
    with database.read() as connection, Document(path) as document:
        stored = iter_papers(connection, session_id)
        for entry, paper in zip_longest(document.papers(), stored):
            if entry is not None and not _agree(entry, paper):
                yield f"paper {entry.position} is not what snapshot {path.name} holds of it"
        runs = [run.id for run in find_runs(connection, session_id)]
        kept = {
            (batch.source, batch.number): batch
            for batch in iter_batches(connection, session_id, runs)
        }
        for batch in document.batches():
            if kept.get((batch.source, batch.number)) != batch:
                yield (
                    f"batch {batch.number} of {batch.source} is not what snapshot {path.name}"
                    " holds of it"
                )


def _agree(entry: PaperEntry, paper: StoredPaper | None) -> bool:
    if paper is None:
        return False
    given = (entry.position, entry.key, _text(entry.given), entry.unusable)
    if given != (paper.position, paper.key, paper.given, paper.unusable):
        return False
    said = {_told(stored_record(record, source)) for source, record in entry.records.items()}
    said |= {_told(stored_record(record, record.source or "")) for record in entry.retired}
    kept = {_told(record) for record in (*paper.records, *paper.retired)}
    missed = {*paper.missed.items(), *((r.source, r.batch) for r in paper.retired)}
    return said <= kept and set(entry.missed.items()) <= missed


def _told(record: StoredRecord) -> Told:
    # Records and what was set aside of them are the same but for the time of that.
    return structs.astuple(structs.replace(record, retired_at=None))


def stored_record(entry: RecordEntry, source: str) -> StoredRecord:
    """Return what a snapshot holds of a record as the rows have it."""
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
