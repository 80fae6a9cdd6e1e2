"""All errors that jobrunner raises deliberately, and their exit codes.

::

    JobrunnerError            exit code 1
      InputError              the input cannot be read as papers
      SettingsError           an option or variable is missing, unknown or contradictory (2)
      SessionError            no such session, or its state does not allow this
      StoreError              the database cannot be opened, read or written
        DatabaseBusy          another process holds it
      FileError               a snapshot, an output or a log cannot be written or read
      Cancelled               a snapshot was cancelled
      LeaseHeld               the session is running elsewhere (4)
      LeaseLost               another run took the session over; nothing was written (4)
      Refused                 continuing would change results or lose data (5)
      DamageFound             rows, counters, checksums or SQLite's own check disagree (6)
      SourceError             a source returned no usable answer
        TransientError        no usable answer this time; the same request may succeed later
          FaultyAnswer        not an answer of the protocol; a smaller batch may also succeed
        RequestRefused        the source refuses this request; a smaller one may succeed
          NoneKnown           the source knows none of the requested identifiers
        AnswerMalformed       the answer does not follow the protocol
        SourceStopped         the source cannot be queried again in this run (75)
          SourceUnavailable   no answer after all retries
          KeyRefused          the source refuses the key or the address (1)
          QuotaSpent          the allowance is used up until a stated time
          BudgetSpent         the user's limit for the source is used up (1)
          TooManyFailures     the share of failed papers exceeds the limit (1)
          SourceBroken        the code of the source failed (1)

    Truncated                 internal to the input readers: the text ends too early
    UnreadableError           internal to a source: one record is not as documented

A message is one line, shown to the user unchanged. ``hint`` is the next command or step, shown on a
separate line. The last two errors never reach a user: their callers handle them.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from datetime import datetime


class ExitCode(IntEnum):
    """How the process ends. `scripts/generate-docs` writes these sentences into the documents.

    A new code with which a run can end must also be listed in ``_RUN_ENDINGS``.
    """

    COMPLETED = 0
    """The command did everything that was asked for."""
    ERROR = 1
    """An error, or a source that needs your help: its key is refused, its budget is spent, or too
    many papers failed."""
    USAGE = 2
    """An option, an argument or a setting is wrong."""
    PAPERS_FAILED = 3
    """The session is completed, but some papers failed. `jobrunner retry SESSION` retries them."""
    LEASE_HELD = 4
    """Another process is running the session."""
    REFUSED = 5
    """Refused, because continuing would change results or could lose data."""
    DAMAGE = 6
    """Damage was found in the database, a snapshot or a checksum."""
    STOPPED = 75
    """Stopped before the end, and resumable: a signal, a time limit, a spent quota, or a source
    that does not answer. 75 is `EX_TEMPFAIL` of `sysexits.h`."""
    INTERRUPTED = 130
    """Ctrl-C ended a command other than a run (128 + SIGINT)."""


_RUN_ENDINGS = (
    ExitCode.COMPLETED,
    ExitCode.PAPERS_FAILED,
    ExitCode.STOPPED,
    ExitCode.ERROR,
)
"""The exit codes of a run without an exception, from best to worst. An error is worse than a stop,
because a retry by a scheduler would not help. A new code with which a run can end must be listed
here: :func:`worst` knows no others."""


def worst(codes: Iterable[ExitCode]) -> ExitCode:
    """Return the worst of several exit codes of a run, or COMPLETED if there are none."""
    return max(codes, key=_RUN_ENDINGS.index, default=ExitCode.COMPLETED)


RESTORE = "`jobrunner restore SNAPSHOT --db NEW/state.db`"
"""Restores into a new directory: two sessions with the same id in one directory would share their
files."""

GET_BACK = f"restore the newest good snapshot with {RESTORE}"
"""The hint for a damaged database."""


class JobrunnerError(Exception):
    """An error that the user can act on."""

    exit_code: ClassVar[ExitCode] = ExitCode.ERROR

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class InputError(JobrunnerError):
    """The input cannot be read as papers."""


class SettingsError(JobrunnerError):
    """An option or variable is missing, unknown or contradictory."""

    exit_code = ExitCode.USAGE


class SessionError(JobrunnerError):
    """There is no such session, or its state does not allow this."""


class StoreError(JobrunnerError):
    """The database cannot be opened, read or written."""


class DatabaseBusy(StoreError):
    """Another process held the database until the timeout."""


class FileError(JobrunnerError):
    """A snapshot, an output or a log cannot be written or read."""


class Cancelled(JobrunnerError):
    """A snapshot was cancelled. The earlier ones are unchanged."""


class LeaseHeld(JobrunnerError):
    """The session is running in another process."""

    exit_code = ExitCode.LEASE_HELD


class LeaseLost(JobrunnerError):
    """Another run has taken over the session. Nothing was written."""

    exit_code = ExitCode.LEASE_HELD


class Refused(JobrunnerError):
    """Continuing would change results or lose data, and was not requested explicitly."""

    exit_code = ExitCode.REFUSED


class DamageFound(JobrunnerError):
    """Rows, counters, checksums or SQLite's own integrity check disagree."""

    exit_code = ExitCode.DAMAGE


class SourceError(JobrunnerError):
    """A source returned no usable answer."""


class TransientError(SourceError):
    """No usable answer this time. The same request may succeed later.

    ``retry_after``: the number of seconds to wait, if the source announced one.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class FaultyAnswer(TransientError):
    """Not an answer of the protocol: a proxy's page, truncated JSON, HTTP 500.

    A retry may succeed, and so may a smaller batch: one paper may be what breaks the request.
    """


class RequestRefused(SourceError):
    """The source refuses this request. A smaller one, without the culprit, may succeed."""


class NoneKnown(RequestRefused):
    """The source knows none of the requested identifiers, or one of them is malformed."""


class AnswerMalformed(SourceError):
    """The answer does not follow the source's protocol, and a retry would not help."""


class SourceStopped(SourceError):
    """The source cannot be queried again in this run.

    ``not_before``: when it can be queried again (UTC), if known.
    """

    exit_code = ExitCode.STOPPED

    def __init__(
        self, message: str, *, not_before: datetime | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.not_before = not_before


class SourceUnavailable(SourceStopped):
    """The source gave no usable answer after all retries."""


class KeyRefused(SourceStopped):
    """The source refuses the key or the address."""

    exit_code = ExitCode.ERROR


class QuotaSpent(SourceStopped):
    """The source's allowance is used up until ``not_before``."""


class BudgetSpent(SourceStopped):
    """The user's limit on requests or cost for the source is used up."""

    exit_code = ExitCode.ERROR


class TooManyFailures(SourceStopped):
    """So many papers failed that continuing would only waste quota."""

    exit_code = ExitCode.ERROR


class SourceBroken(SourceStopped):
    """The code of the source failed: a bug, in a plug-in or in jobrunner."""

    exit_code = ExitCode.ERROR


class Truncated(Exception):
    """The text of an input ends too early."""


class UnreadableError(ValueError):
    """A record does not have the structure that its service documents."""
