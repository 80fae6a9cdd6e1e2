"""A database file that is deleted or replaced while it is in use: what was committed is saved.

The system keeps a deleted file as long as it is open, so the connection that has it still reads
all of it, while every other process finds nothing, or another file, at its place.
"""

from __future__ import annotations

import shlex
import sqlite3
from contextlib import closing
from itertools import count
from pathlib import Path

from sqlalchemy import Engine

from jobrunner.errors import StoreError

Identity = tuple[int, int] | None


def identity(path: Path) -> Identity:
    """Return what tells a file from any other that comes to have its name; None if it is gone."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def rescue(path: Path, writer: Engine) -> StoreError:
    """Copy what the connection still holds to a file beside ``path``; return what to tell."""
    copy = next(
        place
        for number in count(1)
        if not (place := path.with_name(f"{path.name}.rescued-{number}")).exists()
    )
    lost = f"the database {path} was deleted or replaced while it was in use"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with writer.connect() as connection, closing(sqlite3.connect(copy)) as target:
            source = connection.connection.driver_connection
            assert isinstance(source, sqlite3.Connection)  # noqa: S101 - our engine has no other
            source.backup(target)
    except (OSError, sqlite3.Error) as error:
        return StoreError(f"{lost}, and a copy cannot be written: {error}", hint="restore a backup")
    return StoreError(
        f"{lost}; all that was committed is in {copy}",
        hint=f"go on with `jobrunner resume --db {shlex.quote(str(copy))}`",
    )
