"""What every write to a session shares: the fence, the time of the change, and the history."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import TypeVar

import msgspec
from sqlalchemy import Connection, Table, insert, update

from jobrunner import clock
from jobrunner.decoding import json_fault
from jobrunner.errors import GET_BACK, DamageFound, LeaseLost
from jobrunner.store import schema
from jobrunner.store.database import Database

T = TypeVar("T")

ROWS = 400
"""Rows that one statement inserts: SQLite takes 32,766 values (SQLITE_MAX_VARIABLE_NUMBER)."""


_TOUCH = "UPDATE session SET revision = revision + ?, updated_at = ? WHERE id = ? AND run_id IS ?"


def fence(connection: Connection, session_id: str, run_id: int | None, *, changes: int = 1) -> None:
    """Prove inside a write transaction that the session is ours, and count the change.

    Raises :class:`LeaseLost`, which rolls the transaction back.
    """
    touched = connection.exec_driver_sql(_TOUCH, (changes, clock.now(), session_id, run_id))
    if touched.rowcount != 1:
        raise LeaseLost(
            f"session {session_id} was taken over by another run; this one stops",
            hint=f"look at it with `jobrunner status {session_id}`",
        )


def set_session(connection: Connection, session_id: str, **values: object) -> None:
    """Change columns of a session's row."""
    connection.execute(
        update(schema.session)
        .where(schema.session.c.id == session_id)
        .values(updated_at=clock.now(), **values)
    )


def write_event(
    connection: Connection, session_id: str, run_id: int | None, kind: str, message: str
) -> None:
    """Append one line to a session's history, in the transaction of what it tells."""
    connection.execute(
        insert(schema.event).values(
            session_id=session_id, run_id=run_id, at=clock.now(), kind=kind, message=message
        )
    )


def add_event(
    database: Database, session_id: str, kind: str, message: str, run_id: int | None = None
) -> None:
    """Append one line to a session's history."""
    with database.write() as connection:
        write_event(connection, session_id, run_id, kind, message)


class Insertion:
    """Inserts rows into some columns of a table, many with each statement.

    The driver gives the interpreter up once for a statement. With one for every row, a commit would
    wait for a thread that writes a snapshot as many times. It takes statements as they stand: one
    that SQLAlchemy builds costs more than what SQLite does.
    """

    def __init__(self, table: Table, *names: str, verb: str = "INSERT") -> None:
        assert set(names) <= set(table.columns.keys())  # noqa: S101 - a slip of the pen
        self._head = f"{verb} INTO {table.name} ({', '.join(names)}) VALUES "
        self._place = f"({', '.join('?' * len(names))})"
        self._statements: dict[int, str] = {}

    def insert(self, connection: Connection, rows: Sequence[tuple[object, ...]]) -> None:
        """Insert rows; none is nothing to do."""
        for first in range(0, len(rows), ROWS):
            some = rows[first : first + ROWS]
            connection.exec_driver_sql(self._statement(len(some)), tuple(chain(*some)))

    def _statement(self, count: int) -> str:
        if count not in self._statements:
            self._statements[count] = self._head + ", ".join([self._place] * count)
        return self._statements[count]


def next_id(connection: Connection, table: Table) -> int:
    """Return the id of the next row, inside a write transaction."""
    query = f"SELECT coalesce(max(id), 0) + 1 FROM {table.name}"  # noqa: S608
    return int(connection.exec_driver_sql(query).scalar_one())


def to_json(value: object) -> str:
    """Return a value as the JSON text that columns hold."""
    return msgspec.json.encode(value).decode()


def from_json(text_: str, kind: type[T], what: str) -> T:
    """Return the value that a column holds; ``what`` names it in the DamageFound of a bad one."""
    try:
        return msgspec.json.decode(text_, type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise DamageFound(
            f"{what} cannot be read: {json_fault(text_, kind)}",
            hint=GET_BACK,
        ) from error
