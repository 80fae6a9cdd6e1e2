"""Killed at any moment and resumed, a session ends as if nothing had happened."""

from __future__ import annotations

import random
import time

import pytest

from jobrunner import crash_points
from jobrunner.demo.openalex import OpenAlex
from jobrunner.demo.server import LocalServer
from tests.support import made_up_papers
from tests.support.program import Program, papers_of, was_killed
from tests.support.session_checks import (
    assert_all_is_well,
    assert_counters_are_the_rows,
    committed_questions,
)

RUN = ("--batch-size", 10, "--checkpoint-interval", 0.002)
MOMENTS = [
    "load.inside",
    "commit.inside:3",
    "commit.before:1",
    "commit.after:1",
    "snapshot.begin",
    "snapshot.renamed:2",
    "snapshot.recorded",
    "run.ending",
]
"""A moment of each kind; ``tests/promises/kills`` kills at all of them, again and again."""

MORE_MOMENTS = [
    "batch.answered:2",
    "commit.before:7",
    "commit.after:8",
    "snapshot.half",
    "snapshot.written:2",  # the first is the file with the address and the output that were named
    "snapshot.recording",
]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, object]]:
    with LocalServer(OpenAlex(made_up_papers.works())) as server:
        program = Program(tmp_path_factory.mktemp("uninterrupted"), server.base_url)
        program.input(made_up_papers.papers())
        program.run("run", "papers.json", "-o", "out.json", *RUN)
        return papers_of(program.directory / "out.json")


def test_the_moments_are_named_ones() -> None:
    """Those that are not here are for `tests/promises/kills`, which kills at all of them."""
    moments = MOMENTS + MORE_MOMENTS
    assert {moment.partition(":")[0] for moment in moments} < set(crash_points.POINTS)


@pytest.mark.parametrize(
    "moment", [*MOMENTS, *(pytest.param(m, marks=pytest.mark.torture) for m in MORE_MOMENTS)]
)
def test_a_kill_loses_and_repeats_no_committed_batch(
    moment: str, program: Program, server: LocalServer, uninterrupted: list[dict[str, object]]
) -> None:
    program.input(made_up_papers.papers())
    killed = program.run("run", "papers.json", "-o", "out.json", *RUN, fault=moment, code=None)
    assert was_killed(killed.returncode), f"{moment} was never passed\n{killed.stderr}"
    asked_before = len(server.requests)
    if moment == "load.inside":
        assert program.json("sessions", "list") == []
        program.run("run", "papers.json", "-o", "out.json", *RUN)
    else:
        assert_counters_are_the_rows(program)
        committed = committed_questions(program)
        program.run("resume", "-o", "out.json")
        asked_again = {name for one in server.requests[asked_before:] for name in one.ids}
        assert committed.isdisjoint(asked_again)
    assert_all_is_well(program)
    assert papers_of(program.directory / "out.json") == uninterrupted


@pytest.mark.torture
def test_kills_at_random_moments_until_done(
    program: Program, server: LocalServer, uninterrupted: list[dict[str, object]]
) -> None:
    chance = random.Random(20261124)
    server.latency = 0.03
    program.input(made_up_papers.papers())
    command: tuple[object, ...] = ("run", "papers.json", "-o", "out.json", *RUN)
    kills = 0
    for _ in range(8):
        child = program.start(*command)
        enough = len(server.requests) + chance.randint(0, 4)
        while child.poll() is None and len(server.requests) < enough:
            time.sleep(0.002)
        time.sleep(chance.uniform(0, 0.05))
        child.kill()
        child.communicate()
        kills += was_killed(child.returncode)
        if program.has_started():
            assert_counters_are_the_rows(program)
            command = ("resume", "-o", "out.json")
            if program.query("SELECT status FROM session") == [("completed",)]:
                break
    else:
        program.run(*command)
    assert kills > 0
    assert_all_is_well(program)
    assert papers_of(program.directory / "out.json") == uninterrupted


@pytest.mark.parametrize(
    ("moment", "command"),
    [
        ("retry.between", ("retry", "{session}", "--not-found")),
        ("sources.chosen", ("resume", "{session}", "--source", "openalex", "--source", "crossref")),
        ("input.added", ("resume", "{session}", "--update-input")),
    ],
)
def test_a_completed_session_has_work_again_from_the_moment_it_gets_it(
    moment: str, command: tuple[str, ...], program: Program
) -> None:
    program.environment["JOBRUNNER_CROSSREF_BASE_URL"] = "http://127.0.0.1:9"
    program.input(made_up_papers.papers(lookups=3, searches=0))
    program.run("run", "papers.json")
    program.input(made_up_papers.papers(lookups=4, searches=0))
    [(session, status)] = program.query("SELECT id, status FROM session")
    assert status == "completed"
    words = [word.format(session=session) for word in command]
    assert was_killed(program.run(*words, fault=moment, code=None).returncode)
    assert program.query("SELECT status FROM session") == [("pending",)]
