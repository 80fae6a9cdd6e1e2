"""Deletes sessions, rows first and files second, and finishes deletions that were interrupted.

The directory is renamed before it is emptied, because another process that waits for the lock may
recreate the lock file in it at any time.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path

from jobrunner import crash_points
from jobrunner.errors import FileError
from jobrunner.files.locks import FileLock
from jobrunner.files.path_queries import exists
from jobrunner.settings.confirmations import forget
from jobrunner.store.database import Database
from jobrunner.store.lease import take_lease
from jobrunner.store.paths import SESSION_ID, deletion_mark, session_directory, session_lock
from jobrunner.store.rows import SessionRow
from jobrunner.store.sessions import delete_session, get_session, session_exists

_DOOMED = re.compile(rf"\.{SESSION_ID.pattern}\.[0-9a-f]{{8}}\.deleted")


def delete_whole(
    database: Database, session_id: str, *, wanted: Callable[[SessionRow], bool] = lambda _: True
) -> bool:
    """Delete the rows and the directory of a session if it is ``wanted``; return whether it was.

    ``wanted`` is called under the session's lease, when no other process can change the session.
    Raises LeaseHeld while the session is running, FileError if the files cannot be deleted.
    """
    with take_lease(database, session_id):
        if not wanted(get_session(database, session_id)):
            return False
        directory = session_directory(database.path, session_id)
        doomed = _doomed(directory)
        try:
            deletion_mark(directory).touch()
            delete_session(database, session_id)
            crash_points.point("delete.files")
            _delete_files(directory, doomed)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise FileError(
                f"cannot delete {directory}: {error.strerror}",
                hint=f"delete it by hand, or {doomed.name} next to it",
            ) from error
    forget(session_id)
    return True


def _delete_files(directory: Path, doomed: Path) -> None:
    directory.rename(doomed)
    _remove(doomed)


def _remove(doomed: Path) -> None:
    if doomed.is_symlink():
        doomed.unlink()  # whatever else is at its target is not ours to delete
    else:
        shutil.rmtree(doomed)


def _doomed(directory: Path) -> Path:
    return directory.with_name(f".{directory.name}.{secrets.token_hex(4)}.deleted")


def delete_leftovers(database: Database) -> None:
    """Delete directories that killed processes left of deleted or never loaded sessions.

    Other directories without a session stay: their snapshots may be the only copy of the results.
    """
    for directory in database.path.parent.iterdir():
        with contextlib.suppress(OSError):  # another process may be deleting it too
            if _DOOMED.fullmatch(directory.name):
                _remove(directory)
            elif SESSION_ID.fullmatch(directory.name) and _is_left_over(database, directory):
                _delete_alone(database, directory)


def _delete_alone(database: Database, directory: Path) -> None:
    """Delete a directory unless another process is creating a session in it."""
    with FileLock(_lock(database, directory)) as lock:
        alone = lock.acquire(exclusive=True, patience=0)
        if alone and _is_left_over(database, directory):
            _delete_files(directory, _doomed(directory))


def _lock(database: Database, directory: Path) -> Path:
    return session_lock(database.path, directory.name)


def _is_left_over(database: Database, directory: Path) -> bool:
    if session_exists(database, directory.name):
        return False
    nothing = {_lock(database, directory), deletion_mark(directory)}
    return exists(deletion_mark(directory)) or nothing.issuperset(directory.iterdir())
