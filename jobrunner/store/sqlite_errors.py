"""Translate SQLite's errors into ours, with a hint for the user.

Errors are classified by code: SQLite's texts change between versions.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from jobrunner.errors import GET_BACK, DamageFound, DatabaseBusy, JobrunnerError, StoreError
from jobrunner.files.system_errors import lack_of_files, remedy

INDEX_SIZE = 1 << 15
"""Bytes by which SQLite extends the index of the write-ahead log (the -shm file)."""

_ADVICE = {
    sqlite3.SQLITE_FULL: ("the disk is full", "free some space"),
    sqlite3.SQLITE_IOERR: (
        "the disk reports an error",
        "check the disk and its free space, your quota, and the limit on file sizes (ulimit -f)",
    ),
    sqlite3.SQLITE_READONLY: ("it is read-only", "make the file and its directory writable"),
    sqlite3.SQLITE_BUSY: ("another process holds it", "end that process, or wait"),
    sqlite3.SQLITE_LOCKED: ("another process holds it", "end that process, or wait"),
    sqlite3.SQLITE_PROTOCOL: ("another process holds it", "wait"),
    sqlite3.SQLITE_CANTOPEN: ("it cannot be opened", "check the path and its permissions"),
    sqlite3.SQLITE_NOTADB: ("it is not a SQLite database", "choose another with --db"),
    sqlite3.SQLITE_PERM: ("permission denied", "check the file's permissions"),
    sqlite3.SQLITE_NOMEM: ("memory ran out", "free some memory"),
}

_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL)


@contextmanager
def translated(path: Path, *, quiet: bool = False, reading: bool = False) -> Iterator[None]:
    """Translate SQLite's errors into ours.

    ``quiet``: suppress them instead, for clean-up that must not hide an earlier error. ``reading``:
    the block only runs queries that succeed on any intact jobrunner database, so that an unknown
    error means damage.
    """
    try:
        yield
    except DBAPIError as error:
        if not quiet:
            raise _translate(path, error.orig, reading=reading) from error
    except sqlite3.Error as error:
        if not quiet:
            raise _translate(path, error, reading=reading) from error


def _translate(path: Path, error: BaseException | None, *, reading: bool) -> JobrunnerError:
    code = code_of(error)
    if _is_damage(error, code, reading=reading):
        return DamageFound(f"the database {path} is damaged: {error}", hint=GET_BACK)
    reason, hint = _advice(path, error, code)
    kind = DatabaseBusy if code in _BUSY else StoreError
    return kind(f"cannot use the database {path}: {reason}", hint=hint)


def reason_of(error: sqlite3.Error) -> str:
    """Return the reason of a SQLite error in our words."""
    return _ADVICE.get(code_of(error), (f"unexpected error: {error}", ""))[0]


def _is_damage(error: BaseException | None, code: int, *, reading: bool) -> bool:
    if code == 0:
        # An error of the driver, not of SQLite: a text is not UTF-8.
        return isinstance(error, sqlite3.OperationalError) or reading
    return code == sqlite3.SQLITE_CORRUPT or (reading and code not in _ADVICE)


def _advice(path: Path, error: BaseException | None, code: int) -> tuple[str, str]:
    """Return the reason of an error and a hint for the user."""
    # On a full disk or without free file descriptors, SQLite reports only an I/O or open error.
    if code == sqlite3.SQLITE_IOERR and _is_full(path.parent):
        return _ADVICE[sqlite3.SQLITE_FULL]
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR) and (lack := lack_of_files()):
        return str(lack.strerror), remedy(lack)
    return _ADVICE.get(code, (f"unexpected error: {error}", "check with `jobrunner doctor`"))


def _is_full(directory: Path) -> bool:
    """Return whether the log's index cannot grow for lack of space: SQLite does not report that."""
    try:
        return shutil.disk_usage(directory).free < INDEX_SIZE
    except OSError:
        return False


def code_of(error: BaseException | None) -> int:
    """Return SQLite's primary result code, or 0 if the error is not SQLite's."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF
