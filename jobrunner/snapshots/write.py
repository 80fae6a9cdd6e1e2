"""Write snapshots: all enriched papers at one committed moment, with a checksum file."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path

import msgspec
from msgspec import Raw

from jobrunner import __version__, clock, crash_points
from jobrunner.consolidation.merge import Consolidator
from jobrunner.consolidation.policy import Policy
from jobrunner.consolidation.statements import RawRecord
from jobrunner.errors import GET_BACK, Cancelled, DamageFound
from jobrunner.files.atomic import READ_ONLY, write_sidecar, write_whole
from jobrunner.files.path_queries import exists, named_like
from jobrunner.models import Outcome, SourceStatus
from jobrunner.snapshots import document
from jobrunner.store.database import Database, ReadTransaction
from jobrunner.store.events import find_events
from jobrunner.store.json_columns import to_json
from jobrunner.store.rows import EventRow, RunRow, SessionRow, SnapshotRow
from jobrunner.store.runs import find_runs
from jobrunner.store.session_export import (
    StoredPaper,
    StoredRecord,
    iter_batches,
    iter_papers,
)
from jobrunner.store.sessions import find_sessions
from jobrunner.store.snapshots import (
    is_snapshot_owed,
    list_snapshots,
    snapshot_directory,
)
from jobrunner.store.source_states import find_sources


def is_owed(database: Database, session_id: str) -> bool:
    """Return whether a change is in no snapshot yet, or the newest snapshot file is missing."""
    if is_snapshot_owed(database, session_id):
        return True
    newest = list_snapshots(database, session_id)[-1]
    return not exists(database.path.parent / newest.path)


def write_snapshot(
    database: Database,
    session_id: str,
    reason: str,
    *,
    cancelled: Callable[[], bool] = lambda: False,
) -> SnapshotRow:
    """Write the file of the next snapshot. It counts only after :func:`finish_snapshot`.

    It only reads the database and may run in a second thread. Raises :class:`Cancelled` once
    ``cancelled`` returns true.
    """
    crash_points.point("snapshot.begin")
    began = time.monotonic()
    directory = snapshot_directory(database, session_id)
    number = _next_number(database, session_id, directory)
    path = directory / f"{number:06d}.json"
    counted = Counted(cancelled)
    # Close the read transaction even after an error: while it is open, SQLite's log keeps growing.
    with closing(_pieces(database.read_long, session_id, counted)) as pieces:
        written = write_whole(path, counted.count(pieces), mode=READ_ONLY)
    crash_points.point("snapshot.renamed")
    write_sidecar(path, written.sha256)
    return SnapshotRow(
        number=number,
        path=f"{session_id}/snapshots/{path.name}",
        sha256=written.sha256,
        bytes=written.bytes,
        papers=counted.papers,
        revision=counted.revision,
        reason=reason,
        seconds=time.monotonic() - began,
        created_at=clock.now(),
    )


def write_copy(
    database: Database, session_id: str, path: Path, policy: Policy | None = None
) -> int:
    """Write the current committed state to a file of the user. Return the number of papers.

    ``policy`` replaces the session's. Raises FileError, StoreError.
    """
    counted = Counted(lambda: False)
    with closing(_pieces(database.read, session_id, counted, policy)) as pieces:
        write_whole(path, counted.count(pieces), summed=True)
    return counted.papers


class Counted:
    """Counts the papers of a document while it is written."""

    def __init__(self, cancelled: Callable[[], bool]) -> None:
        self.papers = 0
        self.revision = 0
        self._cancelled = cancelled

    def count(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the pieces. Raises Cancelled if the snapshot is cancelled."""
        for piece in pieces:
            if self._cancelled():
                raise Cancelled("the snapshot was cancelled")
            if self.papers == 1:
                crash_points.point("snapshot.half")
            yield piece

    def see(self, papers: Iterable[document.PaperEntry]) -> Iterator[document.PaperEntry]:
        """Yield the papers and count them."""
        for paper in papers:
            self.papers += 1
            yield paper


def _pieces(
    read: Callable[[], AbstractContextManager[ReadTransaction]],
    session_id: str,
    counted: Counted,
    policy: Policy | None = None,
) -> Generator[bytes]:
    """Yield the document of one committed moment in pieces."""
    with read() as connection:
        runs = find_runs(connection, session_id)
        session = find_sessions(connection, session_id)[0]
        head = _head(connection, session, runs)
        counted.revision = session.revision
        consolidator = Consolidator(policy or session.options.policy)
        papers = (_read(paper, consolidator) for paper in iter_papers(connection, session_id))
        batches = iter_batches(connection, session_id, [run.id for run in runs])
        yield from document.write_document(head, counted.see(papers), batches)


def _head(connection: ReadTransaction, session: SessionRow, runs: list[RunRow]) -> document.Head:
    sources = find_sources(connection, session.id)
    return document.Head(
        format=document.FORMAT,
        version=document.VERSION,
        session=session.id,
        revision=session.revision,
        created_at=session.created_at,
        written_at=clock.now(),
        made_by=__version__,
        input={
            "path": session.input_path,
            "format": session.input_format,
            "sha256": session.input_sha256,
            "other": session.input_other,
        },
        output=session.output,
        options=Raw(to_json(session.options).encode()),
        sources=[source.name for source in sources],
        dropped=[source.name for source in sources if source.status is SourceStatus.DROPPED],
        runs=[_run_entry(run) for run in runs],
        history=[_event_entry(event, runs) for event in find_events(connection, session.id)],
    )


def _event_entry(event: EventRow, runs: list[RunRow]) -> document.EventEntry:
    place = next((place for place, run in enumerate(runs) if run.id == event.run_id), None)
    return document.EventEntry(at=event.at, kind=event.kind, message=event.message, run=place)


def _run_entry(run: RunRow) -> document.RunEntry:
    names = document.RunEntry.__struct_fields__
    return document.RunEntry(**{name: getattr(run, name) for name in names})


def _read(paper: StoredPaper, consolidator: Consolidator) -> document.PaperEntry:
    try:
        return _paper_entry(paper, consolidator)
    except (ValueError, TypeError, msgspec.MsgspecError) as error:
        raise DamageFound(
            f"paper {paper.position} cannot be read from the database",
            hint=GET_BACK,
        ) from error


def _paper_entry(paper: StoredPaper, consolidator: Consolidator) -> document.PaperEntry:
    return document.PaperEntry(
        position=paper.position,
        key=paper.key,
        given=Raw(paper.given.encode()),
        unusable=paper.unusable,
        consolidated=document.ABSENT if paper.unusable else _consolidated(paper, consolidator),
        records={record.source: _record_entry(record) for record in paper.records},
        retired=[_record_entry(record, named=True) for record in paper.retired],
        missed=paper.missed,
    )


def _record_entry(record: StoredRecord, *, named: bool = False) -> document.RecordEntry:
    is_enriched = record.outcome == Outcome.ENRICHED
    return document.RecordEntry(
        outcome=record.outcome,
        batch=record.batch,
        retrieved_at=record.retrieved_at,
        match=_raw(record.match),
        error=record.error,
        record=_raw(record.data if is_enriched else None),
        candidates=_raw(None if is_enriched else record.data),
        source=record.source if named else None,
        retired_at=record.retired_at,
    )


def _raw(text: str | None) -> Raw:
    return document.ABSENT if text is None else Raw(text.encode())


_RECORDS = msgspec.json.Decoder(RawRecord)
_VIEWS = msgspec.json.Encoder()


def _consolidated(paper: StoredPaper, consolidator: Consolidator) -> Raw:
    records = {source: _RECORDS.decode(text) for source, text in paper.record_texts().items()}
    view = consolidator.consolidate(paper.as_given(), records)
    return Raw(_VIEWS.encode(view))


def _next_number(database: Database, session_id: str, directory: Path) -> int:
    """Return a number that no row and no file has: a crash may leave a file without a row."""
    recorded = [row.number for row in list_snapshots(database, session_id)]
    files = [int(path.stem) for path in named_like(directory, "[0-9]*.json") if path.stem.isdigit()]
    return max([0, *recorded, *files]) + 1
