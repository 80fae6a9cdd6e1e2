"""A clock that is set back or forward in the middle of a run delays nothing and changes nothing."""

from __future__ import annotations

from typing import Any

import pytest

from jobrunner.demo.server import LocalServer
from tests.promises.environment.conditions import RUN, Faults, torture
from tests.support.events import Gate, eventually
from tests.support.program import Program, committed, finish, papers_of
from tests.support.servers.faults import after, first, rate_limited, slow

HOUR, YEAR = 3600.0, 365 * 24 * 3600.0
SLOWLY = (*RUN[:-4], "--batch-size", 1, "--checkpoint-interval", 0.004)


@pytest.mark.parametrize("seconds", [-YEAR, torture(-HOUR), torture(HOUR), YEAR])
def test_a_clock_that_is_set_in_the_middle_changes_nothing(
    loaded: Program,
    faults: Faults,
    server: LocalServer,
    gate: Gate,
    uninterrupted: list[dict[str, Any]],
    seconds: float,
) -> None:
    server.faults = gate.after(7)
    faults.set_clock(0.0)
    child = loaded.start(*SLOWLY)
    eventually(lambda: committed(loaded) >= 6)
    before = committed(loaded)
    faults.set_clock(seconds)
    gate.open()
    eventually(lambda: committed(loaded) > before)
    shown = loaded.json("status")
    assert shown["state"] in ("running", "completed")
    assert all((source["eta_seconds"] or 0) >= 0 for source in shown["sources"])
    assert finish(child).returncode == 0
    years = loaded.query("SELECT DISTINCT substr(committed_at, 1, 4) FROM batch")
    assert len(years) == (2 if abs(seconds) == YEAR else len(years))
    assert papers_of(loaded.directory / "out.json") == uninterrupted
    loaded.call("verify")


@pytest.mark.parametrize("seconds", [-YEAR, torture(YEAR)])
def test_a_wait_that_a_source_asks_for_is_by_its_own_clock(
    loaded: Program, faults: Faults, server: LocalServer, seconds: float
) -> None:
    faults.set_clock(seconds)
    server.faults = first(1, rate_limited(1, as_date=True))
    loaded.run(*RUN)
    assert len(server.requests) > 1


@pytest.mark.torture
def test_a_session_that_was_left_in_the_future_goes_on(
    loaded: Program, faults: Faults, server: LocalServer, uninterrupted: list[dict[str, Any]]
) -> None:
    server.faults = after(6, slow(60))
    faults.set_clock(YEAR)
    child = loaded.start(*SLOWLY)
    eventually(lambda: committed(loaded) >= 6)
    child.kill()
    child.communicate()
    assert loaded.json("status")["state"] == "crashed"
    server.faults = None
    loaded.call("resume")
    assert papers_of(loaded.directory / "out.json") == uninterrupted
    loaded.call("verify")
