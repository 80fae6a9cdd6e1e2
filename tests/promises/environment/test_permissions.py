"""What is read-only, forbidden, deleted or replaced, before a run or in the middle of one."""

from __future__ import annotations

import errno
import os
import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from jobrunner.demo.server import LocalServer
from tests.promises.environment.conditions import (
    RUN,
    assert_it_goes_on,
    disk,
    remount,
    told,
    torture,
    without_privileges,
)
from tests.support.events import Gate, eventually
from tests.support.program import Program, committed, finish, papers_of

SLOWLY = (*RUN[:-4], "--batch-size", 3, "--checkpoint-interval", 0.004)


@pytest.fixture
def slowly(loaded: Program, server: LocalServer, gate: Gate) -> Program:
    """The program, with a server that waits in the middle of a run until something is done."""
    server.faults = gate.after(4)
    return loaded


def directory_of_session(program: Program) -> Path:
    [directory] = [path for path in program.database.parent.iterdir() if path.is_dir()]
    return directory


# ---- read-only and forbidden


def test_a_read_only_disk_is_told_and_once_writable_it_goes_on(
    loaded: Program, server: LocalServer, uninterrupted: list[dict[str, Any]]
) -> None:
    with disk(loaded.database.parent, "8m") as place:
        assert remount(place, "ro")
        assert "|" in told(loaded.run(*RUN, code=1))
        assert remount(place, "rw")
        loaded.call(*RUN, "--max-requests", "openalex=3", code=1)
        assert remount(place, "ro")
        error = told(loaded.run("resume", "--max-requests", "openalex=100", code=1))
        assert re.search(rf"read-only|cannot be opened|{os.strerror(errno.EROFS)}", error)
        assert remount(place, "rw")
        loaded.call("resume", "--max-requests", "openalex=100", code=0)
        assert_it_ended_alike(loaded, uninterrupted)


def assert_it_ended_alike(program: Program, uninterrupted: list[dict[str, Any]]) -> None:
    program.call("verify")
    assert papers_of(program.directory / "out.json") == uninterrupted


def test_a_session_directory_that_becomes_read_only_is_told(
    slowly: Program, server: LocalServer, gate: Gate, uninterrupted: list[dict[str, Any]]
) -> None:
    slowly.prefix = without_privileges()
    child = slowly.start(*SLOWLY)
    eventually(lambda: committed(slowly) >= 3)
    place = directory_of_session(slowly)
    place.chmod(0o500)
    for snapshots in place.glob("snapshots"):
        snapshots.chmod(0o500)
    gate.open()
    error = told(finish(child))
    assert child.returncode == 1
    denied = os.strerror(errno.EACCES)
    assert f"{denied}|check the permissions of the file and its directory, " in error
    for directory in (place, *place.glob("snapshots")):
        directory.chmod(0o700)
    server.faults = None
    slowly.call("resume")
    assert_it_ended_alike(slowly, uninterrupted)


@pytest.mark.torture
def test_an_output_directory_that_becomes_read_only_loses_no_snapshot(
    slowly: Program, server: LocalServer, gate: Gate, uninterrupted: list[dict[str, Any]]
) -> None:
    place = slowly.directory / "results"
    place.mkdir()
    slowly.prefix = without_privileges()
    child = slowly.start(*RUN[:2], "-o", place / "out.json", *SLOWLY[4:])
    eventually(lambda: committed(slowly) >= 3)
    place.chmod(0o500)
    gate.open()
    error = told(finish(child))
    place.chmod(0o700)
    assert child.returncode == 1
    denied = os.strerror(errno.EACCES)
    assert f"cannot write {place / 'out.json'}: {denied}|check the permissions" in error
    assert Path(error.partition("its content is safe in ")[2].partition(",")[0]).exists()
    server.faults = None
    assert_it_goes_on(slowly, server, uninterrupted)


# ---- deleted and replaced


def test_a_session_directory_that_is_deleted_is_made_again(
    slowly: Program, gate: Gate, uninterrupted: list[dict[str, Any]]
) -> None:
    child = slowly.start(*SLOWLY)
    eventually(lambda: committed(slowly) >= 3)
    shutil.rmtree(directory_of_session(slowly), ignore_errors=True)
    gate.open()
    finish(child)
    assert child.returncode == 0
    assert_it_ended_alike(slowly, uninterrupted)


def test_a_deleted_lock_lets_a_second_run_in_and_the_first_one_stops(
    slowly: Program, server: LocalServer, gate: Gate, uninterrupted: list[dict[str, Any]]
) -> None:
    first = slowly.start(*SLOWLY)
    eventually(lambda: committed(slowly) >= 3)
    (directory_of_session(slowly) / "run.lock").unlink()
    second = slowly.start("resume", "-o", "out.json")
    eventually(lambda: len(slowly.query("SELECT 1 FROM run")) == 2)
    gate.open()
    assert "was taken over by another run; this one stops|" in told(finish(first))
    assert first.returncode == 4
    assert finish(second).returncode == 0
    server.faults = None
    assert_it_ended_alike(slowly, uninterrupted)


@pytest.mark.parametrize(
    "way", ["deleted", torture("replaced"), torture("deleted with its directory")]
)
def test_a_database_that_is_taken_away_is_saved_and_goes_on(
    slowly: Program, server: LocalServer, gate: Gate, uninterrupted: list[dict[str, Any]], way: str
) -> None:
    child = slowly.start(*SLOWLY[:-1], 0)
    eventually(lambda: committed(slowly) >= 6)
    if way == "deleted":
        slowly.database.unlink()
    elif way == "replaced":
        other = slowly.database.with_name("other")
        other.write_bytes(b"")
        other.replace(slowly.database)
    else:
        shutil.rmtree(slowly.database.parent, ignore_errors=True)
    gate.open()
    error = told(finish(child))
    assert child.returncode == 1
    copy = slowly.database.with_name("state.db.rescued-1")
    assert (
        f"was deleted or replaced while it was in use; everything committed was saved to {copy}|"
        in (error)
    )
    assert error.endswith(f"continue with `jobrunner resume --db {copy}`")
    with closing(sqlite3.connect(copy)) as saved:
        assert saved.execute("SELECT count(*) FROM record").fetchone()[0] >= 6
    server.faults = None
    slowly.call("resume", "--db", copy, "-o", "out.json")
    slowly.call("verify", "--db", copy)
    assert papers_of(slowly.directory / "out.json") == uninterrupted
