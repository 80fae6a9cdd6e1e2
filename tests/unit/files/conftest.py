"""A file with its checksum, and one that is to take its place."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from jobrunner.files.atomic import write_sidecar

OLD, NEW = b"what was there before\n", b"what is there now, " * 20


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """A file with its checksum beside it."""
    path = tmp_path / "place" / "out.json"
    path.parent.mkdir()
    path.write_bytes(OLD)
    write_sidecar(path, sha256(OLD))
    return path


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source.json"
    path.write_bytes(NEW)
    return path
