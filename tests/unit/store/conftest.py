"""Databases, child processes and hostile directories for the tests of the store."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from jobrunner.store.database import Database, open_database


def succeeds(*command: str | Path) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    with closing(open_database(path, create=True)) as opened:
        yield opened


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


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of two megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    if not succeeds("mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", place):
        pytest.skip("mounting is not allowed here")
    try:
        yield place
    finally:
        assert succeeds("umount", place)
