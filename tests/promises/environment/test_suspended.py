"""A process that is suspended, as by a laptop that sleeps, still holds its session and goes on."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from jobrunner.demo.server import LocalServer
from tests.promises.environment.conditions import RUN, told, torture
from tests.support.events import Gate, eventually
from tests.support.program import Program, committed, finish, papers_of

SLOWLY = (*RUN[:-4], "--batch-size", 3, "--checkpoint-interval", 0)


@pytest.mark.parametrize("connections", [torture("kept"), "cut"])
def test_a_suspended_run_holds_its_session_and_goes_on(
    loaded: Program,
    server: LocalServer,
    gate: Gate,
    uninterrupted: list[dict[str, Any]],
    connections: str,
) -> None:
    server.faults = gate.after(4)
    child = loaded.start(*SLOWLY)
    eventually(lambda: committed(loaded) >= 6)
    child.send_signal(signal.SIGSTOP)
    try:
        eventually(lambda: is_stopped(child.pid))
        seen = committed(loaded)
        shown = loaded.json("status")
        assert shown["state"] == "running"
        assert shown["last_run"]["pid"] == child.pid
        for command in (("resume",), RUN):
            said = told(loaded.call(*command, code=4))
            host = shown["last_run"]["host"]
            assert f"is running elsewhere: host {host}, pid {child.pid}, " in said
        assert committed(loaded) == seen
        gate.open()
        if connections == "cut":
            server.stop()
            server.start()
    finally:
        child.send_signal(signal.SIGCONT)
    server.faults = None
    assert finish(child).returncode == 0
    assert papers_of(loaded.directory / "out.json") == uninterrupted
    loaded.call("verify")


def is_stopped(pid: int) -> bool:
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:  # noqa: PTH123 - a view, no file
        return file.read().rpartition(")")[2].split()[0] == "T"


@pytest.mark.torture
def test_a_suspended_run_that_is_killed_frees_its_session(
    loaded: Program, server: LocalServer, gate: Gate, uninterrupted: list[dict[str, Any]]
) -> None:
    server.faults = gate.after(4)
    child = loaded.start(*SLOWLY)
    eventually(lambda: committed(loaded) >= 6)
    child.send_signal(signal.SIGSTOP)
    child.kill()
    child.communicate()
    assert loaded.json("status")["state"] == "crashed"
    gate.open()
    server.faults = None
    loaded.call("resume")
    assert papers_of(loaded.directory / "out.json") == uninterrupted
