"""What a command loads: libraries that it does not use would be most of the time it takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import made_up_papers
from tests.support.program import Program, install_source, load

NETWORK = {"anyio", "certifi", "h11", "httpcore2", "truststore"}
"""What connects to a service."""

SELDOM = {"alembic", "sqlalchemy.orm", "sqlalchemy.ext"}
"""Alembic is for upgrades, the rest of SQLAlchemy for nothing."""

HEAVY = NETWORK | SELDOM | {"httpx2", "rapidfuzz", "rich", "tenacity"}

WORK = {f"jobrunner.{name}" for name in ("http", "matching", "engine", "snapshots")}
"""Ours, which only a run needs, with the libraries that they use."""

LOADING = {"jobrunner.inputs", "jobrunner.operations.load", "jobrunner.consolidation.merge"}

ALL_BUT_THE_COMMAND_LINE = HEAVY | WORK | LOADING | {"asyncio", "msgspec", "sqlalchemy"}


def loaded(program: Program, *arguments: object, code: int = 0) -> set[str]:
    """Run the program to its end; return what it imported, packages as well as modules."""
    program.environment["PYTHONPROFILEIMPORTTIME"] = "1"
    told = program.run(*arguments, code=code).stderr.splitlines()
    del program.environment["PYTHONPROFILEIMPORTTIME"]
    return {line.rpartition("|")[2].strip() for line in told if line.startswith("import time:")}


@pytest.mark.parametrize(("word", "code"), [("--help", 0), ("--version", 0), ("", 2), ("ru", 2)])
def test_the_list_of_commands_needs_none_of_them(program: Program, word: str, code: int) -> None:
    modules = loaded(program, *word.split(), code=code)
    assert "typer" in modules
    assert modules & ALL_BUT_THE_COMMAND_LINE == set()


@pytest.mark.parametrize("words", ["jobrunner ", "jobrunner --"])
def test_completion_of_commands_needs_none_of_them(program: Program, words: str) -> None:
    program.environment |= {
        "_JOBRUNNER_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": "1",
    }
    modules = loaded(program)
    assert "typer" in modules
    assert modules & ALL_BUT_THE_COMMAND_LINE == set()


@pytest.mark.parametrize("command", ["status", "status --json"])
def test_who_only_looks_loads_nothing_that_works(program: Program, command: str) -> None:
    load(program, made_up_papers.papers(lookups=2, searches=0))
    modules = loaded(program, *command.split())
    assert "sqlalchemy" in modules
    assert modules & (HEAVY | WORK | LOADING) == set()


def test_who_lists_sessions_loads_nothing_that_runs(program: Program) -> None:
    load(program, made_up_papers.papers(lookups=2, searches=0))
    assert loaded(program, "sessions", "list") & (HEAVY | WORK) == set()


def test_a_run_loads_what_connects_at_the_first_request_alone(tmp_path: Path) -> None:
    program = Program(tmp_path / "work")
    install_source(program, "mine")
    papers = program.input(made_up_papers.papers(lookups=2, searches=0))
    modules = loaded(program, "run", papers, "--source", "mine")
    assert "jobrunner.http.batch_requests" in modules
    assert modules & (NETWORK | SELDOM | {"rich"}) == set()


def test_a_request_needs_what_connects(program: Program) -> None:
    papers = program.input(made_up_papers.papers(lookups=2, searches=0))
    assert {"anyio", "httpcore2"} <= loaded(program, "run", papers)
