"""Errors that the operating system or Python itself raises, in words for the user."""

from __future__ import annotations

import errno
import mmap
import os
import threading
import traceback

from jobrunner.errors import FileError, JobrunnerError

_REMEDIES = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space, or ask for a larger quota",
    errno.EFBIG: "raise the limit on the size of files (ulimit -f)",
    errno.EMFILE: "raise the limit on open files (ulimit -n)",
    errno.ENFILE: "close some programs: the system can open no more files",
    errno.ENOMEM: "free some memory",
    errno.EIO: "check the disk",
    errno.EROFS: "make the file system writable",
    errno.EACCES: "check the permissions of the file and its directory",
    errno.EPERM: "check the permissions of the file and its directory",
}

SPARE_MEMORY = 8 << 20
"""Bytes that a process can get at once unless its memory is at an end."""


def remedy(error: OSError, otherwise: str = "check the path") -> str:
    """Return what a user can do about an error of the operating system."""
    return _REMEDIES.get(error.errno or 0, otherwise)


def lack_of_files() -> OSError | None:
    """Return the error of opening any file at all: SQLite does not tell it from other errors."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
    except OSError as error:
        return error
    return None


def user_error_of(error: BaseException) -> JobrunnerError | None:
    """Return what an error that Python itself raises means to a user, None if it is a bug."""
    if isinstance(error, JobrunnerError):
        return error
    if isinstance(error, MemoryError):
        return _no_memory()
    if isinstance(error, OSError):
        return _file_error(error)
    if isinstance(error, ImportError):
        hint = "free some memory; if that does not help, install jobrunner again"
        return JobrunnerError(f"a part of the program cannot be loaded: {error}", hint=hint)
    if isinstance(error, RuntimeError):
        return _interpreter_error(error)
    return None


def unexpected(error: BaseException) -> str:
    """Return how an error is told that nobody foresaw."""
    return f"unexpected {type(error).__name__}: {str(error)[:200]}".removesuffix(": ")


def _no_memory() -> JobrunnerError:
    return JobrunnerError("memory ran out", hint="free some memory")


def _file_error(error: OSError) -> FileError:
    what = f"cannot use {error.filename}" if error.filename else "the system reports an error"
    return FileError(f"{what}: {error.strerror or error}", hint=remedy(error))


def _interpreter_error(error: RuntimeError) -> JobrunnerError | None:
    """Tell a lack of threads or of memory from a bug.

    Python has no class for these two. Where memory is limited (ulimit -v) both come up, and the
    README promises a clear error for limits.
    """
    if _is_of_thread_start(error):
        hint = "free some memory, or raise the limit on processes (ulimit -u)"
        return JobrunnerError("the system gives no more threads", hint=hint)
    return _no_memory() if _lacks_memory() else None


def _is_of_thread_start(error: RuntimeError) -> bool:
    """Tell whether an error, of which only the words are special, comes from starting a thread."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return bool(frames) and frames[-1].f_code is threading.Thread.start.__code__


def _lacks_memory() -> bool:
    """Tell whether memory is short: where it is, Python raises a bare RuntimeError for a lock."""
    try:
        mmap.mmap(-1, SPARE_MEMORY).close()
    except (OSError, MemoryError):
        return True
    return False
