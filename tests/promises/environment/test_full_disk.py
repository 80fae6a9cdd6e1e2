"""On a disk that is full, whenever it fills up, a run stops with one line and goes on later."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobrunner.demo.server import LocalServer
from tests.promises.environment.conditions import (
    RUN,
    assert_it_goes_on,
    disk,
    fill,
    free,
    told,
    torture,
)
from tests.support import made_up_papers
from tests.support.events import Gate, eventually
from tests.support.program import Program, committed, finish, has_its_checksum

MOMENTS = {"a new database": 100, "loading": 700, "first batches": 1200}
"""Kilobytes that are left on the disk at the start, and what they do not suffice for."""


@pytest.fixture
def small(program: Program) -> Iterator[Program]:
    """The program in a directory that is a small disk, with a paper list to read."""
    with disk(program.directory, "8m"):
        program.input(made_up_papers.papers())
        yield program


@pytest.mark.parametrize("moment", [torture("a new database"), "loading", "first batches"])
def test_a_disk_without_room_is_told_and_with_room_it_goes_on(
    small: Program, server: LocalServer, uninterrupted: list[dict[str, Any]], moment: str
) -> None:
    fill(small.directory, leaving=1024 * MOMENTS[moment])
    error = told(small.run(*RUN, code=1))
    assert "state.db: the disk is full|free some space" in error
    assert ("then run `jobrunner resume " in error) == small.has_started()
    free(small.directory)
    assert_it_goes_on(small, server, uninterrupted)


@pytest.mark.torture
@pytest.mark.parametrize("kilobytes", range(0, 1700, 20))
def test_whatever_room_there_is_nothing_is_lost(
    small: Program, server: LocalServer, uninterrupted: list[dict[str, Any]], kilobytes: int
) -> None:
    fill(small.directory, leaving=1024 * kilobytes)
    done = small.run(*RUN, code=None)
    assert done.returncode in (0, 1)
    free(small.directory)
    if done.returncode:
        assert "free some space" in told(done)
        assert_it_goes_on(small, server, uninterrupted)


def test_a_disk_that_fills_up_during_the_run_stops_it(
    small: Program, server: LocalServer, gate: Gate, uninterrupted: list[dict[str, Any]]
) -> None:
    server.faults = gate.after(4)
    child = small.start(*RUN[:-4], "--batch-size", 3, "--checkpoint-interval", 0)
    eventually(lambda: committed(small) >= 6)
    fill(small.directory)
    gate.open()
    error = told(finish(child))
    assert child.returncode == 1
    assert "the disk is full|free some space, then run `jobrunner resume " in error
    assert 6 <= committed(small) < 71
    server.faults = None
    free(small.directory)
    assert_it_goes_on(small, server, uninterrupted)


def test_a_disk_without_room_for_the_output_loses_no_snapshot(
    loaded: Program, server: LocalServer, uninterrupted: list[dict[str, Any]]
) -> None:
    with disk(loaded.directory / "small", "16k") as place:
        output = place / "out.json"
        error = told(loaded.run(*RUN[:2], "-o", output, code=1))
        assert f"cannot write {output}: {os.strerror(errno.ENOSPC)}|free some space" in error
        safe = Path(error.partition("its content is safe in ")[2].partition(",")[0])
        assert has_its_checksum(safe)
        assert list(place.iterdir()) == []
        assert_it_goes_on(loaded, server, uninterrupted)
