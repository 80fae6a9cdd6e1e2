"""The torture harness finds nothing wrong with jobrunner, and all that is wrong with broken ones.

It runs as its command does: a process with threads, as that of the tests is, cannot be forked.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from jobrunner import crash_points
from tests.promises.kills import mutations
from tests.promises.kills.kill_series import Totals
from tests.promises.kills.plan import POINTS, plan_of

ROOT = Path(__file__).resolve().parents[3]

SMALL = ("--seed", 1, "--session", 12)
"""A session of two fast sources."""

SIGNS = {
    "counters_apart": ("counters: ", "is there without its records", (1, 0, 4)),
    "no_lease": ("lease: ", "a second runner worked", (3, 11, 6)),
    "late_checksum": ("snapshot: ", "has not its checksum beside it", (0, 1, 4)),
    "stale_checksum": ("snapshot: ", "a checksum beside it that is not its own", (0, 1, 4)),
    "torn_output": ("snapshot: ", "is torn", (0, 1, 4)),
    "redo": ("asked again: ", "before", (1, 0, 4)),
    "forgotten_identifiers": ("ending: ", "is not that of a session never killed", (1, 0, 4)),
}
"""By what the harness is to know each broken jobrunner, and in which sessions of a seed.

A kill by time may come too early or too late for it in one of them.
"""


def torture(place: Path, *options: object) -> tuple[Totals, str]:
    """Run the command; return its figures and what it said of failures."""
    place.mkdir(exist_ok=True)
    words = [str(option) for option in ("--json", "--directory", place, *options)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.promises.kills", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout, done.stderr
    totals = msgspec.json.decode(done.stdout, type=Totals)
    assert done.returncode == bool(totals.failed), done.stderr
    return totals, done.stderr


def test_a_session_that_is_killed_again_and_again_keeps_all_promises(tmp_path: Path) -> None:
    totals, said = torture(tmp_path, *SMALL)
    assert not totals.failed, said
    assert totals.sessions == 1
    assert totals.kills > 5
    assert totals.checks >= totals.kills == sum(totals.by_point.values())


def test_there_is_an_action_that_every_named_point_can_be_killed_in() -> None:
    assert {point for points in POINTS.values() for point in points} == set(crash_points.POINTS)


def test_a_seed_makes_the_same_plan_again_and_another_seed_another_one() -> None:
    assert plan_of(7, 3) == plan_of(7, 3)
    assert plan_of(7, 3) != plan_of(7, 4)
    assert plan_of(7, 3) != plan_of(8, 3)


@pytest.mark.torture
def test_a_failure_names_its_steps_and_the_command_that_repeats_it(tmp_path: Path) -> None:
    # What is redone may be found as asked again or as lost: kills by time decide.
    totals, said = torture(tmp_path, "--seed", 1, "--session", 1, "--mutation", "redo")
    [failed] = totals.failed
    assert any(problem in said for problem in failed.problems), said
    assert "scripts/torture --seed 1 --session 1 --mutation redo" in said
    assert all(step in said for step in failed.steps)


@pytest.mark.torture
def test_hundreds_of_kills_break_nothing(tmp_path: Path) -> None:
    totals, said = torture(tmp_path, "--kills", 600, "--seed", 20261125, "--seconds", 180)
    assert not totals.failed, said
    assert totals.kills > 100
    assert totals.own_processes > 0


@pytest.mark.torture
@pytest.mark.parametrize("mutation", mutations.ALL)
def test_a_broken_jobrunner_is_caught(tmp_path: Path, mutation: str) -> None:
    kind, sign, sessions = SIGNS[mutation]
    assert any(
        line.startswith(kind) and sign in line
        for session in sessions
        for line in problems_of(tmp_path / str(session), session, mutation)
    )


def problems_of(place: Path, session: int, mutation: str) -> list[str]:
    totals, _ = torture(place, "--seed", 3, "--session", session, "--mutation", mutation)
    return [problem for report in totals.failed for problem in report.problems]
