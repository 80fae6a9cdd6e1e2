"""Every error that jobrunner raises on purpose.

::

    JobrunnerError            exit code 1
      InputError              the input cannot be read as papers
      SettingsError           an option or variable is missing, unknown or contradictory (2)
      SessionError            no such session, or it is not in a state that allows this
      StoreError              the database cannot be opened, read or written
        DatabaseBusy          another process holds it
      FileError               a snapshot, an output or a log cannot be written or read
      LeaseHeld               the session is running elsewhere (4)
      LeaseLost               another run took the session over; nothing was written (4)
      Refused                 doing it would change results, or lose data (5)
      DamageFound             rows, counters, checksums or SQLite's own check disagree (6)
      SourceError             a source did not answer as it should
        TransientError        no usable answer this time; the same request may work later
        RequestRefused        the source refuses this very request; a smaller one may work
        AnswerMalformed       the answer is not what the protocol promises
        SourceStopped         the source can be asked nothing more in this run
          SourceUnavailable   no answer after all retries
          KeyRefused          it will not serve us: key or address refused
          QuotaSpent          the allowance is used up until a stated time
          BudgetSpent         what the user lets the source use is used up
          TooManyFailures     the share of failed papers passed the limit
          SourceBroken        the program of the source itself failed

Messages are one line and are shown to the user as they are; ``hint`` is the exact next command or
step, shown on a line of its own.
"""

from __future__ import annotations

import errno
import mmap
import os
import threading
import traceback
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jobrunner.models import Answer

RESTORE = "`jobrunner restore SNAPSHOT --db NEW/state.db`"
"""In a directory of its own: sessions of one id beside each other would share their files."""

GET_BACK = f"get back the newest good snapshot with {RESTORE}"
"""What to do about a damaged database."""


class JobrunnerError(Exception):
    """Something went wrong that the user can do something about."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class InputError(JobrunnerError):
    """The input cannot be read as papers."""


class SettingsError(JobrunnerError):
    """An option or variable is missing, unknown or contradictory."""

    exit_code = 2


class SessionError(JobrunnerError):
    """There is no such session, or it is not in a state that allows this."""


class StoreError(JobrunnerError):
    """The database cannot be opened, read or written."""


class DatabaseBusy(StoreError):
    """Another process holds the database, and did not let go in time."""


class FileError(JobrunnerError):
    """A snapshot, an output or a log cannot be written or read."""


class LeaseHeld(JobrunnerError):
    """The session is running in another process."""

    exit_code = 4


class LeaseLost(JobrunnerError):
    """Another run took the session over; nothing was written."""

    exit_code = 4


class Refused(JobrunnerError):
    """Going on would change results or lose data, and was not asked for explicitly."""

    exit_code = 5


class DamageFound(JobrunnerError):
    """Rows, counters, checksums or SQLite's own integrity check disagree."""

    exit_code = 6


class SourceError(JobrunnerError):
    """A source did not answer as it should."""


class TransientError(SourceError):
    """No usable answer this time; the same request may work later.

    ``retry_after``: seconds that the source asked us to wait, if it did.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class RequestRefused(SourceError):
    """The source refuses this very request; a smaller one, or one without the culprit, may work."""


class AnswerMalformed(SourceError):
    """The answer is not what the source's protocol promises, however often it is asked for."""


class SourceStopped(SourceError):
    """The source can be asked nothing more in this run.

    ``not_before``: when it can be asked again (UTC), where that is known. ``answers``, by paper
    id, are final ones of a lookup that it cut off: they have been paid for.
    """

    def __init__(
        self, message: str, *, not_before: datetime | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.not_before = not_before
        self.answers: dict[int, Answer] = {}


class SourceUnavailable(SourceStopped):
    """The source gave no usable answer after all retries."""


class KeyRefused(SourceStopped):
    """The source will not serve us: the key or the address is refused."""


class QuotaSpent(SourceStopped):
    """The source's allowance is used up until ``not_before``."""


class BudgetSpent(SourceStopped):
    """What the user lets the source use, in requests or money, is used up."""


class TooManyFailures(SourceStopped):
    """So many papers failed that going on would only burn quota."""


class SourceBroken(SourceStopped):
    """The program of the source itself failed: a bug, in a plug-in or in ours."""


SPARE_MEMORY = 8 << 20
"""Bytes that a process can get at once unless its memory is at an end."""

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


def understood(error: BaseException) -> JobrunnerError | None:
    """Return what an error that Python itself raises means to a user, None if it is a bug."""
    if isinstance(error, JobrunnerError):
        return error
    if isinstance(error, RuntimeError) and _is_of_thread_start(error):
        hint = "free some memory, or raise the limit on processes (ulimit -u)"
        return JobrunnerError("the system gives no more threads", hint=hint)
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and _lacks_memory()):
        return JobrunnerError("memory ran out", hint="free some memory")
    if isinstance(error, OSError):
        what = f"cannot use {error.filename}" if error.filename else "the system reports an error"
        return FileError(f"{what}: {error.strerror or error}", hint=remedy(error))
    if isinstance(error, ImportError):
        hint = "free some memory; if that does not help, install jobrunner again"
        return JobrunnerError(f"a part of the program cannot be loaded: {error}", hint=hint)
    return None


def unexpected(error: BaseException) -> str:
    """Return how an error is told that nobody foresaw."""
    return f"unexpected {type(error).__name__}: {str(error)[:200]}".removesuffix(": ")


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
