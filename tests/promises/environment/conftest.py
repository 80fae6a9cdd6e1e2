"""A program and a server, and the paper list as a run enriches it that nothing befalls."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobrunner.demo.openalex import OpenAlex
from jobrunner.demo.server import LocalServer
from tests.promises.environment.conditions import RUN, Faults, Hold, holders, library_of_faults
from tests.support import made_up_papers
from tests.support.program import Program, papers_of

__all__ = ["library_of_faults"]


@pytest.fixture(scope="session")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    with LocalServer(OpenAlex(made_up_papers.works())) as server:
        program = Program(tmp_path_factory.mktemp("uninterrupted"), server.base_url)
        program.input(made_up_papers.papers())
        program.call(*RUN)
        return papers_of(program.directory / "out.json")


@pytest.fixture
def loaded(program: Program) -> Program:
    """The program with a paper list to read."""
    program.input(made_up_papers.papers())
    return program


@pytest.fixture
def faults(loaded: Program, library_of_faults: Path) -> Faults:
    return Faults(loaded, library_of_faults)


@pytest.fixture
def hold() -> Iterator[Hold]:
    with holders(sys.executable) as hold:
        yield hold
