"""Helpers for every write to a session: the fence against a lost lease, and the time of change."""

from __future__ import annotations

from sqlalchemy import Connection, update

from jobrunner import clock
from jobrunner.errors import LeaseLost
from jobrunner.store import schema

_TOUCH = "UPDATE session SET revision = revision + ?, updated_at = ? WHERE id = ? AND run_id IS ?"


def fence(connection: Connection, session_id: str, run_id: int | None, *, changes: int = 1) -> None:
    """Check inside a write transaction that the session is still ours, and count the change.

    Raises :class:`LeaseLost`, which rolls the transaction back.
    """
    touched = connection.exec_driver_sql(_TOUCH, (changes, clock.now(), session_id, run_id))
    if touched.rowcount != 1:
        raise LeaseLost(
            f"session {session_id} was taken over by another run; this one stops",
            hint=f"check it with `jobrunner status {session_id}`",
        )


def set_session(connection: Connection, session_id: str, **values: object) -> None:
    """Set columns of a session's row."""
    connection.execute(
        update(schema.session)
        .where(schema.session.c.id == session_id)
        .values(updated_at=clock.now(), **values)
    )
