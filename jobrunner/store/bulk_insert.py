"""Bulk inserts: many rows per statement."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from sqlalchemy import Connection, Table

ROWS = 400
"""Maximum rows per statement: SQLite allows 32,766 values (SQLITE_MAX_VARIABLE_NUMBER)."""


class Insertion:
    """Inserts rows into some columns of a table, many per statement.

    The driver releases the interpreter lock once per statement. With one statement per row, a
    commit would wait for a thread that writes a snapshot at every row. The SQL is built here:
    building it with SQLAlchemy takes longer than executing it.
    """

    def __init__(self, table: Table, *names: str, verb: str = "INSERT") -> None:
        assert set(names) <= set(table.columns.keys())  # noqa: S101 - a misspelt column
        self._head = f"{verb} INTO {table.name} ({', '.join(names)}) VALUES "
        self._place = f"({', '.join('?' * len(names))})"
        self._statements: dict[int, str] = {}

    def insert(self, connection: Connection, rows: Sequence[tuple[object, ...]]) -> None:
        """Insert rows. Without rows, do nothing."""
        for first in range(0, len(rows), ROWS):
            some = rows[first : first + ROWS]
            connection.exec_driver_sql(self._statement(len(some)), tuple(chain(*some)))

    def _statement(self, count: int) -> str:
        if count not in self._statements:
            self._statements[count] = self._head + ", ".join([self._place] * count)
        return self._statements[count]


def next_id(connection: Connection, table: Table) -> int:
    """Return the id of the next row. Call it inside a write transaction, or ids may collide."""
    query = f"SELECT coalesce(max(id), 0) + 1 FROM {table.name}"  # noqa: S608
    return int(connection.exec_driver_sql(query).scalar_one())
