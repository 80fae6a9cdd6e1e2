"""Directories are made durably, and names in them are told apart."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jobrunner.files.directories import is_at, make_directory, sync_directory


def test_a_directory_is_made_with_those_above_it(tmp_path: Path) -> None:
    make_directory(tmp_path / "a" / "b" / "c")
    assert (tmp_path / "a" / "b" / "c").is_dir()


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> set[Path]:
    """The directories that have been synced."""
    directories: set[Path] = set()
    really_sync = os.fsync

    def sync(descriptor: int) -> None:
        directories.add(Path(f"/proc/self/fd/{descriptor}").readlink())
        really_sync(descriptor)

    monkeypatch.setattr(os, "fsync", sync)
    return directories


def test_the_names_of_all_new_directories_are_synced(tmp_path: Path, synced: set[Path]) -> None:
    make_directory(tmp_path / "a" / "b")
    assert {tmp_path, tmp_path / "a"} <= synced


def test_the_name_of_a_directory_that_is_there_is_synced_too(
    tmp_path: Path, synced: set[Path]
) -> None:
    make_directory(tmp_path)
    assert synced == {tmp_path.parent}


def test_a_directory_that_is_not_there_cannot_be_synced(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        sync_directory(tmp_path / "absent")


def test_a_file_is_at_its_name_until_another_one_takes_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    file = path.stat()
    assert is_at(path, file)
    (tmp_path / "other").touch()
    (tmp_path / "other").replace(path)
    assert not is_at(path, file)
    path.unlink()
    assert not is_at(path, file)
