"""Where the files of a database and of its sessions are."""

from __future__ import annotations

from pathlib import Path

from jobrunner.store.paths import session_directory, session_lock


def test_the_lock_of_a_session_is_in_its_directory_beside_the_database() -> None:
    database = Path("/data/state.db")
    assert session_directory(database, "20261124-x") == Path("/data/20261124-x")
    assert session_lock(database, "20261124-x") == Path("/data/20261124-x/run.lock")
