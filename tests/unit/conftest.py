"""Servers and processes that end with their test, and directories that may not be written."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from jobrunner.demo.messages import Api
from jobrunner.demo.server import LocalServer
from tests.support.server_client import ServerClient

Serve = Callable[..., ServerClient]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a server for an API and return what asks it."""
    with ExitStack() as stack:

        def start(api: Api, **options: Any) -> ServerClient:
            service = ServerClient(stack.enter_context(LocalServer(api, **options)))
            stack.enter_context(service.client)
            return service

        yield start


def succeeds(*command: str | Path) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a Python script in a process of its own, which does not outlive the test."""
    with ExitStack() as stack:

        def run(script: str, *arguments: object) -> subprocess.Popen[str]:
            child = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", script, *map(str, arguments)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            stack.callback(child.kill)
            return child

        yield run


@pytest.fixture
def read_only() -> Iterator[Callable[[Path], None]]:
    """Make a file or directory read-only, for root too, until the test ends."""
    with ExitStack() as stack:

        def protect(target: Path) -> None:
            if os.geteuid() != 0:
                stack.callback(target.chmod, target.stat().st_mode)
                target.chmod(target.stat().st_mode & ~0o222)
                return
            if not succeeds("chattr", "+i", target):
                pytest.skip("root may write everywhere, and the file system has no +i attribute")
            stack.callback(succeeds, "chattr", "-i", target)

        yield protect
