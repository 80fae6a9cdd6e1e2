"""Every error that jobrunner raises on purpose, and the exit codes that they lead to.

::

    JobrunnerError            exit code 1
      InputError              the input cannot be read as papers
      SettingsError           an option or variable is missing, unknown or contradictory (2)
      SessionError            no such session, or it is not in a state that allows this
      StoreError              the database cannot be opened, read or written
        DatabaseBusy          another process holds it
      FileError               a snapshot, an output or a log cannot be written or read
      Cancelled               a snapshot was given up halfway
      LeaseHeld               the session is running elsewhere (4)
      LeaseLost               another run took the session over; nothing was written (4)
      Refused                 doing it would change results, or lose data (5)
      DamageFound             rows, counters, checksums or SQLite's own check disagree (6)
      SourceError             a source did not answer as it should
        TransientError        no usable answer this time; the same request may work later
          FaultyAnswer        an answer that is no answer; fewer papers may work too
        RequestRefused        the source refuses this very request; a smaller one may work
          NoneKnown           the source knows none of the identifiers in it
        AnswerMalformed       the answer is not what the protocol promises
        SourceStopped         the source can be asked nothing more in this run (75)
          SourceUnavailable   no answer after all retries
          KeyRefused          it will not serve us: key or address refused (1)
          QuotaSpent          the allowance is used up until a stated time
          BudgetSpent         what the user lets the source use is used up (1)
          TooManyFailures     the share of failed papers passed the limit (1)
          SourceBroken        the program of the source itself failed (1)

    Truncated                 inside the reader of inputs: the text ends too early
    UnreadableError           inside a source: one record is not as documented

Messages are one line and are shown to the user as they are; ``hint`` is the exact next command or
step, shown on a line of its own. The last two never reach a user: their callers handle them.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from datetime import datetime


class ExitCode(IntEnum):
    """How the process ends: the table of the README, for scripts and schedulers."""

    COMPLETED = 0
    """Everything that was asked for is done."""
    ERROR = 1
    """An error; also a source that needs a person, such as one that refuses the key."""
    USAGE = 2
    """The command line or a setting is wrong."""
    PAPERS_FAILED = 3
    """The session is completed, but some papers failed."""
    LEASE_HELD = 4
    """The session is running elsewhere."""
    REFUSED = 5
    """Going on would change results or lose data."""
    DAMAGE = 6
    """Damage was found."""
    STOPPED = 75
    """Stopped before the end and resumable. EX_TEMPFAIL of sysexits.h: schedulers try again."""
    INTERRUPTED = 130
    """Ctrl-C ended a command that is no run. 128 + SIGINT, as shells count."""


_RUN_ENDINGS = (
    ExitCode.COMPLETED,
    ExitCode.PAPERS_FAILED,
    ExitCode.STOPPED,
    ExitCode.ERROR,
)
"""The exit codes that a run without an exception can end with, from the best to the worst. An
error is worse than a stop: a scheduler that tries again would not help."""


def worst(codes: Iterable[ExitCode]) -> ExitCode:
    """Return the exit code of a run of which several hold; COMPLETED if none does."""
    return max(codes, key=_RUN_ENDINGS.index, default=ExitCode.COMPLETED)


RESTORE = "`jobrunner restore SNAPSHOT --db NEW/state.db`"
"""In a directory of its own: sessions of one id beside each other would share their files."""

GET_BACK = f"get back the newest good snapshot with {RESTORE}"
"""What to do about a damaged database."""


class JobrunnerError(Exception):
    """Something went wrong that the user can do something about."""

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
    """There is no such session, or it is not in a state that allows this."""


class StoreError(JobrunnerError):
    """The database cannot be opened, read or written."""


class DatabaseBusy(StoreError):
    """Another process holds the database, and did not let go in time."""


class FileError(JobrunnerError):
    """A snapshot, an output or a log cannot be written or read."""


class Cancelled(JobrunnerError):
    """A snapshot was given up halfway; the earlier ones are as they were."""


class LeaseHeld(JobrunnerError):
    """The session is running in another process."""

    exit_code = ExitCode.LEASE_HELD


class LeaseLost(JobrunnerError):
    """Another run took the session over; nothing was written."""

    exit_code = ExitCode.LEASE_HELD


class Refused(JobrunnerError):
    """Going on would change results or lose data, and was not asked for explicitly."""

    exit_code = ExitCode.REFUSED


class DamageFound(JobrunnerError):
    """Rows, counters, checksums or SQLite's own integrity check disagree."""

    exit_code = ExitCode.DAMAGE


class SourceError(JobrunnerError):
    """A source did not answer as it should."""


class TransientError(SourceError):
    """No usable answer this time; the same request may work later.

    ``retry_after``: seconds that the source asked us to wait, if it did.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class FaultyAnswer(TransientError):
    """An answer that is no answer: a proxy's page, half of the JSON, HTTP 500.

    Asking again may help, and so may asking for fewer papers: one of them may be what breaks it.
    """


class RequestRefused(SourceError):
    """The source refuses this very request; a smaller one, or one without the culprit, may work."""


class NoneKnown(RequestRefused):
    """The source knows none of the identifiers asked for, or one of them is malformed."""


class AnswerMalformed(SourceError):
    """The answer is not what the source's protocol promises, however often it is asked for."""


class SourceStopped(SourceError):
    """The source can be asked nothing more in this run.

    ``not_before``: when it can be asked again (UTC), where that is known.
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
    """The source will not serve us: the key or the address is refused."""

    exit_code = ExitCode.ERROR


class QuotaSpent(SourceStopped):
    """The source's allowance is used up until ``not_before``."""


class BudgetSpent(SourceStopped):
    """What the user lets the source use, in requests or money, is used up."""

    exit_code = ExitCode.ERROR


class TooManyFailures(SourceStopped):
    """So many papers failed that going on would only burn quota."""

    exit_code = ExitCode.ERROR


class SourceBroken(SourceStopped):
    """The program of the source itself failed: a bug, in a plug-in or in ours."""

    exit_code = ExitCode.ERROR


class Truncated(Exception):
    """The text of an input ends where more was to come."""


class UnreadableError(ValueError):
    """A record does not have the shape that its service documents."""
