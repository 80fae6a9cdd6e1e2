"""A database file that is deleted or replaced while it is in use: what was committed is saved.

The system keeps a deleted file as long as it is open, so the connection that has it still reads
all of it, while every other process finds nothing, or another file, at its place.
"""

from __future__ import annotations

import shlex
import sqlite3
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
    """Return what tells a file from any other that comes to have its name; None if it is gone."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


class Guard:
    """Watches that the file to which a connection writes keeps its name."""

    def __init__(self, path: Path, writer: Engine) -> None:
        self._path = path
        self._writer = writer
        self._file: Identity = None
        self._lost: StoreError | None = None
        self._turn = threading.Lock()

    def note(self) -> None:
        """Say that the connection is open."""
        self._file = self._file or identity(self._path)

    def check(self) -> None:
        """Raise StoreError if the file is gone, once what was committed in it is saved."""
        if self._file is None or self._file == identity(self._path):
            return
        with self._turn:
            self._lost = self._lost or _rescue(self._path, self._writer)
        raise self._lost


def _rescue(path: Path, writer: Engine) -> StoreError:
    """Copy what the connection still holds to a file beside ``path``; return what to tell."""
    copy = next(
        place
        for number in count(1)
        if not exists(place := path.with_name(f"{path.name}.rescued-{number}"))
    )
    lost = f"the database {path} was deleted or replaced while it was in use"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with writer.connect() as connection, closing(sqlite3.connect(copy)) as target:
            source = connection.connection.driver_connection
            assert isinstance(source, sqlite3.Connection)  # noqa: S101 - our engine has no other
            source.backup(target)
    except (OSError, sqlite3.Error) as error:
        why = error.strerror if isinstance(error, OSError) else reason_of(error)
        return StoreError(f"{lost}, and a copy cannot be written: {why}", hint="restore a backup")
    return StoreError(
        f"{lost}; all that was committed is in {copy}",
        hint=f"go on with `jobrunner resume --db {shlex.quote(str(copy))}`",
    )
