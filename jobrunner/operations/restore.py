"""Restoring: a session made again from a snapshot alone, with all that the snapshot holds."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from msgspec import Struct, structs

from jobrunner.decoding import json_fault
from jobrunner.errors import RESTORE, DamageFound, Refused
from jobrunner.files.path_queries import named_like
from jobrunner.inputs.paper_fields import paper_of_text
from jobrunner.models import EventKind, Record, RunEnding, SessionStatus, SourceStatus
from jobrunner.operations.load import delete_abandoned
from jobrunner.operations.verify import verify_file
from jobrunner.run_log import committed_batches, ranges, run_log
from jobrunner.snapshots.compare import stored_record
from jobrunner.snapshots.document import (
    BatchEntry,
    Document,
    Head,
    PaperEntry,
    RecordEntry,
    damaged,
)
from jobrunner.store.database import Database
from jobrunner.store.events import add_event
from jobrunner.store.json_columns import from_json
from jobrunner.store.lease import take_lease
from jobrunner.store.paths import SESSION_ID, session_directory
from jobrunner.store.rows import EventRow, Options, SessionRow
from jobrunner.store.salvage import Batches, batches_of, databases_beside, holds_session, traces_of
from jobrunner.store.session_export import StoredBatch, StoredPaper
from jobrunner.store.session_import import Restoration, Restored
from jobrunner.store.sessions import delete_session, get_session, list_sessions

log = logging.getLogger(__name__)

CHUNK = 500
UNFIT = (LookupError, ValueError, TypeError, OverflowError, RecursionError)
"""What comes of a document that somebody wrote by hand and gave a checksum."""

T = TypeVar("T")


class CheckedSnapshot(Struct, frozen=True):
    """A snapshot file that was read to its end and is as it was written."""

    path: Path
    head: Head


def examine(path: Path) -> CheckedSnapshot:
    """Read a snapshot through.

    Raises DamageFound for a file that is not as it was written, FileError if it cannot be read,
    Refused if a newer jobrunner wrote it.
    """
    problems, _ = verify_file(path)
    if problems:
        older = len(_snapshots_in(path.parent)) > 1
        instead = f"its directory, {path.parent}, for the newest whole one" if older else "another"
        raise DamageFound("; ".join(problems), hint=f"name {instead}")
    with Document(path) as document:
        if not SESSION_ID.fullmatch(document.head.session):
            raise document.damaged(f"{document.head.session!r} is no session's id")
        return CheckedSnapshot(path, document.head)


def newest_whole(directory: Path) -> tuple[CheckedSnapshot, list[str]]:
    """Return the newest snapshot of a session that is whole, and what is wrong with newer ones.

    ``directory`` is that of the session or of its snapshots. Raises DamageFound if none is whole,
    FileError if one cannot be read.
    """
    problems: list[str] = []
    for path in _snapshots_in(directory):
        try:
            return examine(path), problems
        except DamageFound as error:
            problems.append(str(error))
    raise DamageFound(
        "; ".join(problems) or f"{directory} holds no snapshots",
        hint="name the directory of a session, beside the database, or a snapshot's .json file",
    )


def _snapshots_in(directory: Path) -> list[Path]:
    """Return the snapshots in a directory, or in that of a session, the newest first."""
    places = (directory, directory / "snapshots")
    found = [path for place in places for path in named_like(place, "[0-9]*.json")]
    return sorted(found, key=lambda path: (len(path.stem), path.stem), reverse=True)


def restore(database: Database, snapshot: CheckedSnapshot) -> tuple[SessionRow, list[str]]:
    """Make the session of a snapshot again; what was committed after it is pending again.

    Returns the session, and in sentences what it is known to lack. Raises Refused if the session
    is there already, or in a database beside, DamageFound where the parts of the snapshot do not
    fit together, FileError or StoreError; then the database is as it was.
    """
    path, head = snapshot.path, snapshot.head
    with take_lease(database, head.session, new=True):
        _check_alone(database, head.session)
        delete_session(database, head.session)  # what an earlier restore left that was cut off
        delete_abandoned(database)
        try:
            _restore(database, path, head)
        except UNFIT as error:
            delete_session(database, head.session)
            raise damaged(path, "its parts do not fit together") from error
        except BaseException:
            delete_session(database, head.session)
            raise
        missing = missing_batches(database, head.session, path)
        for sentence in missing:
            add_event(database, head.session, EventKind.WARNING, sentence)
        with run_log(session_directory(database.path, head.session) / "run.log"):
            log.info("restored from %s", path, extra={"facts": {"restored": path.name}})
    return get_session(database, head.session), missing


def _check_alone(database: Database, session_id: str) -> None:
    """Raise Refused if the database holds a session, or one beside it does that can be read.

    They would share the session's directory, and each would delete the other's snapshots.
    """
    here = any(session.id == session_id for session in list_sessions(database))
    beside = (path for path in databases_beside(database.path) if holds_session(path, session_id))
    holder = database.path if here else next(beside, None)
    if holder is not None:
        raise Refused(
            f"{holder} holds the session {session_id} already",
            hint=f"restore into a database in another directory: {RESTORE}",
        )


def _restore(database: Database, path: Path, head: Head) -> None:
    sources = [
        (n, SourceStatus.DROPPED if n in head.dropped else SourceStatus.ACTIVE)
        for n in head.sources
    ]
    runs = [structs.asdict(run) for run in head.runs]
    for run in runs:
        if run["ended_at"] is None:  # it was at work when the snapshot was written
            reason = "the snapshot was written before it ended"
            run |= {"ended_at": head.written_at, "ending": RunEnding.INTERRUPTED, "reason": reason}
    session = Restoration(database, _session(head), sources, runs)
    session.add_events(
        [
            (EventRow(at=e.at, kind=e.kind, message=e.message, run_id=None), e.run)
            for e in head.history
        ]
    )
    with Document(path) as document:
        for _ in document.papers():
            pass
        for batches in _chunks(_batch(entry) for entry in document.batches()):
            session.add_batches(batches)
    with Document(path) as document:
        for papers in _chunks(_paper(entry) for entry in document.papers()):
            session.add_papers(papers)
    session.seal(SessionStatus.INTERRUPTED, f"from {path}, written {head.written_at}")


def _chunks(items: Iterable[T]) -> Iterator[list[T]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, CHUNK)):
        yield chunk


def _session(head: Head) -> SessionRow:
    given: dict[str, Any] = head.input
    return SessionRow(
        id=head.session,
        input_path=given["path"],
        input_format=given["format"],
        input_sha256=given["sha256"],
        input_other=given["other"],
        options=from_json(bytes(head.options).decode(), Options, "the options in the snapshot"),
        output=head.output,
        status=SessionStatus.LOADING,
        revision=head.revision,
        run_id=None,
        created_at=head.created_at,
        updated_at=head.written_at,
        version=head.made_by,
    )


def _batch(entry: BatchEntry) -> StoredBatch:
    return StoredBatch(**{**structs.asdict(entry), "fields": bytes(entry.fields).decode()})


def _paper(entry: PaperEntry) -> Restored:
    given, name = bytes(entry.given).decode(), f"paper {entry.position} of the snapshot"
    try:
        paper = paper_of_text(entry.position, given)
    except json.JSONDecodeError as error:
        raise DamageFound(f"{name} cannot be read: {json_fault(given)}") from error
    return Restored(
        paper=structs.replace(paper, unusable=entry.unusable),
        stored=StoredPaper(
            position=entry.position,
            key=entry.key,
            given=given,
            unusable=entry.unusable,
            records=[stored_record(record, source) for source, record in entry.records.items()],
            retired=[stored_record(old, old.source or "") for old in entry.retired],
            missed=entry.missed,
        ),
        found={
            source: {
                scheme: (value,)
                for scheme, value in _identifiers(record, f"what {source} said of {name}").items()
            }
            for source, record in entry.records.items()
            if bytes(record.record)
        },
    )


def _identifiers(entry: RecordEntry, name: str) -> dict[str, str]:
    return from_json(bytes(entry.record).decode(), Record, name).identifiers


def missing_batches(database: Database, session_id: str, snapshot: Path) -> list[str]:
    """Say in sentences, by source, what a session restored from a snapshot is known to lack."""
    known: Batches = {}
    for place in (snapshot.absolute().parent, snapshot.absolute().parent.parent):
        if place.name == session_id:
            known |= committed_batches(place / "run.log")
            for path in sorted(named_like(place.parent, "*.db")):
                if path != database.path:
                    known |= traces_of(path, session_id)
    held = batches_of(database, session_id)
    missing = {batch: papers for batch, papers in known.items() if batch not in held}
    return [
        _missing_sentence(
            source, {number: p for (name, number), p in missing.items() if name == source}
        )
        for source in sorted({name for name, _ in missing})
    ]


def _missing_sentence(source: str, batches: dict[int, frozenset[int]]) -> str:
    papers = frozenset().union(*batches.values())
    many = len(batches) > 1
    return (
        f"{source}: {'batches' if many else 'batch'} {ranges(batches)}, committed after the"
        f" snapshot, {'are' if many else 'is'} missing: {len(papers)} papers ({ranges(papers)})"
    )
