"""The lease of a session: which process may work on it, and cleaning up after a dead one."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from sqlalchemy import select, text, update

from jobrunner import clock, crash_points
from jobrunner.errors import LeaseHeld, Refused, SessionError
from jobrunner.files.filesystem import check_place
from jobrunner.files.locks import PATIENCE_S, FileLock, is_held, remove_lock
from jobrunner.models import EventKind, RunEnding, SessionStatus
from jobrunner.store import schema
from jobrunner.store.database import Database
from jobrunner.store.events import write_event
from jobrunner.store.migrations import lock_path
from jobrunner.store.paths import deletion_mark, session_directory, session_lock
from jobrunner.store.runs import list_runs
from jobrunner.store.transactions import set_session


class Lease:
    """The exclusive right to work on one session, until :meth:`release` or the end of the process.

    ``run_id`` is None for a command that changes a session without running it.
    """

    def __init__(self, session_id: str, locks: tuple[FileLock, ...]) -> None:
        self.session_id = session_id
        self.run_id: int | None = None
        self._locks = locks

    def release(self) -> None:
        """Release the session."""
        for lock in self._locks:
            lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def take_lease(
    database: Database, session_id: str, *, new: bool = False, patience: float = PATIENCE_S
) -> Lease:
    """Lease a session. Raises :class:`LeaseHeld`, naming the holder, if another process has it.

    An earlier run without an end must have crashed, as its lock is free; it is recorded as crashed.
    Raises :class:`SessionError` if the session has been deleted (not checked if it is ``new`` and
    has no row yet), and :class:`Refused` if a newer jobrunner has upgraded the database or locks do
    not work here.
    """
    check_place(database.path.parent)
    shared = FileLock(lock_path(database.path))
    if not shared.acquire(exclusive=False):
        raise LeaseHeld(f"{database.path} is being upgraded", hint="try again later")
    own = FileLock(session_lock(database.path, session_id))
    lease = Lease(session_id, (own, shared))
    try:
        _check_revision(database)
        if not own.acquire(exclusive=True, patience=patience):
            raise held_elsewhere(database, session_id)
        if not new:
            _check_row(database, own.path, session_id)
        crash_points.point("lease.taken")
        # Only with the lock: until then another process may be deleting the session.
        deletion_mark(session_directory(database.path, session_id)).unlink(missing_ok=True)
        _note_crashes(database, session_id)
    except BaseException:
        lease.release()
        raise
    return lease


def _check_revision(database: Database) -> None:
    """Raise Refused unless the schema is ours. It cannot change while we share the lock."""
    with database.read() as connection:
        revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if revision != schema.HEAD:
        raise Refused(
            f"{database.path} was upgraded meanwhile by a newer jobrunner (schema {revision};"
            f" this one supports {schema.HEAD})",
            hint="upgrade jobrunner, or choose another database with --db",
        )


def _check_row(database: Database, lock: Path, session_id: str) -> None:
    with database.read() as connection:
        row = connection.execute(
            select(schema.session.c.id).where(schema.session.c.id == session_id)
        )
        if row.first() is not None:
            return
    remove_lock(lock)  # taking the lock has created the file and the directory again
    raise SessionError(
        f"session {session_id} was deleted meanwhile",
        hint="list the sessions with `jobrunner sessions list`",
    )


def held_elsewhere(database: Database, session_id: str, *, otherwise: str = "") -> LeaseHeld:
    """Return the error that names the holder of a session. ``otherwise`` is added to its hint."""
    runs = list_runs(database, session_id)
    holder = ""
    if runs and runs[-1].ended_at is None:
        last = runs[-1]
        holder = f": host {last.host}, pid {last.pid}, since {last.started_at}"
    return LeaseHeld(
        f"session {session_id} is running elsewhere{holder}",
        hint=f"check it with `jobrunner status {session_id}`{otherwise}",
    )


def _note_crashes(database: Database, session_id: str) -> None:
    if all(run.ended_at is not None for run in list_runs(database, session_id)):
        return
    with database.write() as connection:
        crashed = connection.execute(
            update(schema.run)
            .where(schema.run.c.session_id == session_id, schema.run.c.ended_at.is_(None))
            .values(ended_at=clock.now(), ending=RunEnding.CRASHED, reason="crashed or was killed")
            .returning(schema.run.c.id, schema.run.c.pid)
        ).all()
        for row in crashed:
            message = f"pid {row.pid} crashed or was killed"
            write_event(connection, session_id, row.id, EventKind.CRASHED, message)
        set_session(connection, session_id, status=SessionStatus.INTERRUPTED, run_id=None)
        crash_points.point("crash.noting")


def is_running(database: Database, session_id: str) -> bool:
    """Return whether a live process holds the session's lease."""
    return is_held(session_lock(database.path, session_id))
