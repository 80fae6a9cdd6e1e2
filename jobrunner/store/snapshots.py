"""Snapshot rows, the paths of their files, and whether a snapshot is owed.

Whether one is owed is derived from committed rows. A remembered task would be lost in a crash.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from sqlalchemy import Row, delete, func, insert, select, text

from jobrunner.errors import GET_BACK, DamageFound
from jobrunner.models import EventKind
from jobrunner.store import schema
from jobrunner.store.database import Database
from jobrunner.store.events import write_event
from jobrunner.store.json_columns import row_of
from jobrunner.store.lease import Lease
from jobrunner.store.paths import session_directory
from jobrunner.store.rows import SnapshotRow
from jobrunner.store.transactions import fence

NEWEST = "papers_enriched.json"
"""The name of the newest snapshot in a session's directory."""

_COLUMNS = tuple(schema.snapshot.c[name] for name in SnapshotRow.__struct_fields__)


def snapshot_directory(database: Database, session_id: str) -> Path:
    """Return the directory of a session's snapshots."""
    return session_directory(database.path, session_id) / "snapshots"


def newest_path(database: Database, session_id: str) -> Path:
    """Return the path at which the newest snapshot of a session is published."""
    return session_directory(database.path, session_id) / NEWEST


def list_snapshots(database: Database, session_id: str) -> list[SnapshotRow]:
    """Return the snapshots of a session, the oldest first."""
    table = schema.snapshot
    with database.read() as connection:
        rows = connection.execute(
            select(*_COLUMNS).where(table.c.session_id == session_id).order_by(table.c.number)
        ).all()
    return [_snapshot(row, session_id) for row in rows]


def _snapshot(row: Row[Any], session_id: str) -> SnapshotRow:
    name = f"the row of snapshot {row.number} of session {session_id}"
    snapshot = row_of(row._asdict(), SnapshotRow, name)
    if not snapshot.path.startswith(f"{session_id}/"):
        raise DamageFound(f"{name} names a file of another session", hint=GET_BACK)
    return snapshot


_EVER = text(
    """
    SELECT message FROM event WHERE session_id = :session AND kind = 'snapshot' AND id >
        (SELECT coalesce(max(id), 0) FROM event WHERE session_id = :session AND kind = 'restored')
    """
)


_RESTORED = text(
    "SELECT EXISTS (SELECT 1 FROM event WHERE session_id = :session AND kind = 'restored')"
)


def was_restored(database: Database, session_id: str) -> bool:
    """Return whether a session was restored from a snapshot."""
    with database.read() as connection:
        return bool(connection.execute(_RESTORED, {"session": session_id}).scalar())


def own_snapshots(database: Database, session_id: str) -> set[str]:
    """Return the paths of all snapshots that the session's history records, even deleted ones.

    Snapshots from before a restore are excluded: they may hold answers that the restored session
    lacks.
    """
    with database.read() as connection:
        messages = connection.execute(_EVER, {"session": session_id}).scalars()
        return {message.partition(" (")[0] for message in messages}


def is_snapshot_owed(database: Database, session_id: str) -> bool:
    """Return whether a change is committed that no snapshot contains."""
    table = schema.snapshot
    with database.read() as connection:
        shown = connection.execute(
            select(func.max(table.c.revision)).where(table.c.session_id == session_id)
        ).scalar()
        revision = connection.execute(
            select(schema.session.c.revision).where(schema.session.c.id == session_id)
        ).scalar_one()
    return shown is None or revision > shown


def record_snapshot(
    database: Database, lease: Lease, row: SnapshotRow, *, keep: int, gone: Collection[int] = ()
) -> None:
    """Record a written snapshot. Delete rows numbered ``gone``, and all but the last ``keep``."""
    table = schema.snapshot
    with database.write() as connection:
        fence(connection, lease.session_id, lease.run_id, changes=0)
        values = {name: getattr(row, name) for name in SnapshotRow.__struct_fields__}
        connection.execute(insert(table).values(session_id=lease.session_id, **values))
        write_event(
            connection,
            lease.session_id,
            lease.run_id,
            EventKind.SNAPSHOT,
            f"{row.path} ({row.papers} papers, {row.reason})",
        )
        own = table.c.session_id == lease.session_id
        if gone:
            connection.execute(delete(table).where(own, table.c.number.in_(gone)))
        # Numbers may have gaps: an unfinished snapshot of a crashed run uses one up.
        last = select(table.c.number).where(own).order_by(table.c.number.desc()).limit(keep)
        connection.execute(delete(table).where(own, table.c.number.not_in(last)))
