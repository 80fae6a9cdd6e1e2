"""Many rows with each statement."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from sqlalchemy import Connection, Table

ROWS = 400
"""Rows that one statement inserts: SQLite takes 32,766 values (SQLITE_MAX_VARIABLE_NUMBER)."""


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
