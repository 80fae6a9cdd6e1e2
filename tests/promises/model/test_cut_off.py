"""A command that is killed at any of its transactions leaves a session that says what is left."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.promises.model.fork_server import COMMIT_AFTER, COMMIT_BEFORE, Done, ForkServer
from tests.promises.model.world import ALPHA, BETA, World, install
from tests.support import made_up_papers
from tests.support.program import Program, papers_of

FAILS, IS_NOT_THERE, MORE = 1, 4, 6
"""Numbers of papers: one that fails, one that is not found, and one that is added."""


class Case(NamedTuple):
    """A command for a completed session, and how the world changes before it."""

    arguments: tuple[str, ...]
    prepare: Callable[[Program, World], None]


def grown(program: Program, _world: World) -> None:
    program.input([made_up_papers.by_doi(number) for number in range(MORE + 1)])


def healed(_program: Program, world: World) -> None:
    world.refused[ALPHA].clear()
    world.held[ALPHA] |= {IS_NOT_THERE}
    world.serve(ALPHA)


CASES = {
    "retry --failed": Case(("retry", "{}", "--failed"), healed),
    "retry of both": Case(("retry", "{}", "--failed", "--not-found"), healed),
    "another source": Case(("resume", "{}", "--source", ALPHA, "--source", BETA), healed),
    "new papers": Case(("resume", "{}", "--update-input"), grown),
}


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with ExitStack() as stack:
        yield World(stack)


@pytest.fixture(scope="module")
def fork_server(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForkServer]:
    place = tmp_path_factory.mktemp("fork_server")
    install(place / "packages")
    with closing(ForkServer(place, world.environment(place / "packages"))) as fork_server:
        yield fork_server


@pytest.fixture(scope="module")
def template(
    world: World, fork_server: ForkServer, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A completed session, with a paper that failed and one that was not found."""
    program = Program(tmp_path_factory.mktemp("template") / "work")
    program.input([made_up_papers.by_doi(number) for number in range(MORE)])
    world.refused[ALPHA] = {FAILS}
    world.serve(ALPHA)
    run = ("run", "papers.json", "--source", ALPHA, "--batch-size", 3)
    assert fork_server.run(program.directory, *run).code == 3
    return program.directory


def cut_off(
    case: Case,
    template: Path,
    place: Path,
    world: World,
    fork_server: ForkServer,
    kill: tuple[str, int] | None,
) -> tuple[Program, str, Done]:
    """Do a command on a session as the template has it, killed at a moment."""
    shutil.copytree(template, place)
    program = Program(place)
    database = program.database
    source = template / "papers.json"
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(
            "UPDATE session SET input_path = replace(input_path, ?, ?)",
            (str(source), str(place / "papers.json")),
        )
    world.reset()
    case.prepare(program, world)
    [(session,)] = program.query("SELECT id FROM session")
    arguments = [part.format(session) for part in case.arguments]
    return program, session, fork_server.run(place, *arguments, kill=kill)


@pytest.mark.torture
@pytest.mark.parametrize("moment", [COMMIT_AFTER, COMMIT_BEFORE])
@pytest.mark.parametrize("name", CASES)
def test_a_command_cut_off_at_any_transaction_is_finished_by_a_resume(
    name: str, moment: str, template: Path, world: World, fork_server: ForkServer, tmp_path: Path
) -> None:
    case = CASES[name]
    program, session, done = cut_off(case, template, tmp_path / "whole", world, fork_server, None)
    code, whole = done.code, outcomes(program, session)
    assert code in (0, 3), done.said
    for count in range(1, 100):
        place = tmp_path / str(count)
        program, session, done = cut_off(case, template, place, world, fork_server, (moment, count))
        if not done.killed:
            assert count > 3, "it writes in more transactions than that"
            return
        status = program.json("status", session)
        if any(source["pending"] for source in status["sources"]):
            assert status["state"] != "completed", count
        program.call("verify")
        again = fork_server.run(place, *[part.format(session) for part in case.arguments])
        assert again.code == code, again.said
        assert outcomes(program, session) == whole, count
    pytest.fail("it never ends")


def outcomes(program: Program, session: str) -> list[dict[str, str]]:
    """Return what each source says of each paper of the newest snapshot."""
    newest = program.database.parent / session / "papers_enriched.json"
    return [
        {name: record["outcome"] for name, record in paper["records"].items()}
        for paper in papers_of(newest)
    ]
