"""Paths of the database and of the files and directories next to it that belong to it."""

from __future__ import annotations

import re
import stat
from pathlib import Path

from jobrunner.errors import StoreError
from jobrunner.files.directories import make_directory
from jobrunner.files.path_queries import real_path
from jobrunner.store.rows import SESSION_ID_PATTERN

SESSION_ID = re.compile(SESSION_ID_PATTERN)
"""A session's id is also the name of its directory next to the database."""

_ADDED = re.compile(r"(-wal|-shm|-journal|\.lock|\.pre-\d{4}(\.\d+)?\.bak|\.rescued-\d+)?")
"""The suffixes that turn the database's name into those of its logs, lock file and copies."""


def locate(path: Path, *, create: bool) -> Path:
    """Return the real path of a database file. With ``create``, create its directory if missing."""
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
            hint="check the path and its permissions, or choose another with --db",
        ) from error
    if not stat.S_ISREG(mode):
        kind = "directory" if stat.S_ISDIR(mode) else "special file"
        raise StoreError(f"{path} is a {kind}, not a database", hint="choose a file with --db")
    return real


def nothing_at(path: Path) -> StoreError:
    """Return the error for a missing database."""
    return StoreError(
        f"no jobrunner database at {path}",
        hint="start a session with `jobrunner run INPUT`, or choose a database with --db",
    )


def owner_of(path: Path, database: Path) -> str | None:
    """Return what owns a path that only jobrunner may write to, else None.

    Both paths must be resolved; they need not exist.
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
            f"cannot create the directory {directory}: {error.strerror}",
            hint="choose another path with --db",
        ) from error


def session_directory(database: Path, session_id: str) -> Path:
    """Return the directory of a session's files, next to the database."""
    return database.parent / session_id


def deletion_mark(directory: Path) -> Path:
    """Return the file whose existence marks a session's directory as being deleted."""
    return directory / "deleted"


def session_lock(database: Path, session_id: str) -> Path:
    """Return the lock file of a session."""
    return session_directory(database, session_id) / "run.lock"
