"""A database, or a whole directory, that was copied while a run was at work on it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobrunner.demo.openalex import OpenAlex
from jobrunner.demo.server import LocalServer
from tests.support import made_up_papers
from tests.support.events import Gate, eventually
from tests.support.program import Program, committed, finish, papers_of

Runner = subprocess.Popen[str]

PAPERS = [made_up_papers.by_doi(number) for number in range(40)]


@pytest.fixture
def held() -> Gate:
    """Holds back half of the answers that a run waits for."""
    return Gate()


@pytest.fixture
def slow_server(held: Gate) -> Iterator[LocalServer]:
    plan = held.after(len(PAPERS) // 2)
    with LocalServer(OpenAlex(made_up_papers.works()), latency=0.1, faults=plan) as server:
        yield server
        held.open()


@pytest.fixture
def at_work(tmp_path: Path, slow_server: LocalServer) -> Program:
    """A directory in which a run has committed a part, and goes on."""
    program = Program(tmp_path / "original", slow_server.base_url)
    program.input(PAPERS)
    return program


@pytest.fixture
def runner(at_work: Program) -> Iterator[Runner]:
    """The process that works on it."""
    child = at_work.start("run", "papers.json", "-o", "out.json", "--batch-size", 1)
    eventually(lambda: committed(at_work) >= 5)
    yield child
    child.kill()
    child.communicate()


def copied(program: Program, place: Path, *, wal: bool) -> Program:
    """Copy what lies in the directory while it changes, with the log or without it."""
    copy = Program(place)
    copy.environment = program.environment
    shutil.copytree(program.directory / ".jobrunner", place / ".jobrunner")
    if not wal:
        for suffix in ("-wal", "-shm"):
            copy.database.with_name(f"state.db{suffix}").unlink(missing_ok=True)
    return copy


def test_a_copied_directory_is_not_called_dead_and_both_can_be_finished(
    at_work: Program, runner: Runner, held: Gate, tmp_path: Path, server: LocalServer
) -> None:
    copy = copied(at_work, tmp_path / "copy", wal=True)
    assert "running (host" in at_work.call("status").stdout
    shown = copy.call("status").stdout
    pid = runner.pid
    assert "crashed, or this is a copy: its runner (host " in shown
    assert f"pid {pid}) is not using this database" in shown
    copy.call("verify")
    copy.environment = {**copy.environment, "JOBRUNNER_OPENALEX_BASE_URL": server.base_url}
    copy.call("resume", "-o", "copy.json")
    copy.call("verify")
    held.open()
    assert finish(runner).returncode == 0
    at_work.call("verify")
    assert "completed" in at_work.call("status").stdout
    original = papers_of(at_work.directory / "out.json")
    assert papers_of(copy.directory / "copy.json") == original


def test_a_file_copied_without_its_log_is_of_an_earlier_moment_or_told_to_be_empty(
    at_work: Program, runner: Runner, held: Gate, tmp_path: Path, server: LocalServer
) -> None:
    copy = copied(at_work, tmp_path / "copy", wal=False)
    done = copy.call("verify", code=None)
    held.open()
    assert finish(runner).returncode == 0
    assert done.returncode in (0, 1, 6), done
    assert "this is a bug" not in done.stderr
    if done.returncode:
        assert "no jobrunner database" in done.stderr or "damaged" in done.stderr
    elif copy.has_started():
        copy.environment = {**copy.environment, "JOBRUNNER_OPENALEX_BASE_URL": server.base_url}
        copy.call("resume", "-o", "copy.json")
        assert papers_of(copy.directory / "copy.json") == papers_of(at_work.directory / "out.json")


def test_a_runner_that_is_dead_is_called_dead(at_work: Program, runner: Runner) -> None:
    runner.kill()
    runner.communicate()
    assert "is dead" in at_work.call("status").stdout
