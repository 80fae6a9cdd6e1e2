"""The back-off: which requests are tried again, after which wait, and when no more.

Every :class:`~jobrunner.errors.TransientError` is tried again, and nothing else.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import tenacity
from msgspec import Struct

from jobrunner.errors import (
    FaultyAnswer,
    QuotaSpent,
    SourceUnavailable,
    TransientError,
)
from jobrunner.models import Usage

log = logging.getLogger(__name__)

FAULTY_ATTEMPTS = 2
"""Attempts at a request once another one of its batch got nothing but faulty answers."""

WARNING_ATTEMPTS = 3
"""Failed attempts at one request after which it is a warning, and no longer daily business."""

LONGEST_DELAY_S = 366 * 86400.0
"""A service that asks for more than a year cannot mean it, and a date could not hold it."""


class RetryBudget(Struct, frozen=True, kw_only=True):
    """How often and how long one request is tried again before its source counts as down.

    ``patience``: the longest ``Retry-After`` that is waited for rather than ending the run.
    """

    attempts: int = 7
    seconds: float = 600.0
    first_wait: float = 1.0
    longest_wait: float = 60.0
    patience: float = 300.0


class Backoff:
    """Tries the requests of one batch again; ``usage`` counts how often.

    ``wait`` sleeps between two attempts. No attempt follows once ``is_hurried`` is true: the run
    is about to stop.
    """

    def __init__(
        self,
        source: str,
        budget: RetryBudget,
        usage: Usage,
        *,
        wait: Callable[[float], Awaitable[None]],
        is_hurried: Callable[[], bool],
    ) -> None:
        self._source = source
        self._budget = budget
        self._usage = usage
        self._wait = wait
        self._is_hurried = is_hurried
        self._is_doubtful = False

    async def call(self, attempt: Callable[[], Awaitable[object]]) -> object:
        """Return what an attempt at a request returns; raise the error of the last one."""
        attempts = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception_type(TransientError),
            stop=self._is_last,
            wait=self._seconds_before_next,
            sleep=self._wait,
            before_sleep=self._count,
            reraise=True,
        )
        try:
            return await attempts(attempt)
        except FaultyAnswer:
            # One request has shown that the fault does not pass; the others wait less.
            self._is_doubtful = True
            raise

    def _is_last(self, state: tenacity.RetryCallState) -> bool:
        """Tell whether no attempt is to follow the one that has just failed."""
        if self._is_hurried() or state.attempt_number >= self._attempts_allowed(state):
            return True
        # Attempts take time too: a service may trickle for as long as one request is allowed to.
        passed = max(state.idle_for, state.seconds_since_start or 0.0)
        return passed + state.upcoming_sleep > self._budget.seconds

    def _attempts_allowed(self, state: tenacity.RetryCallState) -> int:
        if self._is_doubtful and isinstance(_error(state), FaultyAnswer):
            return FAULTY_ATTEMPTS
        return self._budget.attempts

    def _seconds_before_next(self, state: tenacity.RetryCallState) -> float:
        """Return the seconds to wait: they grow, and are at least those asked for."""
        first, longest = self._budget.first_wait, self._budget.longest_wait
        grown = tenacity.wait_exponential(multiplier=first, max=longest)(state)
        # Without the random part, all requests that failed together would come back together.
        jitter = tenacity.wait_random(0, first)(state)
        return max(grown + jitter, _seconds_asked_for(state))

    def _count(self, state: tenacity.RetryCallState) -> None:
        self._usage.retries += 1
        is_warning = state.attempt_number >= WARNING_ATTEMPTS
        log.log(
            logging.WARNING if is_warning else logging.INFO,
            "%s: attempt %d failed, next in %.1f s (%s)",
            self._source,
            state.attempt_number,
            state.upcoming_sleep,
            _error(state) or "",
        )


def _error(state: tenacity.RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None


def _seconds_asked_for(state: tenacity.RetryCallState) -> float:
    error = _error(state)
    asked = error.retry_after if isinstance(error, TransientError) else None
    return asked or 0.0


def check_patience(error: TransientError, status: int, budget: RetryBudget) -> None:
    """Stop the source, raising what says so, if it asks for a longer wait than is waited for."""
    seconds = error.retry_after
    if seconds is None or seconds <= budget.patience:
        return
    kind = QuotaSpent if status == 429 else SourceUnavailable
    raise kind(str(error), not_before=moment_after(seconds)) from error


def moment_after(seconds: float | None) -> datetime | None:
    """Return the time so many seconds from now; None if they are not known."""
    if seconds is None:
        return None
    return datetime.now(UTC) + timedelta(seconds=min(seconds, LONGEST_DELAY_S))
