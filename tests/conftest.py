"""What holds for all tests, and a server with a made-up library with the program pointed at it."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from jobrunner.demo.openalex import OpenAlex
from jobrunner.demo.server import LocalServer
from tests.support import made_up_papers
from tests.support.events import Gate
from tests.support.program import Program

# On a busy machine any example takes long; that says nothing about the program.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

# A job in the background of a script, or under nohup, ignores these signals, and so would all that
# the tests start. A signal with a handler has its default meaning again in a program it starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

# Where Python is told to write no bytecode, each worker would compile all tests anew at each start.
sys.dont_write_bytecode = False


@pytest.fixture(scope="session", autouse=True)
def _own_directories(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the tests away from the settings and the remembered addresses of who runs them."""
    home = tmp_path_factory.mktemp("user")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(home / "config"))
        patch.setenv("XDG_STATE_HOME", str(home / "state"))
        yield


@pytest.fixture
def server() -> Iterator[LocalServer]:
    with LocalServer(OpenAlex(made_up_papers.works())) as server:
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
