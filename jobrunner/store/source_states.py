"""The sources of a session: add, drop, stop and reactivate them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from jobrunner import clock
from jobrunner.models import EventKind, SourceStatus
from jobrunner.store import schema
from jobrunner.store.database import Database
from jobrunner.store.events import write_event
from jobrunner.store.json_columns import row_of
from jobrunner.store.lease import Lease
from jobrunner.store.rows import SourceRow
from jobrunner.store.transactions import fence

_COLUMNS = tuple(schema.source_state.c[name] for name in SourceRow.__struct_fields__)


def insert_source(
    connection: Connection,
    session_id: str,
    name: str,
    ordinal: int,
    *,
    status: SourceStatus = SourceStatus.ACTIVE,
) -> int:
    """Insert a source of a session. Return the id of its row."""
    table = schema.source_state
    return int(
        connection.execute(
            insert(table)
            .values(
                session_id=session_id,
                name=name,
                ordinal=ordinal,
                status=status,
                updated_at=clock.now(),
            )
            .returning(table.c.id)
        ).scalar_one()
    )


def list_sources(database: Database, session_id: str) -> list[SourceRow]:
    """Return the sources of a session in the order in which the user named them."""
    with database.read() as connection:
        return find_sources(connection, session_id)


def find_sources(connection: Connection, session_id: str) -> list[SourceRow]:
    """Return the sources of a session as a transaction sees them."""
    table = schema.source_state
    rows = connection.execute(
        select(*_COLUMNS).where(table.c.session_id == session_id).order_by(table.c.ordinal)
    ).all()
    return [_source(row) for row in rows]


def _source(row: Row[Any]) -> SourceRow:
    return row_of(row._asdict(), SourceRow, f"the row of the source {row.name}")


def stop_source(
    database: Database, lease: Lease, source: SourceRow, error: str, not_before: str | None
) -> None:
    """Record that a source has stopped for this run, and why."""
    with database.write() as connection:
        fence(connection, lease.session_id, lease.run_id, changes=0)
        _set_status(connection, source.id, SourceStatus.STOPPED, error, not_before)
        _write_event(connection, lease, f"{source.name}: {error}")


def choose_sources(connection: Connection, lease: Lease, names: tuple[str, ...]) -> bool:
    """Make ``names`` the sources of a leased session: add new ones and drop those not named.

    A dropped source keeps its records. If it is named again, it continues from them. Return whether
    a source was added or reactivated. Runs in the caller's transaction.
    """
    rows = find_sources(connection, lease.session_id)
    has_added = _add_sources(connection, lease, rows, names)
    has_activated = _activate_again(connection, lease, rows, names)
    _drop_sources(connection, lease, rows, names)
    return has_added or has_activated


def _add_sources(
    connection: Connection, lease: Lease, rows: list[SourceRow], names: tuple[str, ...]
) -> bool:
    held = {row.name for row in rows}
    added = [name for name in names if name not in held]
    for ordinal, name in enumerate(added, start=len(rows)):
        insert_source(connection, lease.session_id, name, ordinal)
        _write_event(connection, lease, f"{name}: added")
    return bool(added)


def _activate_again(
    connection: Connection, lease: Lease, rows: list[SourceRow], names: tuple[str, ...]
) -> bool:
    dropped = [row for row in rows if row.status is SourceStatus.DROPPED]
    wanted = [row for row in dropped if row.name in names]
    for row in wanted:
        _set_status(connection, row.id, SourceStatus.ACTIVE)
        _write_event(connection, lease, f"{row.name}: added again")
    return bool(wanted)


def _drop_sources(
    connection: Connection, lease: Lease, rows: list[SourceRow], names: tuple[str, ...]
) -> None:
    active = [row for row in rows if row.status is not SourceStatus.DROPPED]
    for row in active:
        if row.name not in names:
            _set_status(connection, row.id, SourceStatus.DROPPED)
            _write_event(connection, lease, f"{row.name}: dropped")


def _write_event(connection: Connection, lease: Lease, message: str) -> None:
    write_event(connection, lease.session_id, lease.run_id, EventKind.SOURCE, message)


def _set_status(
    connection: Connection,
    source_id: int,
    status: SourceStatus,
    error: str | None = None,
    not_before: str | None = None,
) -> None:
    connection.execute(
        update(schema.source_state)
        .where(schema.source_state.c.id == source_id)
        .values(status=status, error=error, not_before=not_before, updated_at=clock.now())
    )
