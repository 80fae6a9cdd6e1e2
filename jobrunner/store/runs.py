"""Read the runs of a session."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, select

from jobrunner.store import schema
from jobrunner.store.database import Database
from jobrunner.store.json_columns import row_of
from jobrunner.store.rows import RunRow

_COLUMNS = tuple(schema.run.c[name] for name in RunRow.__struct_fields__)


def list_runs(database: Database, session_id: str) -> list[RunRow]:
    """Return the runs of a session, the oldest first."""
    with database.read() as connection:
        return find_runs(connection, session_id)


def find_runs(connection: Connection, session_id: str) -> list[RunRow]:
    """Return the runs of a session as a transaction sees them."""
    rows = connection.execute(
        select(*_COLUMNS).where(schema.run.c.session_id == session_id).order_by(schema.run.c.id)
    ).all()
    return [_run(row) for row in rows]


def _run(row: Row[Any]) -> RunRow:
    return row_of(row._asdict(), RunRow, f"the row of run {row.id}")
