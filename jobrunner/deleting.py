"""Deleting a session: its rows first, then its files.

The directory is renamed before it is emptied: another process that waits for the lock in it may
make the lock file again at any moment.
"""

from __future__ import annotations

import secrets
import shutil

from jobrunner.errors import FileError
from jobrunner.store.database import Database
from jobrunner.store.lease import session_directory
from jobrunner.store.runs import take_lease
from jobrunner.store.sessions import delete_session


def delete_whole(database: Database, session_id: str) -> None:
    """Delete the rows and the directory of a session.

    Raises LeaseHeld while it is running, FileError if the files cannot be deleted.
    """
    with take_lease(database, session_id):
        delete_session(database, session_id)
        directory = session_directory(database.path, session_id)
        doomed = directory.with_name(f".{directory.name}.{secrets.token_hex(4)}.deleted")
        try:
            directory.rename(doomed)
            shutil.rmtree(doomed)
        except FileNotFoundError:
            return
        except OSError as error:
            raise FileError(
                f"cannot delete {directory}: {error.strerror}",
                hint=f"delete it by hand, or {doomed.name} beside it",
            ) from error
