"""Databases for the tests of the store."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from jobrunner.store.database import Database, open_database
from tests.unit.conftest import succeeds


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    with closing(open_database(path, create=True)) as opened:
        yield opened


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
