"""Restores a session from a snapshot alone."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from msgspec import Struct, structs

from jobrunner.decode_errors import json_fault
from jobrunner.errors import RESTORE, DamageFound, Refused
from jobrunner.files.path_queries import named_like, real_path
from jobrunner.files.run_log import committed_batches, ranges, run_log
from jobrunner.inputs.paper_fields import paper_of_text
from jobrunner.models import EventKind, Identifiers, Record, RunEnding, SessionStatus, SourceStatus
from jobrunner.operations.load import delete_abandoned
from jobrunner.operations.verify import verify_file
from jobrunner.snapshots.compare import stored_record
from jobrunner.snapshots.document import (
    Document,
    Head,
    PaperEntry,
    RunEntry,
    damaged,
)
from jobrunner.store.audit import check_positions
from jobrunner.store.database import DEFAULT_PATH, Database
from jobrunner.store.events import add_event
from jobrunner.store.json_columns import from_json
from jobrunner.store.lease import take_lease
from jobrunner.store.paths import SESSION_ID, session_directory
from jobrunner.store.rows import EventRow, Options, SessionRow
from jobrunner.store.salvage import Batches, batches_of, databases_beside, holds_session, traces_of
from jobrunner.store.session_export import StoredPaper
from jobrunner.store.session_import import Restoration, Restored
from jobrunner.store.sessions import delete_session, get_session, list_sessions

log = logging.getLogger(__name__)

CHUNK = 500
INCONSISTENT = (LookupError, ValueError, TypeError, OverflowError, RecursionError)
"""Errors that a hand-edited snapshot with a valid checksum can cause."""

T = TypeVar("T")


class CheckedSnapshot(Struct, frozen=True):
    """A snapshot file that was read to the end and found intact."""

    path: Path
    head: Head


def examine(path: Path) -> CheckedSnapshot:
    """Read and check a whole snapshot.

    Raises DamageFound if the file is damaged, FileError if it cannot be read, Refused if a newer
    jobrunner wrote it.
    """
    problems, _ = verify_file(path)
    if problems:
        raise DamageFound("; ".join(problems), hint=_what_to_name_instead(path))
    with Document(path) as document:
        if not SESSION_ID.fullmatch(document.head.session):
            raise document.damaged(f"{document.head.session!r} is not a session id")
        return CheckedSnapshot(path, document.head)


def _what_to_name_instead(path: Path) -> str:
    if len(_snapshots_in(path.parent)) > 1:
        return f"name its directory, {path.parent}, to use the newest intact one"
    return "name another snapshot"


def newest_whole(directory: Path) -> tuple[CheckedSnapshot, list[str]]:
    """Return the newest intact snapshot of a session, and the problems of newer ones.

    ``directory`` is the session's directory or its ``snapshots``. Raises DamageFound if no snapshot
    is intact, FileError if one cannot be read.
    """
    problems: list[str] = []
    for path in _snapshots_in(directory):
        try:
            return examine(path), problems
        except DamageFound as error:
            problems.append(str(error))
    raise DamageFound(
        "; ".join(problems) or f"{directory} contains no snapshots",
        hint="name a session's directory, next to the database, or a snapshot's .json file",
    )


def _snapshots_in(directory: Path) -> list[Path]:
    """Return the snapshots in a directory and in its ``snapshots``, newest first."""
    places = (directory, directory / "snapshots")
    found = [path for place in places for path in named_like(place, "[0-9]*.json")]
    return sorted(found, key=lambda path: (len(path.stem), path.stem), reverse=True)


def restore(database: Database, snapshot: CheckedSnapshot) -> tuple[SessionRow, list[str]]:
    """Restore the session of a snapshot. Papers committed after the snapshot are pending again.

    Returns the session, and sentences that name the batches it is known to lack. Raises Refused if
    this or a neighbouring database holds the session, DamageFound if the parts of the snapshot are
    inconsistent, FileError or StoreError; the database is then unchanged.
    """
    path, head = snapshot.path, snapshot.head
    with take_lease(database, head.session, new=True):
        _check_alone(database, head.session)
        delete_session(database, head.session)  # remains of an interrupted restore
        delete_abandoned(database)
        try:
            _restore(database, path, head)
        except INCONSISTENT as error:
            delete_session(database, head.session)
            raise damaged(path, "its parts are inconsistent") from error
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
    """Raise Refused if this database or a readable one next to it holds the session.

    Both would share the session's directory, and each would delete the other's snapshots.
    """
    for session in list_sessions(database):
        if session.id == session_id:
            raise _held_by(database.path, session_id)
    for path in databases_beside(database.path):
        if holds_session(path, session_id):
            raise _held_by(path, session_id)


def _held_by(path: Path, session_id: str) -> Refused:
    return Refused(
        f"{path} already holds session {session_id}",
        hint=f"restore into a database in another directory: {RESTORE}",
    )


def _restore(database: Database, path: Path, head: Head) -> None:
    runs = [_run(entry, head) for entry in head.runs]
    session = Restoration(database, _session(head, database.path), _sources(head), runs)
    session.add_events(_events(head))
    # Records refer to batches, so batches are stored first. In the document they follow the papers.
    with Document(path) as document:
        for _ in document.papers():
            pass
        for batches in _chunks(document.batches()):
            session.add_batches(batches)
    with Document(path) as document:
        for papers in _chunks(map(_paper, document.papers())):
            session.add_papers(papers)
    check_positions(database, head.session)
    session.seal(SessionStatus.INTERRUPTED, f"from {path}, written {head.written_at}")


def _sources(head: Head) -> list[tuple[str, SourceStatus]]:
    return [(name, _status(name, head)) for name in head.sources]


def _status(name: str, head: Head) -> SourceStatus:
    return SourceStatus.DROPPED if name in head.dropped else SourceStatus.ACTIVE


def _run(entry: RunEntry, head: Head) -> dict[str, Any]:
    run = structs.asdict(entry)
    if entry.ended_at is None:  # it was active when the snapshot was written
        run["ended_at"] = head.written_at
        run["ending"] = RunEnding.INTERRUPTED
        run["reason"] = "the snapshot was written before it ended"
    return run


def _events(head: Head) -> list[tuple[EventRow, int | None]]:
    """Return the events, each with the index of its run."""
    return [
        (EventRow(at=entry.at, kind=entry.kind, message=entry.message, run_id=None), entry.run)
        for entry in head.history
    ]


def _chunks(items: Iterable[T]) -> Iterator[list[T]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, CHUNK)):
        yield chunk


def _output_in(place: Path, output: str | None) -> str | None:
    """Return the output of a snapshot if it lies where the session is restored, else None.

    Elsewhere it may be a file of the user, or the output of the original session.
    """
    root = place.parent.parent if place.parent.name == DEFAULT_PATH.parent.name else place.parent
    return output if output and real_path(Path(output)).is_relative_to(root) else None


def _session(head: Head, place: Path) -> SessionRow:
    given: dict[str, Any] = head.input
    return SessionRow(
        id=head.session,
        input_path=given["path"],
        input_format=given["format"],
        input_sha256=given["sha256"],
        input_other=given["other"],
        options=from_json(bytes(head.options).decode(), Options, "the options in the snapshot"),
        output=_output_in(place, head.output),
        status=SessionStatus.LOADING,
        revision=head.revision,
        run_id=None,
        created_at=head.created_at,
        updated_at=head.written_at,
        version=head.made_by,
    )


def _paper(entry: PaperEntry) -> Restored:
    given, name = bytes(entry.given).decode(), f"paper {entry.position} of the snapshot"
    try:
        paper = paper_of_text(entry.position, given)
    except json.JSONDecodeError as error:
        raise DamageFound(f"{name} cannot be read: {json_fault(given)}") from error
    stored = StoredPaper(
        position=entry.position,
        key=entry.key,
        given=given,
        unusable=entry.unusable,
        records=[stored_record(record, source) for source, record in entry.records.items()],
        retired=[stored_record(record, record.source or "") for record in entry.retired],
        missed=entry.missed,
    )
    return Restored(
        paper=structs.replace(paper, unusable=entry.unusable),
        stored=stored,
        found=_found_identifiers(entry, name),
    )


def _found_identifiers(entry: PaperEntry, name: str) -> dict[str, Identifiers]:
    """Return the identifiers of a paper that each source found."""
    found: dict[str, Identifiers] = {}
    for source, stored in entry.records.items():
        text = bytes(stored.record).decode()
        if text:
            record = from_json(text, Record, f"the {source} record of {name}")
            found[source] = {scheme: (value,) for scheme, value in record.identifiers.items()}
    return found


def missing_batches(database: Database, session_id: str, snapshot: Path) -> list[str]:
    """Return one sentence per source about batches that a restored session is known to lack."""
    held = batches_of(database, session_id)
    missing: dict[str, dict[int, frozenset[int]]] = {}
    for (source, number), papers in _committed(database, session_id, snapshot).items():
        if (source, number) not in held:
            missing.setdefault(source, {})[number] = papers
    return [_missing_sentence(source, batches) for source, batches in sorted(missing.items())]


def _committed(database: Database, session_id: str, snapshot: Path) -> Batches:
    """Return the committed batches that logs and databases near a snapshot record."""
    directory = snapshot.absolute().parent
    batches: Batches = {}
    # The snapshot is in the session's directory or in its `snapshots`: check both levels.
    for place in (directory, directory.parent):
        if place.name == session_id:
            batches |= committed_batches(place / "run.log")
            for path in sorted(named_like(place.parent, "*.db")):
                if path != database.path:
                    batches |= traces_of(path, session_id)
    return batches


def _missing_sentence(source: str, batches: dict[int, frozenset[int]]) -> str:
    papers = frozenset().union(*batches.values())
    noun, verb = ("batches", "are") if len(batches) > 1 else ("batch", "is")
    return (
        f"{source}: {noun} {ranges(batches)}, committed after the"
        f" snapshot, {verb} missing: {len(papers)} papers ({ranges(papers)})"
    )
