"""Stopping before the end, and what another process sees meanwhile."""

from __future__ import annotations

import itertools
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from jobrunner.demo.messages import Fault, Plan, Request
from jobrunner.demo.openalex import OpenAlex
from jobrunner.demo.server import LocalServer
from jobrunner.errors import ExitCode
from jobrunner.sources.openalex.service import WITH_KEY
from tests.support import made_up_papers
from tests.support.events import LIMIT_S, Gate, eventually
from tests.support.program import (
    Program,
    adopt,
    committed,
    finish,
    has_its_checksum,
    papers_of,
    was_killed,
)
from tests.support.servers.faults import always, dropped

PAPERS = [made_up_papers.by_doi(number) for number in range(75)]
"""One by one, at the pace that OpenAlex allows, they take two and a half seconds."""

ONE_BY_ONE = ("run", "papers.json", "-o", "out.json", "--batch-size", 1)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    with LocalServer(OpenAlex(made_up_papers.works())) as server:
        program = Program(tmp_path_factory.mktemp("uninterrupted"), server.base_url)
        program.input(PAPERS)
        program.run("run", "papers.json", "-o", "out.json")
        return papers_of(program.directory / "out.json")


def session_of(program: Program) -> str:
    return str(program.query("SELECT id FROM session")[0][0])


def wait_until_committed(program: Program, count: int) -> None:
    eventually(lambda: committed(program) >= count)


def enriched_in(path: Path) -> int:
    """Count the papers of a snapshot that have a record."""
    return sum("records" in paper for paper in json.loads(path.read_bytes())["papers"])


def start_patient(program: Program, *arguments: object) -> subprocess.Popen[str]:
    """Start the program with a grace period without end."""
    return subprocess.Popen(
        [sys.executable, "-c", PATIENT, *map(str, arguments)],
        cwd=program.directory,
        env=program.environment,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


# ---- gracefully

REASONS = {
    "SIGINT": "signal SIGINT",
    "SIGTERM": "signal SIGTERM",
    "SIGHUP": "signal SIGHUP",
    "--max-time": "time limit",
}
"""Ways to stop a run, with the reason that it gives."""

QUICK = 10
"""Requests that are answered at once; those after them when the run has heard of the stop."""

PATIENT = """
import sys
from jobrunner.engine import worker
from jobrunner.__main__ import main
worker.GRACE_S = 10_000.0
sys.argv[0] = "jobrunner"
main()
"""
"""The program with a grace period that no test outlasts, to see that it was not waited for."""

TIME_S = 8
"""Seconds of a time limit within which the first requests are made."""


class Stopped(NamedTuple):
    """A run that was stopped before its end; ``asked`` is every request that it made."""

    program: Program
    asked: list[Request]
    said: subprocess.CompletedProcess[str]
    reason: str

    @property
    def output(self) -> Path:
        return self.program.directory / "out.json"


def noting(asked: list[Request], plan: Plan) -> Plan:
    """Let a plan hold, and note each request as it comes in."""

    def noted(request: Request, number: int) -> Fault | None:
        asked.append(request)
        return plan(request, number)

    return noted


def is_answer_under_way(asked: list[Request]) -> bool:
    return len(asked) > QUICK


def is_stopping(program: Program) -> bool:
    """Tell whether a run has heard that it is to stop."""
    logs = program.database.parent.glob("*/run.log")
    return any("stopping (" in log.read_text(encoding="utf-8") for log in logs)


@pytest.fixture(scope="module")
def all_stopped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Stopped]]:
    """Runs at the same time, each stopped in one way while answers are under way."""
    with ExitStack() as stack:
        started, gates = {}, {}
        for way in REASONS:
            asked: list[Request] = []
            gate = Gate()
            plan = noting(asked, gate.after(QUICK))
            server = stack.enter_context(LocalServer(OpenAlex(made_up_papers.works()), faults=plan))
            program = Program(tmp_path_factory.mktemp("stopped"), server.base_url)
            program.input(PAPERS)
            stack.callback(gate.open)
            limit = (way, f"{TIME_S}s") if way.startswith("--") else ()
            started[way] = program, asked, program.start(*ONE_BY_ONE, *limit)
            gates[way] = gate
        for way, (_, asked, child) in started.items():
            if way in signal.Signals.__members__:
                eventually(partial(is_answer_under_way, asked))
                child.send_signal(signal.Signals[way])
        for way, (program, _, _) in started.items():
            eventually(partial(is_stopping, program))
            gates[way].open()
        yield {
            way: Stopped(program, asked, finish(child), REASONS[way])
            for way, (program, asked, child) in started.items()
        }


@pytest.fixture(params=REASONS)
def stopped(request: pytest.FixtureRequest, all_stopped: dict[str, Stopped]) -> Stopped:
    return all_stopped[request.param]


def test_a_stopped_run_ends_with_the_exit_code_of_a_temporary_failure(stopped: Stopped) -> None:
    assert stopped.said.returncode == 75
    assert f"interrupted: {stopped.reason}\n" in stopped.said.stderr


def test_a_stopped_run_tells_the_command_that_goes_on(stopped: Stopped) -> None:
    command = f"next: jobrunner resume {session_of(stopped.program)}\n"
    assert stopped.said.stderr.endswith(command)


def test_a_stopped_session_is_interrupted(stopped: Stopped) -> None:
    ended = stopped.program.query("SELECT s.status, r.ending, r.reason FROM session s, run r")
    assert ended == [("interrupted", "interrupted", stopped.reason)]


def test_requests_under_way_are_waited_for_and_their_batches_committed(stopped: Stopped) -> None:
    assert 0 < len(stopped.asked) < len(PAPERS)
    assert committed(stopped.program) == len(stopped.asked)


def test_a_stopped_run_leaves_a_snapshot_of_all_that_is_committed(stopped: Stopped) -> None:
    assert enriched_in(stopped.output) == committed(stopped.program)
    assert has_its_checksum(stopped.output)


@pytest.fixture(scope="module")
def all_resumed(
    all_stopped: dict[str, Stopped], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, tuple[Path, LocalServer]]]:
    """The outputs of the same sessions after a resume, and the servers that these asked."""
    with ExitStack() as stack:
        started = {}
        for way, stopped in all_stopped.items():
            server = stack.enter_context(LocalServer(OpenAlex(made_up_papers.works())))
            program = Program(tmp_path_factory.mktemp("resumed"), server.base_url)
            adopt(program, stopped.program)
            command = ("resume", "--batch-size", 100, "-o", "out.json")
            started[way] = program.directory / "out.json", server, program.start(*command)
        assert [finish(child).returncode for _, _, child in started.values()] == [0] * len(REASONS)
        yield {way: (output, server) for way, (output, server, _) in started.items()}


@pytest.mark.parametrize("way", REASONS)
def test_a_stopped_session_ends_as_if_nothing_had_happened(
    way: str,
    all_stopped: dict[str, Stopped],
    all_resumed: dict[str, tuple[Path, LocalServer]],
    uninterrupted: list[dict[str, Any]],
) -> None:
    output, server = all_resumed[way]
    assert papers_of(output) == uninterrupted
    left = len(PAPERS) - committed(all_stopped[way].program)
    assert [len(request.ids) for request in server.requests] == [left]


# ---- too late


@pytest.mark.parametrize("way", ["SIGTERM", "--max-time"])
def test_a_run_whose_last_answers_come_after_the_stop_is_done(
    program: Program, server: LocalServer, gate: Gate, way: str
) -> None:
    asked: list[Request] = []
    server.faults = noting(asked, gate.after(0))
    program.input(PAPERS[:4])
    limit = ("--max-time", f"{TIME_S}s") if way[0] == "-" else ()
    child = program.start("run", "papers.json", *limit)
    eventually(lambda: asked)
    if way == "SIGTERM":
        child.terminate()
    eventually(lambda: is_stopping(program))
    gate.open()
    said = finish(child)
    assert "stopping (" in said.stderr
    assert "completed: all papers are done\n" in said.stderr
    assert said.returncode == 0
    assert program.query("SELECT ending, reason FROM run") == [("completed", "all papers are done")]


# ---- at once


def stop_at_once(child: subprocess.Popen[str]) -> None:
    """Send SIGINT, and again when the first one has been heard."""
    assert child.stderr is not None
    child.send_signal(signal.SIGINT)
    while not (line := child.stderr.readline()).startswith("stopping"):
        assert line, "it has ended without saying that it stops"
    child.send_signal(signal.SIGINT)


def test_a_second_signal_stops_at_once_and_loses_no_committed_batch(
    program: Program, server: LocalServer, gate: Gate, uninterrupted: list[dict[str, Any]]
) -> None:
    server.faults = gate.after(5)
    program.input(PAPERS)
    child = start_patient(program, *ONE_BY_ONE)
    wait_until_committed(program, 5)
    stop_at_once(child)
    assert finish(child).returncode == 75
    gate.open()
    assert program.query("SELECT status FROM session") == [("interrupted",)]
    assert committed(program) == 5
    server.faults = None
    program.run("resume", "--batch-size", 100)
    assert papers_of(program.directory / "out.json") == uninterrupted


# ---- from outside


def test_a_run_that_was_put_to_sleep_with_requests_under_way_goes_on(
    program: Program, server: LocalServer, gate: Gate, uninterrupted: list[dict[str, Any]]
) -> None:
    server.faults = gate.after(5)
    program.input(PAPERS[:10])
    child = program.start(*ONE_BY_ONE)
    wait_until_committed(program, 5)
    child.send_signal(signal.SIGSTOP)
    asleep = program.json("status")
    child.send_signal(signal.SIGCONT)
    gate.open()
    assert (asleep["state"], asleep["last_run"]["pid"]) == ("running", child.pid)
    assert finish(child).returncode == 0
    assert papers_of(program.directory / "out.json") == uninterrupted[:10]


@pytest.fixture
def at_work(program: Program, server: LocalServer, gate: Gate) -> Iterator[subprocess.Popen[str]]:
    """A run that waits for an answer."""
    asked: list[Request] = []
    server.faults = noting(asked, gate.after(0))
    program.input(PAPERS[:4])
    child = program.start("run", "papers.json")
    eventually(lambda: asked)
    yield child
    child.kill()
    child.communicate()


def test_a_second_runner_is_refused_and_told_who_the_first_is(
    program: Program, at_work: subprocess.Popen[str]
) -> None:
    said = program.run("resume", code=4).stderr
    assert f"session {session_of(program)} is running elsewhere" in said
    assert re.search(rf"host \S+, pid {at_work.pid}, since \d{{4}}-\d\d-\d\dT", said)
    assert at_work.poll() is None


# ---- while a list is loaded


def test_a_list_that_was_not_loaded_whole_is_no_session_and_is_cleaned_up(
    program: Program, server: LocalServer
) -> None:
    program.input([{"title": f"A paper, number {number}"} for number in range(1500)], "long.json")
    killed = program.run("run", "long.json", fault="load.inside:2", code=None)
    assert was_killed(killed.returncode)
    assert program.query("SELECT count(*) FROM paper") == [(1000,)]
    assert "no session" in program.run("status", code=1).stderr
    program.input(PAPERS[:2])
    program.run("run", "papers.json")
    assert program.query("SELECT count(*) FROM paper") == [(2,)]
    places = [path.name for path in program.database.parent.iterdir() if path.is_dir()]
    assert places == [session_of(program)]


def test_a_source_that_is_only_tried_again_does_not_use_up_the_grace_period(
    program: Program, server: LocalServer
) -> None:
    server.faults = always(dropped())
    program.input(PAPERS)
    child = start_patient(program, *ONE_BY_ONE)
    eventually(lambda: len(server.requests) > 3 and program.has_started())
    child.terminate()
    asked = len(server.requests)
    child.communicate(timeout=LIMIT_S)
    assert child.returncode == ExitCode.STOPPED
    assert len(server.requests) < asked + WITH_KEY.concurrency


@pytest.mark.parametrize("pause", [0.02, 0.1])
def test_a_storm_of_signals_ends_with_the_exit_code_of_a_temporary_failure(
    pause: float, program: Program, server: LocalServer, gate: Gate
) -> None:
    server.faults = gate.after(5)
    program.input(PAPERS)
    child = start_patient(program, *ONE_BY_ONE)
    wait_until_committed(program, 5)
    signals = itertools.cycle((signal.SIGTERM, signal.SIGINT, signal.SIGHUP))
    while child.poll() is None:
        child.send_signal(next(signals))
        time.sleep(pause)
    assert child.returncode == 75
    gate.open()
    finish(child)
    assert committed(program) >= 5
    assert program.query("SELECT status FROM session") == [("interrupted",)]
