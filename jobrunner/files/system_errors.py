"""Translate errors of the operating system and of Python itself for the user."""

from __future__ import annotations

import errno
import mmap
import os
import threading
import traceback

from jobrunner.errors import FileError, JobrunnerError

_REMEDIES = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space or request a larger quota",
    errno.EFBIG: "raise the limit on file sizes (ulimit -f)",
    errno.EMFILE: "raise the limit on open files (ulimit -n)",
    errno.ENFILE: "close some programs: the system can open no more files",
    errno.ENOMEM: "free some memory",
    errno.EIO: "check the disk",
    errno.EROFS: "make the file system writable",
    errno.EACCES: "check the permissions of the file and its directory",
    errno.EPERM: "check the permissions of the file and its directory",
}

SPARE_MEMORY = 8 << 20
"""Bytes that any process can allocate unless its memory is exhausted."""


def remedy(error: OSError, otherwise: str = "check the path") -> str:
    """Return a hint for an error of the operating system."""
    return _REMEDIES.get(error.errno or 0, otherwise)


def lack_of_files() -> OSError | None:
    """Return the error if no file can be opened at all, which SQLite does not report as such."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
    except OSError as error:
        return error
    return None


def user_error_of(error: BaseException) -> JobrunnerError | None:
    """Translate an error that Python itself raises for the user. Return None if it is a bug."""
    if isinstance(error, JobrunnerError):
        return error
    if isinstance(error, MemoryError):
        return _no_memory()
    if isinstance(error, OSError):
        return _file_error(error)
    if isinstance(error, ImportError):
        hint = "free some memory; if that does not help, reinstall jobrunner"
        return JobrunnerError(f"a part of the program cannot be loaded: {error}", hint=hint)
    if isinstance(error, RuntimeError):
        return _interpreter_error(error)
    return None


def unexpected(error: BaseException) -> str:
    """Describe an unexpected error."""
    return f"unexpected {type(error).__name__}: {str(error)[:200]}".removesuffix(": ")


def _no_memory() -> JobrunnerError:
    return JobrunnerError("memory ran out", hint="free some memory")


def _file_error(error: OSError) -> FileError:
    what = f"cannot use {error.filename}" if error.filename else "the system reports an error"
    return FileError(f"{what}: {error.strerror or error}", hint=remedy(error))


def _interpreter_error(error: RuntimeError) -> JobrunnerError | None:
    """Return the error for a lack of threads or memory, or None if the error is a bug.

    Python raises a bare RuntimeError for both. They occur if memory is limited (ulimit -v), and the
    README promises a clear error for limits.
    """
    if _is_of_thread_start(error):
        hint = "free some memory, or raise the limit on processes (ulimit -u)"
        return JobrunnerError("the system cannot start another thread", hint=hint)
    return _no_memory() if _lacks_memory() else None


def _is_of_thread_start(error: RuntimeError) -> bool:
    """Return whether an error comes from starting a thread: its type and text do not tell."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return bool(frames) and frames[-1].f_code is threading.Thread.start.__code__


def _lacks_memory() -> bool:
    """Return whether memory is short: Python then raises a bare RuntimeError for a new lock."""
    try:
        mmap.mmap(-1, SPARE_MEMORY).close()
    except (OSError, MemoryError):
        return True
    return False
