"""Read the schema revision of a database without changing it, or upgrade the database."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from jobrunner.errors import StoreError
from jobrunner.files.path_queries import is_file, real_path
from jobrunner.store.database import APPLICATION_ID, connect
from jobrunner.store.migrations import current_revision, make, upgrade
from jobrunner.store.schema import HEAD
from jobrunner.store.sqlite_errors import code_of, translated


def read_revision(path: Path) -> str | None:
    """Return the revision of a database, None if it is empty. Raises :class:`StoreError`."""
    if not is_file(path):
        raise StoreError(f"no database at {path}", hint="choose one with --db")
    with translated(path):
        try:
            return _revision_of(path, "ro")
        except sqlite3.OperationalError as error:
            if code_of(error) != sqlite3.SQLITE_READONLY:
                raise
        return _revision_of(path, "rw")  # a killed writer left a journal: only a writer can recover


def _revision_of(path: Path, mode: str) -> str | None:
    address = f"file:{quote(os.fsencode(real_path(path)))}?mode={mode}"
    with closing(sqlite3.connect(address, uri=True)) as connection:
        owner = connection.execute("PRAGMA application_id").fetchone()[0]
        if owner != APPLICATION_ID and path.stat().st_size:
            raise StoreError(f"{path} is not a jobrunner database", hint="choose another with --db")
        return current_revision(connection)


def upgrade_database(path: Path) -> tuple[str | None, str, Path | None]:
    """Upgrade a database. Return its revision before and after, and the backup copy if any.

    Raises StoreError, Refused (made by a newer jobrunner) or LeaseHeld (in use by a run).
    """
    before = read_revision(path)
    path = real_path(path)
    if before == HEAD:
        return before, before, None
    backup = None
    with translated(path):
        if before is None:
            make(path, connect)
        else:
            backup = upgrade(path, connect, before)
    return before, HEAD, backup
