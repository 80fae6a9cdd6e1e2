"""Calls that the disk fails: what was not synced is not told as committed, and nothing is lost."""

from __future__ import annotations

import errno
import json
import os
import re
from typing import Any

import pytest

from jobrunner.demo.server import LocalServer
from tests.promises.environment.conditions import (
    MANY,
    RUN,
    Faults,
    assert_it_goes_on,
    told,
    torture,
)
from tests.support.events import Gate, eventually
from tests.support.program import Program, committed, finish, has_its_checksum, papers_of

LOG = "state.db-wal"


def told_as_committed(program: Program) -> int:
    """Return how many papers the log of the runs tells as committed."""
    [log] = program.database.parent.glob("*/run.log")
    lines = [json.loads(line)["message"] for line in log.read_text(encoding="utf-8").splitlines()]
    counts = [re.search(r"batch of (\d+) committed", line) for line in lines]
    return sum(int(count[1]) for count in counts if count)


@pytest.mark.parametrize(
    ("call", "path", "error", "count"),
    [
        ("sync", LOG, errno.EIO, 1),
        torture("sync", LOG, errno.EIO, MANY),
        torture("write", LOG, errno.EIO, 1),
        ("write", LOG, errno.EROFS, MANY),
    ],
)
def test_a_commit_that_the_disk_fails_is_not_told_as_one(  # noqa: PLR0917
    loaded: Program,
    faults: Faults,
    server: LocalServer,
    gate: Gate,
    uninterrupted: list[dict[str, Any]],
    call: str,
    path: str,
    error: int,
    count: int,
) -> None:
    faults.fail(call, path, error, count=count)
    faults.wait()
    server.faults = gate.after(4)
    child = loaded.start(*RUN[:-4], "--batch-size", 3, "--checkpoint-interval", 0)
    eventually(lambda: committed(loaded) >= 6)
    faults.begin()
    gate.open()
    said = told(finish(child))
    assert child.returncode == 1
    assert faults.stop() >= 1
    assert "state.db: the disk reports an error|check the disk" in said
    missed = loaded.query("SELECT count(*) FROM lookup_miss")[0][0]
    assert told_as_committed(loaded) == committed(loaded) + missed
    server.faults = None
    assert_it_goes_on(loaded, server, uninterrupted)


def test_a_read_that_the_disk_fails_ends_the_run(
    loaded: Program, faults: Faults, server: LocalServer, uninterrupted: list[dict[str, Any]]
) -> None:
    faults.fail("read", LOG, errno.EIO, count=MANY)
    done = loaded.run(*RUN, code=None)
    assert faults.stop() >= 1
    assert done.returncode in (1, 6)  # SQLite takes an unreadable page for a damaged one
    told(done)
    assert_it_goes_on(loaded, server, uninterrupted)


def test_a_write_into_the_file_itself_that_fails_leaves_all_in_the_log(
    loaded: Program, faults: Faults, uninterrupted: list[dict[str, Any]]
) -> None:
    faults.fail("write", "state.db", errno.ENOSPC, first=20, count=MANY)
    loaded.run(*RUN)
    assert faults.stop() >= 1
    assert papers_of(loaded.directory / "out.json") == uninterrupted
    loaded.call("verify")


@pytest.mark.parametrize(("call", "path"), [("sync", ".tmp"), torture("rename", ".json")])
def test_a_snapshot_that_the_disk_fails_is_none(
    loaded: Program,
    faults: Faults,
    server: LocalServer,
    uninterrupted: list[dict[str, Any]],
    call: str,
    path: str,
) -> None:
    faults.fail(call, path, errno.EIO, count=MANY)
    said = told(loaded.run(*RUN, code=1))
    assert faults.stop() >= 1
    assert (
        f".json: {os.strerror(errno.EIO)}|check the disk, or choose another path, then run `job"
        in said
    )
    assert loaded.query("SELECT * FROM snapshot") == []
    assert not (loaded.directory / "out.json").exists()
    assert_it_goes_on(loaded, server, uninterrupted)


@pytest.mark.torture
def test_a_snapshot_that_failed_once_is_made_up_for(
    loaded: Program, faults: Faults, uninterrupted: list[dict[str, Any]]
) -> None:
    faults.fail("sync", ".tmp", errno.EIO)
    done = loaded.run(*RUN)
    assert faults.stop() == 1
    assert "snapshot failed: cannot write " in done.stderr
    assert has_its_checksum(loaded.directory / "out.json")
    assert papers_of(loaded.directory / "out.json") == uninterrupted


def test_a_log_that_cannot_be_written_harms_no_run(
    loaded: Program, faults: Faults, uninterrupted: list[dict[str, Any]]
) -> None:
    faults.fail("write", "run.log", errno.EIO, count=MANY)
    done = loaded.run(*RUN)
    assert faults.stop() >= 1
    assert "error" not in done.stderr
    assert papers_of(loaded.directory / "out.json") == uninterrupted


@pytest.mark.torture
@pytest.mark.parametrize("count", [1, MANY])
@pytest.mark.parametrize(
    ("call", "path", "first"),
    [
        *(("sync", LOG, first) for first in range(1, 25)),
        *(("write", LOG, first) for first in range(1, 160, 7)),
        *(("read", LOG, first) for first in range(1, 30, 3)),
        *(("read", "state.db", first) for first in range(1, 40, 4)),
        *(("write", "state.db", first) for first in range(1, 40, 4)),
        *(("sync", "state.db", first) for first in range(1, 5)),
        *(("write", ".tmp", first) for first in range(1, 5)),
        *(("sync", ".tmp", first) for first in range(1, 7)),
        *(("sync", "snapshots", first) for first in range(1, 5)),
        *(("rename", ".json", first) for first in range(1, 6)),
        *(("rename", ".sha256", first) for first in range(1, 4)),
    ],
)
def test_whichever_call_fails_nothing_is_lost(
    loaded: Program,
    faults: Faults,
    server: LocalServer,
    uninterrupted: list[dict[str, Any]],
    call: str,
    path: str,
    first: int,
    count: int,
) -> None:
    faults.fail(call, path, errno.EIO, first=first, count=count)
    done = loaded.run(*RUN, code=None)
    faults.stop()
    assert done.returncode in (0, 1, 6)
    if done.returncode:
        told(done)
        assert_it_goes_on(loaded, server, uninterrupted)
    else:
        assert papers_of(loaded.directory / "out.json") == uninterrupted
        loaded.call("verify")
