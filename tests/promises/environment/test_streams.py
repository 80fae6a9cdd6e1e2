"""Standard streams that are full, closed or no longer read, and a missing home."""

from __future__ import annotations

import errno
import os
import pty
import shlex
import signal
import subprocess
import sys
from typing import Any

import pytest

from jobrunner.demo.server import LocalServer
from tests.promises.environment.conditions import RUN, assert_it_goes_on, torture
from tests.support.events import LIMIT_S, Gate, eventually
from tests.support.program import Program, committed, papers_of

COMMAND = shlex.join(["run", *map(str, RUN[1:])])


def shell(program: Program, line: str) -> subprocess.CompletedProcess[str]:
    """Run a line of the shell; return its end, with the exit code of the program."""
    line = line.replace("jobrunner", shlex.join([sys.executable, "-m", "jobrunner"]), 1)
    return subprocess.run(
        ["bash", "-c", f"{line}; exit ${{PIPESTATUS[0]}}"],  # noqa: S607
        cwd=program.directory,
        env=program.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )


@pytest.mark.parametrize(
    "streams", [torture(">/dev/full"), ">/dev/full 2>/dev/full", "2>&1 | true", "<&- >&- 2>&-"]
)
def test_a_run_ends_well_though_nobody_can_be_told(
    loaded: Program, uninterrupted: list[dict[str, Any]], streams: str
) -> None:
    done = shell(loaded, f"jobrunner {COMMAND} {streams}")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "error" not in done.stderr
    assert papers_of(loaded.directory / "out.json") == uninterrupted
    loaded.call("verify")


def test_facts_that_cannot_be_written_are_an_error(loaded: Program) -> None:
    done = shell(loaded, "jobrunner sources >/dev/full")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"error: cannot write to standard output: {os.strerror(errno.ENOSPC)}",
        "  free some space",
    ]


def test_who_reads_only_the_beginning_is_told_nothing(loaded: Program) -> None:
    done = shell(loaded, "jobrunner sources | head -c 1")
    assert len(done.stdout) == 1
    assert done.stderr == ""


def test_a_terminal_that_goes_away_stops_the_run_gracefully(
    loaded: Program, server: LocalServer, gate: Gate, uninterrupted: list[dict[str, Any]]
) -> None:
    server.faults = gate.after(4)
    terminal, end = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-m", "jobrunner", *map(str, RUN)],
        cwd=loaded.directory,
        env=loaded.environment,
        stdin=end,
        stdout=end,
        stderr=end,
    )
    os.close(end)
    eventually(lambda: committed(loaded) >= 10)
    os.close(terminal)
    child.send_signal(signal.SIGHUP)
    [log] = loaded.database.parent.glob("*/run.log")
    eventually(lambda: "stopping" in log.read_text(encoding="utf-8"))
    gate.open()
    assert child.wait(timeout=LIMIT_S) == 75
    assert loaded.json("status")["last_error"] == "signal SIGHUP"
    server.faults = None
    assert_it_goes_on(loaded, server, uninterrupted)


@pytest.mark.parametrize("home", [torture(None), "/nonexistent"])
def test_neither_home_nor_a_place_for_temporary_files_is_needed(
    loaded: Program, uninterrupted: list[dict[str, Any]], home: str | None
) -> None:
    for name in ("HOME", "TMPDIR"):
        loaded.environment.pop(name, None)
        if home:
            loaded.environment[name] = home
    loaded.run(*RUN)
    assert papers_of(loaded.directory / "out.json") == uninterrupted
