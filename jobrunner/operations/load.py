"""Loads a paper list into a new session, before any source is queried."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from jobrunner.errors import InputError, LeaseHeld, Refused, SessionError, StoreError
from jobrunner.files.locks import remove_lock
from jobrunner.files.path_queries import real_path
from jobrunner.inputs.contract import Input
from jobrunner.inputs.formats import open_input
from jobrunner.models import InputPaper
from jobrunner.operations.delete import delete_leftovers
from jobrunner.operations.status import read_state
from jobrunner.store.database import Database
from jobrunner.store.lease import Lease, held_elsewhere, is_running, take_lease
from jobrunner.store.papers import add_papers
from jobrunner.store.paths import session_directory, session_lock
from jobrunner.store.rows import Options, SessionRow
from jobrunner.store.sessions import (
    create_session,
    delete_session,
    get_session,
    loading_sessions,
    new_id,
    seal_session,
)

RESERVATIONS = 10
"""Attempts to reserve an id; each fails only if another process takes the same id first."""


def _reserve(database: Database) -> Lease:
    """Lease an unused id. Creating its directory reserves it: only one process can succeed."""
    for _ in range(RESERVATIONS):
        directory = session_directory(database.path, new_id())
        try:
            directory.mkdir()
        except FileExistsError:
            continue
        except OSError as error:
            raise StoreError(
                f"cannot create the directory {directory}: {error.strerror}",
                hint="check the permissions, or use --db to name a database elsewhere",
            ) from error
        with contextlib.suppress(LeaseHeld):  # another process took it for a leftover to delete
            return take_lease(database, directory.name, new=True)
    raise LeaseHeld(f"{database.path} is in heavy use", hint="try again in a moment")


def load_session(
    database: Database,
    path: Path | None,
    options: Options,
    *,
    output: Path | None = None,
    strict: bool = False,
    new: bool = False,
    before: Callable[[str], None] = lambda _session_id: None,
) -> tuple[SessionRow, Lease]:
    """Store a paper list as a new session; ``path`` None is standard input.

    Returns the session and its lease. ``strict`` refuses a list with an unusable paper. Without
    ``new`` a list that has an unfinished session is refused, even if another process created that
    session during the load. ``before`` is called with the session's id before anybody can see the
    session: what must be known to a resume is recorded there. Raises InputError, StoreError,
    Refused or LeaseHeld, and then leaves nothing of the session behind.
    """
    with open_input(path) as papers:
        lease = _reserve(database)
        session_id = lease.session_id
        try:
            create_session(
                database,
                session_id,
                input_path=_absolute(path),
                options=options,
                output=_absolute(output),
            )
            before(session_id)
            count = add_papers(database, session_id, _checked(papers, strict=strict))
            if not count:
                raise InputError(f"{path or 'standard input'}: contains no papers")
            seal_session(
                database,
                session_id,
                input_format=papers.format,
                sha256=papers.sha256,
                other=papers.other,
                check=None if new else partial(check_unfinished, database, path),
            )
        except BaseException:
            forget(database, session_id)
            lease.release()
            raise
    return get_session(database, session_id), lease


def _absolute(path: Path | None) -> str | None:
    return str(real_path(path)) if path else None


def check_unfinished(database: Database, path: Path | None, sessions: Sequence[SessionRow]) -> None:
    """Raise Refused if an input has unfinished sessions, as ``run`` never resumes silently.

    Raises LeaseHeld if the latest of them is running.
    """
    if not sessions:
        return
    last = sessions[-1]
    afresh = f"or start a new session with `jobrunner run {shlex.quote(str(path or '-'))} --new`"
    if is_running(database, last.id):
        raise held_elsewhere(database, last.id, otherwise=f", {afresh}")
    state = read_state(database, last)
    raise Refused(
        f"this input has an unfinished session: {last.id} ({state})",
        hint=f"continue with `jobrunner resume {last.id}`, {afresh}",
    )


def _checked(papers: Input, *, strict: bool) -> Iterator[InputPaper]:
    for paper in papers.papers():
        if strict and paper.unusable:
            raise InputError(
                f"paper {paper.position} cannot be used: {paper.unusable}",
                hint="correct it, or omit --strict to continue with the others",
            )
        yield paper


def abandoned_sessions(database: Database) -> list[str]:
    """Return the ids of sessions whose loading was interrupted."""
    return [name for name in loading_sessions(database) if not is_running(database, name)]


def delete_abandoned(database: Database) -> int:
    """Delete incompletely loaded sessions and leftover directories; return how many sessions."""
    count = 0
    for session_id in abandoned_sessions(database):
        # LeaseHeld: another process is restoring it. SessionError: another one has deleted it.
        with (
            contextlib.suppress(LeaseHeld, SessionError),
            take_lease(database, session_id, patience=0),
        ):
            if session_id in loading_sessions(database):
                forget(database, session_id)
                count += 1
    delete_leftovers(database)
    return count


def forget(database: Database, session_id: str) -> None:
    """Delete the rows of a leased session that was not loaded completely.

    Its directory is deleted only if it is empty: after an interrupted restore it still holds the
    snapshots to restore from.
    """
    delete_session(database, session_id)
    remove_lock(session_lock(database.path, session_id))
