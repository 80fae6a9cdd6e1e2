"""The status of a session, from its rows and its lock, for people and programs."""

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
from jobrunner.store.audit import check_positions
from jobrunner.store.database import Database
from jobrunner.store.lease import is_running
from jobrunner.store.progress import Progress, SourceProgress, read_progress
from jobrunner.store.rows import RunRow, SessionRow, SnapshotRow
from jobrunner.store.runs import list_runs
from jobrunner.store.sessions import get_session
from jobrunner.store.snapshots import is_snapshot_owed, list_snapshots, newest_path

T = TypeVar("T")


class Status(Struct, frozen=True, kw_only=True):
    """The current status of a session. Times are UTC.

    ``last_run`` is the active run, or the last one. ``last_error`` is the reason why the run or one
    of its sources ended early. Sources have a rate and an ETA only during a run. ``output`` is the
    path of the newest snapshot, None before the first. ``next`` is the command to type next, None
    if there is nothing to do.
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
    """Return the status of a session, whether or not a run is active."""
    runs, alive = _runs(database, session.id)
    session = get_session(database, session.id)
    check_positions(database, session.id)
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
    """Return only the state of a session, the same as in its status."""
    runs, alive = _runs(database, session.id)
    session = get_session(database, session.id)
    return _state(session, _last(runs), alive=alive)


def _last(rows: Sequence[T]) -> T | None:
    return rows[-1] if rows else None


def _output(database: Database, session: SessionRow, newest: SnapshotRow | None) -> str | None:
    """Return the path of the newest snapshot.

    A published path may still hold an older snapshot or another file, so the checksum decides.
    """
    if newest is None:
        return None
    places = [newest_path(database, session.id)]
    if session.output:
        places.insert(0, Path(session.output))
    for place in places:
        if is_published(place, newest.sha256, newest.bytes):
            return str(place)
    written = database.path.parent / newest.path
    return str(written) if exists(written) else None


def _runs(database: Database, session_id: str) -> tuple[list[RunRow], bool]:
    """Return the runs, and whether the last one is active, even while it starts or ends."""
    # Check the lock before the rows: a run records its end first and releases the lock second.
    alive = is_running(database, session_id)
    runs = list_runs(database, session_id)
    started = bool(runs) and runs[-1].ended_at is None
    # Check it again: the run may have taken the lock and stored its row after the first check.
    return runs, alive or (started and is_running(database, session_id))


def _state(session: SessionRow, last: RunRow | None, *, alive: bool) -> SessionState:
    """Return the state. A run that has no end and does not hold the lease has crashed."""
    if last is None or last.ended_at is not None:
        return SessionState(session.status)
    return SessionState.RUNNING if alive else SessionState.CRASHED


def may_be_alive(run: RunRow) -> bool:
    """Return whether the process of a run that does not hold the lease may still be alive.

    If so, this database or its directory may be a copy of the one that the process uses.
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
    """Return the sources. Without an active run, none is active and none has a rate."""
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
    """Return the earliest time at which a source can continue, None if it can immediately."""
    moments = []
    for source in status.sources:
        if source.status is SourceStatus.DROPPED or not source.pending:
            continue
        if source.status is not SourceStatus.STOPPED or source.not_before is None:
            return None
        moments.append(source.not_before)
    return min(moments, default=None)
