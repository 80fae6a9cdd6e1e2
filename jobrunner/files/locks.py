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
from jobrunner.files.system_errors import remedy

PATIENCE_S = 0.5
"""A reader of the lock (`jobrunner status`) holds it for an instant; wait that out."""

DIRECTORY_PATIENCE_S = 10.0
"""Writers hold a directory for an instant, unless one is suspended or a stranger locks it."""

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
                with _requiring_locks(self.path):
                    if not wait_for_lock(descriptor, exclusive=exclusive, deadline=deadline):
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
            is_passing = isinstance(error, (FileNotFoundError, FileExistsError))
            is_blocked = exists(path.parent) and not is_directory(path.parent)
            if is_passing and not is_blocked:
                continue  # others delete the directory, or make it, at this moment
            raise StoreError(
                f"cannot make the lock file {path}: {error.strerror}",
                hint=remedy(error, "name another place with --db"),
            ) from error


@contextlib.contextmanager
def _requiring_locks(path: Path) -> Iterator[None]:
    """Turn the error of a file system without locks into ours."""
    try:
        yield
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
        with _requiring_locks(path):
            return not try_lock(descriptor, exclusive=False)
    finally:
        os.close(descriptor)


def remove_lock(path: Path) -> None:
    """Delete a lock file that the caller holds, and its directory if nothing else is in it."""
    with contextlib.suppress(OSError):
        path.unlink()
        path.parent.rmdir()


@contextlib.contextmanager
def directory_lock(directory: Path) -> Iterator[None]:
    """Let nobody else lock a directory while the block runs.

    The lock is on the directory itself, so that no file is left behind, and dies with the process.
    It is waited for no longer than :data:`DIRECTORY_PATIENCE_S`, and where there are no locks not
    at all: then the block goes on without.
    """
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            stack.callback(os.close, descriptor)
            wait_for_lock(descriptor, deadline=time.monotonic() + DIRECTORY_PATIENCE_S)
        yield


def wait_for_lock(descriptor: int, *, exclusive: bool = True, deadline: float) -> bool:
    """Lock an open file; False if another's lock forbids it until the monotonic ``deadline``."""
    # flock itself can wait, but without an end, and a thread that waits in it cannot be stopped.
    while not try_lock(descriptor, exclusive=exclusive):
        if time.monotonic() >= deadline:
            return False
        time.sleep(_PAUSE_S)
    return True


def try_lock(descriptor: int, *, exclusive: bool = True) -> bool:
    """Lock an open file; False if another's lock forbids it, OSError where there are no locks."""
    mode = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
    try:
        fcntl.flock(descriptor, mode | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
