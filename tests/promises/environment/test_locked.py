"""Other programs that read the database for long, or lock it for a while or for ever."""

from __future__ import annotations

import time
from typing import Any

import pytest

from jobrunner.demo.server import LocalServer
from jobrunner.store import database as module
from tests.promises.environment.conditions import RUN, Hold, assert_it_goes_on, told
from tests.support.events import Gate, eventually
from tests.support.program import Program, committed, finish, load, papers_of

SLOWLY = (*RUN[:-4], "--batch-size", 3, "--checkpoint-interval", 0.004)
LOCKS = {
    "writes": ("BEGIN IMMEDIATE",),
    "keeps everybody out": ("PRAGMA locking_mode = EXCLUSIVE", "BEGIN EXCLUSIVE"),
}


def test_a_reader_that_holds_on_hinders_nothing(
    loaded: Program,
    server: LocalServer,
    gate: Gate,
    hold: Hold,
    uninterrupted: list[dict[str, Any]],
) -> None:
    server.faults = gate.after(4)
    child = loaded.start(*SLOWLY)
    eventually(lambda: committed(loaded) >= 6)
    reader = hold(loaded.database, "BEGIN", "SELECT * FROM record")
    gate.open()
    assert finish(child).returncode == 0
    assert papers_of(loaded.directory / "out.json") == uninterrupted
    log = loaded.database.with_name("state.db-wal")
    assert log.stat().st_size > 0  # it cannot be folded while somebody reads
    reader.communicate("\n")
    loaded.call("verify")


def test_a_writer_that_lets_go_is_waited_for(
    loaded: Program,
    server: LocalServer,
    gate: Gate,
    hold: Hold,
    uninterrupted: list[dict[str, Any]],
) -> None:
    server.faults = gate.after(4)
    child = loaded.start(*SLOWLY)
    # Beside the lock the run cannot send anything more: an answer must be waiting before.
    eventually(lambda: committed(loaded) >= 6 and gate.asked > 4)
    writer = hold(loaded.database, *LOCKS["writes"])
    seen = committed(loaded)
    gate.open()
    eventually(lambda: gate.released)
    time.sleep(0.5)  # it would have been committed
    assert committed(loaded) == seen
    writer.communicate("\n")
    assert finish(child).returncode == 0
    assert papers_of(loaded.directory / "out.json") == uninterrupted
    loaded.call("verify")


@pytest.mark.parametrize("what", LOCKS)
def test_one_that_never_lets_go_is_told(
    loaded: Program, hold: Hold, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    session = load(loaded, [{"title": "Reading the ferns", "doi": "10.5555/study.1"}])
    monkeypatch.setattr(module, "BUSY_TIMEOUT_MS", 50)
    holder = hold(loaded.database, *LOCKS[what], "SELECT * FROM session")
    error = told(loaded.call("resume", code=1))
    assert "state.db: another process holds it|end that process, or wait" in error
    holder.communicate("\n")
    loaded.call("resume")
    assert loaded.json("status", session)["state"] == "completed"


@pytest.mark.torture
def test_a_writer_that_comes_in_the_middle_and_never_lets_go_ends_the_run(
    loaded: Program,
    server: LocalServer,
    gate: Gate,
    hold: Hold,
    uninterrupted: list[dict[str, Any]],
) -> None:
    server.faults = gate.after(4)
    child = loaded.start(*SLOWLY)
    eventually(lambda: committed(loaded) >= 6)
    writer = hold(loaded.database, *LOCKS["writes"])
    began = time.monotonic()
    gate.open()
    said = told(finish(child))
    assert child.returncode == 1
    assert "another process holds it|end that process, or wait, then run `jobrunner resume " in said
    assert time.monotonic() - began < 3 * module.BUSY_TIMEOUT_MS / 1000
    assert loaded.json("status")["state"] == "crashed"  # it could not even write its end
    writer.communicate("\n")
    server.faults = None
    assert_it_goes_on(loaded, server, uninterrupted)
