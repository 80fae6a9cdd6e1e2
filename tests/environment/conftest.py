"""A program and a server, and the paper list as a run enriches it that nothing befalls."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobrunner.sample import LocalServer, OpenAlex
from tests.cli import library
from tests.cli.running import Program, papers_of

from .conditions import RUN, Faults, Hold, holders, library_of_faults

__all__ = ["library_of_faults"]


@pytest.fixture(scope="session")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    with LocalServer(OpenAlex(library.works())) as server:
        program = Program(tmp_path_factory.mktemp("uninterrupted"), server.base_url)
        program.input(library.papers())
        program.call(*RUN)
        return papers_of(program.directory / "out.json")


@pytest.fixture
def loaded(program: Program) -> Program:
    """The program with a paper list to read."""
    program.input(library.papers())
    return program


@pytest.fixture
def faults(loaded: Program, library_of_faults: Path) -> Faults:
    return Faults(loaded, library_of_faults)


@pytest.fixture
def hold() -> Iterator[Hold]:
    with holders(sys.executable) as hold:
        yield hold
