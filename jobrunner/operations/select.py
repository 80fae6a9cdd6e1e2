"""Selects the session that a command works on."""

from __future__ import annotations

from jobrunner.errors import SessionError
from jobrunner.store.database import Database
from jobrunner.store.rows import SessionRow
from jobrunner.store.sessions import UNFINISHED, get_session, list_sessions


def choose_session(
    database: Database, session_id: str | None, *, unfinished: bool = False
) -> SessionRow:
    """Return the session with that id, or without an id the only (unfinished) one.

    Raises :class:`SessionError` if there is no such session or more than one.
    """
    if session_id is not None:
        return get_session(database, session_id)
    if unfinished:
        sessions, noun = unfinished_sessions(database), "unfinished session"
    else:
        sessions, noun = list_sessions(database), "session"
    if len(sessions) == 1:
        return sessions[0]
    if not sessions:
        raise _none(database, noun)
    ids = ", ".join(session.id for session in sessions)
    raise SessionError(
        f"there are {len(sessions)} {noun}s: {ids}", hint="name one of them as the argument"
    )


def latest_session(database: Database, session_id: str | None) -> SessionRow:
    """Return the session with that id, or without an id the latest one. Raises SessionError."""
    if session_id is not None:
        return get_session(database, session_id)
    sessions = list_sessions(database)
    if not sessions:
        raise _none(database, "session")
    return sessions[-1]


def _none(database: Database, noun: str) -> SessionError:
    return SessionError(
        f"no {noun} in {database.path}",
        hint="start one with `jobrunner run INPUT`; see `jobrunner sessions list`",
    )


def unfinished_sessions(database: Database, sha256: str | None = None) -> list[SessionRow]:
    """Return the unfinished sessions, with ``sha256`` only those of that input."""
    return [
        session
        for session in list_sessions(database)
        if session.status in UNFINISHED and sha256 in (None, session.input_sha256)
    ]
