"""Limits of the system on file sizes, open files and memory: told, and nothing is lost."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
from typing import Any

import pytest

from jobrunner.demo.server import LocalServer
from tests.promises.environment.conditions import RUN, assert_it_goes_on, limited, told, torture
from tests.support.events import LIMIT_S, Gate, eventually
from tests.support.program import Program, committed, finish

MEGABYTE = 1_000_000
SLOWLY = (*RUN[:-4], "--batch-size", 3, "--checkpoint-interval", 0.004)


# ---- the size of files


@pytest.mark.parametrize("size", [torture(1000), 500_000])
def test_a_limit_on_the_size_of_files_is_told_as_what_it_may_be(
    loaded: Program, server: LocalServer, uninterrupted: list[dict[str, Any]], size: int
) -> None:
    loaded.prefix = limited(fsize=size)
    error = told(loaded.run(*RUN, code=1))
    assert "the disk reports an error|check the disk and its free space, your quota, and" in error
    loaded.prefix = ()
    assert_it_goes_on(loaded, server, uninterrupted)


def test_a_limit_on_the_size_of_files_leaves_an_old_output_alone(loaded: Program) -> None:
    loaded.call(*RUN)
    before = (loaded.directory / "out.json").read_bytes()
    loaded.prefix = limited(fsize=70_000)
    error = told(loaded.run("snapshot", "-o", "out.json", code=1))
    assert f"out.json: {os.strerror(errno.EFBIG)}|raise the limit on file sizes" in error
    assert (loaded.directory / "out.json").read_bytes() == before


def test_a_log_that_reaches_the_limit_is_cut_and_does_not_hide_what_is_wrong(
    loaded: Program, server: LocalServer, gate: Gate, uninterrupted: list[dict[str, Any]]
) -> None:
    server.faults = gate.after(4)
    child = loaded.start(*SLOWLY)
    eventually(lambda: committed(loaded) >= 6)
    resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (10, 10))
    gate.open()
    assert "state.db: the disk reports an error|" in told(finish(child))
    assert child.returncode == 1
    server.faults = None
    assert_it_goes_on(loaded, server, uninterrupted)


# ---- open files


@pytest.mark.parametrize("count", [torture(6), 9])
def test_too_few_open_files_are_told_before_anything_is_made(loaded: Program, count: int) -> None:
    loaded.prefix = limited(nofile=count)
    error = told(loaded.run(*RUN, code=1))
    assert f"only {count} files may be open at a time" in error
    assert "(ulimit -n)" in error
    assert not loaded.database.exists()


def test_open_files_that_run_out_during_the_run_are_told(
    loaded: Program, server: LocalServer, gate: Gate, uninterrupted: list[dict[str, Any]]
) -> None:
    server.faults = gate.after(4)
    child = loaded.start(*SLOWLY)
    eventually(lambda: committed(loaded) >= 6)
    resource.prlimit(child.pid, resource.RLIMIT_NOFILE, (6, 6))
    gate.open()
    error = told(finish(child))
    assert os.strerror(errno.EMFILE) in error
    assert "|raise the limit on open files (ulimit -n), then run `jobrunner resume " in error
    assert child.returncode == 1
    server.faults = None
    assert_it_goes_on(loaded, server, uninterrupted)


# ---- memory


PYTHON_DIED = 120
"""Python's own exit code where it cannot even clean up."""


def assert_memory_is_told(
    program: Program, server: LocalServer, uninterrupted: list[dict[str, Any]], megabytes: int
) -> None:
    """Run in little memory: it suffices, or the end is told, or Python dies as if it was killed.

    Python's event loop can also lose a call and wait for ever: then it is killed.
    """
    program.prefix = limited(**{"as": megabytes * MEGABYTE})
    child = program.start(*RUN)
    try:
        _, err = child.communicate(timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        child.kill()
        _, err = child.communicate()
    program.prefix = ()
    if child.returncode in (1, 75):
        assert "Traceback" not in err
        assert "bug" not in err, err
    if child.returncode == 1:
        assert "error: " in err
    assert child.returncode in (0, 1, 75, PYTHON_DIED) or child.returncode < 0, err
    if child.returncode != 0:
        assert_it_goes_on(program, server, uninterrupted)


@pytest.mark.parametrize("megabytes", [torture(50), torture(90)])
def test_memory_that_runs_out_is_told(
    loaded: Program, server: LocalServer, uninterrupted: list[dict[str, Any]], megabytes: int
) -> None:
    assert_memory_is_told(loaded, server, uninterrupted, megabytes)


@pytest.mark.torture
@pytest.mark.parametrize("megabytes", range(30, 130, 5))
def test_whenever_memory_runs_out_nothing_is_lost(
    loaded: Program, server: LocalServer, uninterrupted: list[dict[str, Any]], megabytes: int
) -> None:
    assert_memory_is_told(loaded, server, uninterrupted, megabytes)
