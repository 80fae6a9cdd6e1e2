"""Operating-system locks on files and directories, released when their process dies.

They use ``flock``: a POSIX ``lockf`` lock is lost as soon as the holder opens and closes the file
again. No lock ever needs to be removed by hand. A lock file is deleted only with its session. A
lock on a deleted file excludes nobody, so whoever takes a lock checks that its file still exists.
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
"""Seconds to wait for a lock. `jobrunner status` holds it for an instant to test it."""

DIRECTORY_PATIENCE_S = 10.0
"""Seconds to wait for a directory lock. Writers hold it for an instant, unless one is suspended or
another program locks the directory."""

_PAUSE_S = 0.02


class FileLock:
    """A shared or exclusive advisory lock on a file, held until :meth:`release` or process exit."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def acquire(self, *, exclusive: bool, patience: float = PATIENCE_S) -> bool:
        """Take the lock. Return False if another process holds it for longer than ``patience``.

        Raises :class:`StoreError` if the file or its directory cannot be created.
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
        """Release the lock, if it is held."""
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
            is_transient = isinstance(error, (FileNotFoundError, FileExistsError))
            is_blocked = exists(path.parent) and not is_directory(path.parent)
            if is_transient and not is_blocked:
                continue  # another process is deleting or creating the directory
            raise StoreError(
                f"cannot create the lock file {path}: {error.strerror}",
                hint=remedy(error, "choose another path with --db"),
            ) from error


@contextlib.contextmanager
def _requiring_locks(path: Path) -> Iterator[None]:
    """Translate the error of a file system without locks into ours."""
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"the file system of {path} does not support locks: {error.strerror}",
            hint="put the database on a local disk with --db",
        ) from error


def is_held(path: Path) -> bool:
    """Return whether a process holds the exclusive lock on a file.

    The file is neither created nor written, so read permission suffices. Raises
    :class:`StoreError` if it cannot be read, as it may be locked.
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
    """Delete a lock file that the caller has locked, and its directory if that is empty then."""
    with contextlib.suppress(OSError):
        path.unlink()
        path.parent.rmdir()


@contextlib.contextmanager
def directory_lock(directory: Path) -> Iterator[None]:
    """Lock a directory while the block runs.

    The lock is on the directory itself, so no lock file is left behind. If it is not free within
    :data:`DIRECTORY_PATIENCE_S`, or the file system has no locks, the block runs without it.
    """
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            stack.callback(os.close, descriptor)
            wait_for_lock(descriptor, deadline=time.monotonic() + DIRECTORY_PATIENCE_S)
        yield


def wait_for_lock(descriptor: int, *, exclusive: bool = True, deadline: float) -> bool:
    """Lock an open file. Return False if it is still locked at the monotonic ``deadline``."""
    # A blocking flock has no timeout, and a thread that waits in it cannot be stopped.
    while not try_lock(descriptor, exclusive=exclusive):
        if time.monotonic() >= deadline:
            return False
        time.sleep(_PAUSE_S)
    return True


def try_lock(descriptor: int, *, exclusive: bool = True) -> bool:
    """Lock an open file. Return False if it is locked. Raises OSError without lock support."""
    mode = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
    try:
        fcntl.flock(descriptor, mode | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
