"""SQLite's errors, told apart by code and never by text, as ours: what a user can do about them."""

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
"""Bytes by which SQLite's index of the write-ahead log grows."""

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
    sqlite3.SQLITE_NOTADB: ("it is not a SQLite database", "name another with --db"),
    sqlite3.SQLITE_PERM: ("permission denied", "check the file's permissions"),
    sqlite3.SQLITE_NOMEM: ("memory ran out", "free some memory"),
}

_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL)


@contextmanager
def translated(path: Path, *, quiet: bool = False, reading: bool = False) -> Iterator[None]:
    """Turn SQLite's errors into ours, told apart by code and never by text.

    ``quiet``: swallow them instead, for clean-up that must not hide an earlier error. ``reading``:
    the block only asks what any whole database of ours can answer.
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
    """Say what an error of SQLite's means."""
    return _ADVICE.get(code_of(error), (f"unexpected error: {error}", ""))[0]


def _is_damage(error: BaseException | None, code: int, *, reading: bool) -> bool:
    if code == 0:
        # The driver's own error, not SQLite's: of a text that is no UTF-8.
        return isinstance(error, sqlite3.OperationalError) or reading
    return code == sqlite3.SQLITE_CORRUPT or (reading and code not in _ADVICE)


def _advice(path: Path, error: BaseException | None, code: int) -> tuple[str, str]:
    """Return the reason of an error and what a user can do about it."""
    # Without room or open files SQLite says that the disk fails, or that a file does not open.
    if code == sqlite3.SQLITE_IOERR and _is_full(path.parent):
        return _ADVICE[sqlite3.SQLITE_FULL]
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR) and (lack := lack_of_files()):
        return str(lack.strerror), remedy(lack)
    return _ADVICE.get(code, (f"unexpected error: {error}", "see `jobrunner doctor`"))


def _is_full(directory: Path) -> bool:
    """Tell what SQLite does not where its index of the log cannot grow: that no space is left."""
    try:
        return shutil.disk_usage(directory).free < INDEX_SIZE
    except OSError:
        return False


def code_of(error: BaseException | None) -> int:
    """Return SQLite's primary result code; 0 for an error that is not SQLite's own."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF
