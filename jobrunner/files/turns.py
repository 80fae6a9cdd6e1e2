"""Turns of processes that write files in one directory, for what has to be done in one piece."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

PATIENCE_S = 10.0
"""A turn takes an instant, unless who has it is suspended, or a stranger locks the directory."""

_PAUSE_S = 0.02


@contextlib.contextmanager
def turn(directory: Path) -> Iterator[None]:
    """Let nobody else have a turn in a directory while the block does.

    The lock is on the directory itself, so that no file is left behind, and dies with the process.
    It is waited for no longer than :data:`PATIENCE_S`, and where there are no locks not at all:
    then the block goes on without.
    """
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            stack.callback(os.close, descriptor)
            deadline = time.monotonic() + PATIENCE_S
            while not try_lock(descriptor) and time.monotonic() < deadline:
                time.sleep(_PAUSE_S)
        yield


def try_lock(descriptor: int, *, exclusive: bool = True) -> bool:
    """Lock an open file; False if another's lock forbids it, OSError where there are no locks."""
    mode = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
    try:
        fcntl.flock(descriptor, mode | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
