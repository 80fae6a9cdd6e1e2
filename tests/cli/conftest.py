"""A server with a made-up library, and the program pointed at it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jobrunner.sample import LocalServer, OpenAlex
from tests.waiting import Gate

from . import library
from .running import Program


@pytest.fixture
def server() -> Iterator[LocalServer]:
    with LocalServer(OpenAlex(library.works())) as server:
        yield server


@pytest.fixture
def gate(server: LocalServer) -> Iterator[Gate]:
    """A gate for a plan of the server, which cannot end before all its answers have left."""
    gate = Gate()
    yield gate
    gate.open()


@pytest.fixture
def program(tmp_path: Path, server: LocalServer) -> Program:
    return Program(tmp_path / "work", server.base_url)
