"""The recorder, compiled; a place in memory, so that thousands of disks are made quickly."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.promises.power.recorder import compile_recorder

MEMORY = Path("/dev/shm")  # noqa: S108 - a file system, not a name for a file


@pytest.fixture(scope="session")
def recorder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_recorder(tmp_path_factory.mktemp("recorder"))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    if MEMORY.is_dir() and os.access(MEMORY, os.W_OK):
        with TemporaryDirectory(dir=MEMORY, prefix="jobrunner-power-") as directory:
            yield Path(directory).resolve()
    else:
        yield tmp_path_factory.mktemp("disks").resolve()
