"""The history of a session: its events."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select

from jobrunner import clock
from jobrunner.models import EventKind
from jobrunner.store import schema
from jobrunner.store.database import Database
from jobrunner.store.json_columns import row_of
from jobrunner.store.rows import EventRow


def write_event(
    connection: Connection, session_id: str, run_id: int | None, kind: EventKind, message: str
) -> None:
    """Append one line to a session's history, in the transaction of the change it describes."""
    connection.execute(
        insert(schema.event).values(
            session_id=session_id, run_id=run_id, at=clock.now(), kind=kind, message=message
        )
    )


def add_event(
    database: Database, session_id: str, kind: EventKind, message: str, run_id: int | None = None
) -> None:
    """Append one line to a session's history."""
    with database.write() as connection:
        write_event(connection, session_id, run_id, kind, message)


def list_events(database: Database, session_id: str, *, last: int = 1000) -> list[EventRow]:
    """Return the last events of a session, the oldest first."""
    with database.read() as connection:
        return find_events(connection, session_id, last=last)


def find_events(connection: Connection, session_id: str, *, last: int = 1000) -> list[EventRow]:
    """Return the last events of a session as a transaction sees them, the oldest first."""
    table = schema.event
    rows = connection.execute(
        select(table.c.at, table.c.kind, table.c.message, table.c.run_id)
        .where(table.c.session_id == session_id)
        .order_by(table.c.id.desc())
        .limit(last)
    ).all()
    return [row_of(row._asdict(), EventRow, "an event") for row in reversed(rows)]
