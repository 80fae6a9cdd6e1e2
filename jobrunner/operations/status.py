"""What a session's rows and its lock say of it, gathered for people and programs."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from msgspec import Struct, structs

from jobrunner.files.checksums import is_published
from jobrunner.files.path_queries import exists
from jobrunner.models import SessionState, SourceState, SourceStatus
from jobrunner.store.database import Database
from jobrunner.store.lease import is_running
from jobrunner.store.progress import Progress, SourceProgress, read_progress
from jobrunner.store.rows import RunRow, SessionRow, SnapshotRow
from jobrunner.store.runs import list_runs
from jobrunner.store.sessions import get_session
from jobrunner.store.snapshots import is_snapshot_owed, list_snapshots, newest_path

T = TypeVar("T")


class Status(Struct, frozen=True, kw_only=True):
    """A session as it stands. Times are UTC.

    ``last_run`` is the run at work, or the last one. ``last_error`` is why it or one of its sources
    ended early.
    The sources have a rate and an ETA only while a run is at work.
    ``output`` is where the newest snapshot can be read, None before the first. ``next`` is the
    command to type now, None if there is nothing to do.
    """

    session: str
    state: SessionState
    input_path: str | None
    created_at: str
    papers: int
    unusable: int
    sources: tuple[SourceProgress, ...]
    runs: int
    last_run: RunRow | None
    last_error: str | None
    snapshot: SnapshotRow | None
    snapshot_owed: bool
    output: str | None
    next: str | None


def read_status(database: Database, session: SessionRow, *, fields: bool = False) -> Status:
    """Gather the status of a session, whether or not a run is at work on it."""
    runs, alive = _runs(database, session.id)
    session = get_session(database, session.id)
    progress = read_progress(database, session.id, fields=fields)
    last = _last(runs)
    newest = _last(list_snapshots(database, session.id))
    state = _state(session, last, alive=alive)
    return Status(
        session=session.id,
        state=state,
        input_path=session.input_path,
        created_at=session.created_at,
        papers=progress.papers,
        unusable=progress.unusable,
        sources=_sources(progress, state),
        runs=len(runs),
        last_run=last,
        last_error=_last_error(progress, last, state),
        snapshot=newest,
        snapshot_owed=is_snapshot_owed(database, session.id),
        output=_output(database, session, newest),
        next=_next(session.id, state, progress),
    )


def read_state(database: Database, session: SessionRow) -> SessionState:
    """Return the state of a session alone, as its status tells it."""
    runs, alive = _runs(database, session.id)
    session = get_session(database, session.id)
    return _state(session, _last(runs), alive=alive)


def _last(rows: Sequence[T]) -> T | None:
    return rows[-1] if rows else None


def _output(database: Database, session: SessionRow, newest: SnapshotRow | None) -> str | None:
    """Return where the newest snapshot is; other files may have its names before it comes there."""
    if newest is None:
        return None
    places = [newest_path(database, session.id)]
    if session.output:
        places.insert(0, Path(session.output))
    for place in places:
        if is_published(place, newest.sha256):
            return str(place)
    written = database.path.parent / newest.path
    return str(written) if exists(written) else None


def _runs(database: Database, session_id: str) -> tuple[list[RunRow], bool]:
    """Return the runs, and whether the last one is at work, also if it begins or ends just now."""
    alive = is_running(database, session_id)  # first: a run says that it ended, then it lets go
    runs = list_runs(database, session_id)
    begun = bool(runs) and runs[-1].ended_at is None
    return runs, alive or (begun and is_running(database, session_id))


def _state(session: SessionRow, last: RunRow | None, *, alive: bool) -> SessionState:
    """Return the state; a run without an end whose lease is free has crashed."""
    if last is None or last.ended_at is not None:
        return SessionState(session.status)
    return SessionState.RUNNING if alive else SessionState.CRASHED


def may_be_alive(run: RunRow) -> bool:
    """Tell whether the process of a run that does not hold the lease may be at work elsewhere.

    Then this database, or its directory, may be a copy of the one that it works on.
    """
    if run.host != socket.gethostname():
        return True
    try:
        os.kill(run.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _sources(progress: Progress, state: SessionState) -> tuple[SourceProgress, ...]:
    """Return the sources; while no run is at work they have no rate, and none is active."""
    if state is SessionState.RUNNING:
        return progress.sources
    return tuple(_at_rest(source) for source in progress.sources)


def _at_rest(source: SourceProgress) -> SourceProgress:
    state = SourceState.OPEN if source.state is SourceState.ACTIVE else source.state
    return structs.replace(source, state=state, rate=None, eta_seconds=None)


def _last_error(progress: Progress, last: RunRow | None, state: SessionState) -> str | None:
    errors = filter(None, (source.error for source in progress.sources))
    if message := "; ".join(errors):
        return message
    if last is not None and state in (SessionState.FAILED, SessionState.INTERRUPTED):
        return last.reason
    return None


def _next(session_id: str, state: SessionState, progress: Progress) -> str | None:
    if state is SessionState.RUNNING:
        return None
    if state is not SessionState.COMPLETED or progress.pending:
        return f"jobrunner resume {session_id}"
    if progress.failed:
        return f"jobrunner retry {session_id} --failed"
    if progress.ambiguous:
        return f"jobrunner review {session_id} -o review.jsonl"
    return None


def resumable_at(status: Status) -> str | None:
    """Return the earliest time at which a source can go on, None if at once."""
    moments = []
    for source in status.sources:
        if source.status is SourceStatus.DROPPED or not source.pending:
            continue
        if source.status is not SourceStatus.STOPPED or source.not_before is None:
            return None
        moments.append(source.not_before)
    return min(moments, default=None)
