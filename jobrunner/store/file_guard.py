"""Rescue the committed state if the database file is deleted or replaced while in use.

The system keeps a deleted file while it is open. The connection can therefore still read it, but
other processes find nothing, or a different file, at its path.
"""

from __future__ import annotations

import contextlib
import shlex
import sqlite3
import stat
import threading
from contextlib import closing
from itertools import count
from pathlib import Path

from sqlalchemy import Engine

from jobrunner.errors import StoreError
from jobrunner.files.path_queries import exists
from jobrunner.store.sqlite_errors import reason_of

Identity = tuple[int, int] | None


def identity(path: Path) -> Identity:
    """Return what distinguishes a file from a later one at the same path; None if it is gone."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


class Guard:
    """Detects that the file to which a connection writes was deleted or replaced."""

    def __init__(self, path: Path, writer: Engine) -> None:
        self._path = path
        self._writer = writer
        self._file: Identity = None
        self._mode = 0o600
        self._lost: StoreError | None = None
        self._turn = threading.Lock()

    def note(self) -> None:
        """Remember the file that the connection has open."""
        if self._file is None:
            self._file = identity(self._path)
            with contextlib.suppress(OSError):
                self._mode = stat.S_IMODE(self._path.stat().st_mode)

    def check(self) -> None:
        """If the file was deleted or replaced, save its committed state and raise StoreError."""
        if self._file is None or self._file == identity(self._path):
            return
        with self._turn:
            self._lost = self._lost or _rescue(self._path, self._writer, self._mode)
        raise self._lost


def _rescue(path: Path, writer: Engine, mode: int) -> StoreError:
    """Copy the open database to a file next to ``path``. Return the error to raise.

    ``mode``: the mode that the database had.
    """
    copy = next(
        place
        for number in count(1)
        if not exists(place := path.with_name(f"{path.name}.rescued-{number}"))
    )
    lost = f"the database {path} was deleted or replaced while it was in use"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        copy.touch(mode=0o600, exist_ok=False)
        copy.chmod(mode)
        with writer.connect() as connection, closing(sqlite3.connect(copy)) as target:
            source = connection.connection.driver_connection
            assert isinstance(source, sqlite3.Connection)  # noqa: S101 - our engine has no other
            source.backup(target)
    except (OSError, sqlite3.Error) as error:
        why = error.strerror if isinstance(error, OSError) else reason_of(error)
        return StoreError(f"{lost}, and a copy cannot be written: {why}", hint="restore a backup")
    return StoreError(
        f"{lost}; everything committed was saved to {copy}",
        hint=f"continue with `jobrunner resume --db {shlex.quote(str(copy))}`",
    )
