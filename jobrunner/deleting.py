"""Deleting a session: its rows first, then its files."""

from __future__ import annotations

import shutil

from jobrunner import faults
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
        faults.point("delete.files")
        directory = session_directory(database.path, session_id)
        try:
            shutil.rmtree(directory)
        except FileNotFoundError:
            return
        except OSError as error:
            raise FileError(
                f"cannot delete {directory}: {error.strerror}", hint="delete it by hand"
            ) from error
