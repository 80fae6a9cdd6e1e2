"""Create, list, change and delete sessions."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Row, insert, select, text

from jobrunner import __version__, clock, crash_points
from jobrunner.errors import SessionError
from jobrunner.models import EventKind, SessionStatus
from jobrunner.store import schema
from jobrunner.store.database import Database
from jobrunner.store.events import write_event
from jobrunner.store.json_columns import from_json, row_of, to_json
from jobrunner.store.lease import Lease
from jobrunner.store.paths import SESSION_ID
from jobrunner.store.rows import Options, SessionRow
from jobrunner.store.source_states import choose_sources, insert_source
from jobrunner.store.transactions import fence, set_session

UNFINISHED = (
    SessionStatus.PENDING,
    SessionStatus.RUNNING,
    SessionStatus.INTERRUPTED,
    SessionStatus.FAILED,
)


def new_id() -> str:
    """Return a session id that sorts by time, such as ``20261124-013000-3f9a``."""
    moment = clock.now()[:19].replace("-", "").replace(":", "").replace("T", "-")
    return f"{moment}-{secrets.token_hex(2)}"


def create_session(
    database: Database,
    session_id: str,
    *,
    input_path: str | None,
    options: Options,
    output: str | None,
) -> None:
    """Insert a session that is being loaded. Other commands cannot see it until it is sealed."""
    moment = clock.now()
    with database.write() as connection:
        connection.execute(
            insert(schema.session).values(
                id=session_id,
                input_path=input_path,
                input_format="",
                input_sha256="",
                input_other="{}",
                options=to_json(options),
                output=output,
                status=SessionStatus.LOADING,
                revision=0,
                created_at=moment,
                updated_at=moment,
                version=__version__,
            )
        )
        for ordinal, name in enumerate(options.sources):
            insert_source(connection, session_id, name, ordinal)
    crash_points.point("session.created")


def seal_session(
    database: Database,
    session_id: str,
    *,
    input_format: str,
    sha256: str,
    other: dict[str, Any],
    check: Callable[[list[SessionRow]], None] | None = None,
) -> None:
    """Make a loaded session visible. From now on its input file is no longer needed.

    ``check`` receives the unfinished sessions of the same input and raises to refuse. It runs in
    the same transaction, so no other session can be sealed meanwhile.
    """
    crash_points.point("load.sealing")
    with database.write() as connection:
        if check is not None:
            visible = find_visible(connection)
            check([s for s in visible if s.status in UNFINISHED and s.input_sha256 == sha256])
        set_session(
            connection,
            session_id,
            input_format=input_format,
            input_sha256=sha256,
            input_other=to_json(other),
            status=SessionStatus.PENDING,
        )


def update_input(database: Database, lease: Lease, *, path: str, sha256: str, added: int) -> None:
    """Store the path and checksum of an input whose new papers were added."""
    session_id = lease.session_id
    with database.write() as connection:
        fence(connection, session_id, lease.run_id)
        set_session(
            connection,
            session_id,
            input_path=path,
            input_sha256=sha256,
            status=SessionStatus.PENDING,
        )
        write_event(
            connection, session_id, None, EventKind.INPUT, f"{added} papers added from {path}"
        )


def get_session(database: Database, session_id: str) -> SessionRow:
    """Return a session by its id or an unambiguous prefix of it. Raises SessionError."""
    with database.read() as connection:
        matches = find_sessions(connection, session_id)
    if len(matches) == 1:
        return matches[0]
    what = f"{len(matches)} sessions begin with" if matches else "no session"
    raise SessionError(
        f"{what} {session_id} in {database.path}",
        hint="list the sessions with `jobrunner sessions list`",
    )


def find_sessions(connection: Connection, session_id: str) -> list[SessionRow]:
    """Return the session with this id, or else all whose ids begin with it."""
    table = schema.session
    rows = connection.execute(
        select(table)
        .where(
            table.c.id.startswith(session_id, autoescape=True),
            table.c.status != SessionStatus.LOADING,
        )
        .order_by(table.c.id)
    ).all()
    exact = [row for row in rows if row.id == session_id]
    return [_session(row) for row in exact or rows]


def list_sessions(database: Database) -> list[SessionRow]:
    """Return all sessions, the oldest first."""
    with database.read() as connection:
        return find_visible(connection)


def find_visible(connection: Connection) -> list[SessionRow]:
    """Return all loaded sessions as a transaction sees them, the oldest first."""
    table = schema.session
    rows = connection.execute(
        select(table)
        .where(table.c.status != SessionStatus.LOADING)
        .order_by(table.c.created_at, table.c.id)
    ).all()
    return [_session(row) for row in rows]


def loading_sessions(database: Database) -> list[str]:
    """Return the ids of incompletely loaded sessions. No source was queried for them."""
    with database.read() as connection:
        rows = connection.execute(
            select(schema.session.c.id).where(schema.session.c.status == SessionStatus.LOADING)
        )
        # Their directories are deleted, so an id that no session can have is left alone.
        return [row.id for row in rows if SESSION_ID.fullmatch(row.id)]


def session_exists(database: Database, session_id: str) -> bool:
    """Return whether a session with this id exists, even if it is incompletely loaded."""
    with database.read() as connection:
        query = select(schema.session.c.id).where(schema.session.c.id == session_id)
        return connection.execute(query).first() is not None


def _session(row: Row[Any]) -> SessionRow:
    values = row._asdict()
    name = f"the row of session {row.id!r}"
    values["input_other"] = from_json(values["input_other"], dict[str, Any], name)
    values["options"] = from_json(values["options"], Options, name)
    return row_of(values, SessionRow, name)


def set_options(database: Database, lease: Lease, options: Options, output: str | None) -> None:
    """Replace the stored options of a leased session, including its sources and its policy.

    A session that gains a source becomes pending in the same transaction.
    """
    with database.write() as connection:
        fence(connection, lease.session_id, lease.run_id)
        work = choose_sources(connection, lease, options.sources)
        values = {"status": SessionStatus.PENDING} if work else {}
        set_session(connection, lease.session_id, options=to_json(options), output=output, **values)


_BATCHES = (
    "(SELECT id FROM batch WHERE source_id IN (SELECT id FROM source_state WHERE session_id = :id))"
)
_PAPERS = "(SELECT id FROM paper WHERE session_id = :id)"
_DELETIONS = (
    f"DELETE FROM retired_record WHERE batch_id IN {_BATCHES}",  # noqa: S608 - constants
    f"DELETE FROM lookup_miss WHERE batch_id IN {_BATCHES}",  # noqa: S608
    f"DELETE FROM record WHERE batch_id IN {_BATCHES}",  # noqa: S608
    "DELETE FROM batch WHERE source_id IN (SELECT id FROM source_state WHERE session_id = :id)",
    f"DELETE FROM identifier WHERE paper_id IN {_PAPERS}",  # noqa: S608
    "DELETE FROM paper WHERE session_id = :id",
    "DELETE FROM source_state WHERE session_id = :id",
    "DELETE FROM snapshot WHERE session_id = :id",
    "DELETE FROM event WHERE session_id = :id",
    "DELETE FROM run WHERE session_id = :id",
    "DELETE FROM session WHERE id = :id",
)


def delete_session(database: Database, session_id: str) -> None:
    """Delete all rows of a session, children first, in one transaction."""
    with database.write() as connection:
        for statement in _DELETIONS:
            connection.execute(text(statement), {"id": session_id})
        crash_points.point("delete.rows")
