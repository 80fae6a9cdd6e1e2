"""Looking at the databases beside one must not disturb the work on that one."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from jobrunner.store.salvage import databases_beside

TRY = """
import fcntl, sys
with open(sys.argv[1], "r+b") as file:
    fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
"""


def make(path: Path) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE notes (text)")
    return path


def test_other_databases_are_found_whatever_they_are_called(tmp_path: Path) -> None:
    database, *others = (make(tmp_path / name) for name in ("b.db", "a.sqlite", "c"))
    (tmp_path / "notes.txt").write_text("SQLite", encoding="utf-8")
    (tmp_path / "again.db").hardlink_to(database)
    make(tmp_path / "b.db.pre-0001.bak")
    assert list(databases_beside(database)) == others


@pytest.mark.parametrize("name", ["state.db", "state.db-wal", "state.db-shm", "state.db-journal"])
def test_no_lock_that_this_process_has_is_dropped(tmp_path: Path, name: str) -> None:
    database = make(tmp_path / "state.db")
    locked = tmp_path / name
    locked.touch()
    with locked.open("r+b") as file:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert list(databases_beside(database)) == []
        tried = subprocess.run(
            [sys.executable, "-c", TRY, os.fspath(locked)], capture_output=True, check=False
        )
    assert b"BlockingIOError" in tried.stderr
