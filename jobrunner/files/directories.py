"""Directories that a power cut leaves, and the names in them."""

from __future__ import annotations

import contextlib
import os
from itertools import takewhile
from pathlib import Path

from jobrunner.files.path_queries import exists


def is_at(path: Path, file: os.stat_result) -> bool:
    """Tell whether a file that was found, or is open, has this name now."""
    try:
        return os.path.samestat(path.stat(), file)
    except FileNotFoundError:
        return False


def make_directory(directory: Path) -> None:
    """Make a directory, and those above it that are missing, so that a power cut leaves them.

    The name of one that is there is synced too: who made it may have been killed before that.
    """
    made = [directory, *takewhile(lambda above: not exists(above), directory.parents)]
    directory.mkdir(parents=True, exist_ok=True)
    for path in made:
        with contextlib.suppress(PermissionError):  # who may not read a directory cannot sync it
            sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Make renames in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
