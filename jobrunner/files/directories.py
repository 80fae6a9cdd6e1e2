"""Directories and file names that survive a power cut."""

from __future__ import annotations

import contextlib
import os
from itertools import takewhile
from pathlib import Path

from jobrunner.files.path_queries import exists


def is_at(path: Path, file: os.stat_result) -> bool:
    """Return whether ``path`` still refers to this file."""
    try:
        return os.path.samestat(path.stat(), file)
    except FileNotFoundError:
        return False


def make_directory(directory: Path) -> None:
    """Create a directory and its missing parents so that they survive a power cut.

    An existing directory is synced too: its creator may have been killed before the sync.
    """
    made = [directory, *takewhile(lambda above: not exists(above), directory.parents)]
    directory.mkdir(parents=True, exist_ok=True)
    for path in made:
        with contextlib.suppress(PermissionError):  # syncing requires permission to read
            sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Make renames in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
