"""Where a database is, or is to be made, and which files and directories beside it are its own."""

from __future__ import annotations

import re
import stat
from pathlib import Path

from jobrunner.errors import StoreError
from jobrunner.files.directories import make_directory
from jobrunner.files.path_queries import real_path

SESSION_ID = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{4,}")
"""A session's id is also the name of its directory, beside the database."""

_ADDED = re.compile(r"(-wal|-shm|-journal|\.lock|\.pre-\d{4}(\.\d+)?\.bak|\.rescued-\d+)?")
"""What is added to a database's name to make those of its log, its lock and its copies."""


def locate(path: Path, *, create: bool) -> Path:
    """Return the real path of a database file; with ``create`` its directory is there."""
    try:
        real = real_path(path)
        mode = real.stat().st_mode
    except FileNotFoundError:
        if not create:
            raise nothing_at(path) from None
        _make_directory(real.parent)
        return real
    except OSError as error:
        raise StoreError(
            f"cannot open the database {path}: {error.strerror}",
            hint="check the path and its permissions, or name another with --db",
        ) from error
    if not stat.S_ISREG(mode):
        kind = "directory" if stat.S_ISDIR(mode) else "special file"
        raise StoreError(f"{path} is a {kind}, not a database", hint="name a file with --db")
    return real


def nothing_at(path: Path) -> StoreError:
    """Return the error of a database that is not there."""
    return StoreError(
        f"there is no jobrunner database at {path}",
        hint="start a session with `jobrunner run INPUT`, or name a database with --db",
    )


def owner_of(path: Path, database: Path) -> str | None:
    """Say what a path belongs to if nobody but the program may write there, else None.

    Both paths are real ones; neither needs to be there.
    """
    for inside in (path, *path.parents):
        if inside.parent == database.parent and SESSION_ID.fullmatch(inside.name):
            return "a session's directory"
    added = path.name.removeprefix(database.name)
    named = path.name.startswith(database.name) and _ADDED.fullmatch(added)
    return "the state database" if named and path.parent == database.parent else None


def _make_directory(directory: Path) -> None:
    try:
        make_directory(directory)
    except OSError as error:
        raise StoreError(
            f"cannot make the directory {directory}: {error.strerror}",
            hint="name another place with --db",
        ) from error


def session_directory(database: Path, session_id: str) -> Path:
    """Return the directory of a session's files, beside the database."""
    return database.parent / session_id


def deletion_mark(directory: Path) -> Path:
    """Return the file that says of a session's directory that it is being deleted."""
    return directory / "deleted"


def session_lock(database: Path, session_id: str) -> Path:
    """Return the lock file of a session."""
    return session_directory(database, session_id) / "run.lock"
