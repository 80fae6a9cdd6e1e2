"""Start and end runs, and reopen sessions that have new work."""

from __future__ import annotations

import os
import socket

from sqlalchemy import insert, update

from jobrunner import __version__, clock, crash_points
from jobrunner.models import EventKind, RunEnding, SessionStatus, SourceStatus
from jobrunner.store import schema
from jobrunner.store.database import Database
from jobrunner.store.events import write_event
from jobrunner.store.lease import Lease
from jobrunner.store.runs import find_runs
from jobrunner.store.transactions import fence, set_session


def start_run(database: Database, lease: Lease, *, asks: bool = True) -> None:
    """Register this process as the runner of a leased session.

    If the run ``asks`` sources, stopped sources become active again; otherwise they stay stopped.
    """
    session_id, moment = lease.session_id, clock.now()
    with database.write() as connection:
        fence(connection, session_id, None, changes=0)
        earlier = find_runs(connection, session_id)
        run_id = connection.execute(
            insert(schema.run)
            .values(
                session_id=session_id,
                pid=os.getpid(),
                host=socket.gethostname(),
                version=__version__,
                started_at=moment,
            )
            .returning(schema.run.c.id)
        ).scalar_one()
        kind = EventKind.RESUMED if earlier else EventKind.STARTED
        write_event(connection, session_id, run_id, kind, f"by pid {os.getpid()}")
        set_session(connection, session_id, status=SessionStatus.RUNNING, run_id=run_id)
        if asks:
            table = schema.source_state
            connection.execute(
                update(table)
                .where(table.c.session_id == session_id, table.c.status == SourceStatus.STOPPED)
                .values(status=SourceStatus.ACTIVE, error=None, not_before=None, updated_at=moment)
            )
        crash_points.point("run.starting")
    crash_points.point("run.started")
    lease.run_id = int(run_id)


def end_run(database: Database, lease: Lease, *, ending: RunEnding, reason: str) -> None:
    """Record how this run ended. The session takes the same status."""
    with database.write() as connection:
        fence(connection, lease.session_id, lease.run_id, changes=0)
        connection.execute(
            update(schema.run)
            .where(schema.run.c.id == lease.run_id)
            .values(ended_at=clock.now(), ending=ending, reason=reason)
        )
        set_session(connection, lease.session_id, status=SessionStatus(ending), run_id=None)
        write_event(connection, lease.session_id, lease.run_id, EventKind(ending), reason)
    crash_points.point("run.ended")
    lease.run_id = None


def reopen(database: Database, lease: Lease, *, kind: EventKind, message: str) -> None:
    """Mark a leased session as pending again, and record why.

    This counts as a change, so that a snapshot is owed even if a crash cuts off what follows.
    """
    with database.write() as connection:
        fence(connection, lease.session_id, lease.run_id)
        set_session(connection, lease.session_id, status=SessionStatus.PENDING)
        write_event(connection, lease.session_id, lease.run_id, kind, message)
    crash_points.point("retry.retired")
