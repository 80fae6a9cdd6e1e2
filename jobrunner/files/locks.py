"""Locks of the operating system, which die with their process: on a file, on a directory.

``flock``, not POSIX ``lockf``: the latter is lost as soon as the holder opens and closes the file
again. There is nothing to unlock by hand. A lock file goes only with its session: a lock on a file
that has lost its name excludes nobody, so whoever gets one looks whether it is still there.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from jobrunner.errors import StoreError
from jobrunner.files.directories import is_at, make_directory
from jobrunner.files.path_queries import exists, is_directory
from jobrunner.system_errors import remedy

PATIENCE_S = 0.5
"""A reader of the lock (`jobrunner status`) holds it for an instant; wait that out."""

_PAUSE_S = 0.02


class FileLock:
    """An advisory lock on a file, shared or exclusive; released by :meth:`release` or death."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def acquire(self, *, exclusive: bool, patience: float = PATIENCE_S) -> bool:
        """Take the lock; return False if another process holds it for longer than ``patience``.

        Raises :class:`StoreError` if the file or its directory cannot be made.
        """
        if self._descriptor is not None:
            raise RuntimeError(f"{self.path} is locked already")
        deadline = time.monotonic() + patience
        while self._descriptor is None:
            descriptor = _make(self.path)
            try:
                if not _lock(descriptor, self.path, exclusive=exclusive, deadline=deadline):
                    return False
                if is_at(self.path, os.fstat(descriptor)):
                    self._descriptor = descriptor
            finally:
                if self._descriptor is None:
                    os.close(descriptor)
        return True

    def release(self) -> None:
        """Give the lock back; without effect if it is not held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def _make(path: Path) -> int:
    while True:
        try:
            make_directory(path.parent)
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            gone = isinstance(error, (FileNotFoundError, FileExistsError))
            if gone and not (exists(path.parent) and not is_directory(path.parent)):
                continue  # others delete the directory, or make it, at this moment
            raise StoreError(
                f"cannot make the lock file {path}: {error.strerror}",
                hint=remedy(error, "name another place with --db"),
            ) from error


def _lock(descriptor: int, path: Path, *, exclusive: bool, deadline: float) -> bool:
    while not _try_lock(descriptor, path, exclusive=exclusive):
        if time.monotonic() >= deadline:
            return False
        time.sleep(_PAUSE_S)
    return True


def _try_lock(descriptor: int, path: Path, *, exclusive: bool) -> bool:
    try:
        return try_lock(descriptor, exclusive=exclusive)
    except OSError as error:
        raise StoreError(
            f"the file system of {path} does not support locks: {error.strerror}",
            hint="put the database on a local disk with --db",
        ) from error


def is_held(path: Path) -> bool:
    """Tell whether a process holds the exclusive lock on a file, without disturbing it.

    The file is neither made nor written, so that whoever may read it may ask. Raises
    :class:`StoreError` if it cannot be read: that is not known to be free.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StoreError(
            f"cannot read the lock file {path}: {error.strerror}",
            hint=remedy(error),
        ) from error
    try:
        return not _try_lock(descriptor, path, exclusive=False)
    finally:
        os.close(descriptor)


def remove_lock(path: Path) -> None:
    """Delete a lock file that the caller holds, and its directory if nothing else is in it."""
    with contextlib.suppress(OSError):
        path.unlink()
        path.parent.rmdir()


TURN_PATIENCE_S = 10.0
"""A turn takes an instant, unless who has it is suspended, or a stranger locks the directory."""


@contextlib.contextmanager
def turn(directory: Path) -> Iterator[None]:
    """Let nobody else have a turn in a directory while the block does.

    The lock is on the directory itself, so that no file is left behind, and dies with the process.
    It is waited for no longer than :data:`TURN_PATIENCE_S`, and where there are no locks not at
    all: then the block goes on without.
    """
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            stack.callback(os.close, descriptor)
            deadline = time.monotonic() + TURN_PATIENCE_S
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
