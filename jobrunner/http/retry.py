"""Retries: which requests are retried, how long to wait, and when to give up.

Every :class:`~jobrunner.errors.TransientError` is retried, and nothing else.
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
"""Attempts per request after another request of the batch got only faulty answers."""

WARNING_ATTEMPTS = 3
"""From this many failed attempts on, a retry is logged as a warning; fewer are normal."""

LONGEST_DELAY_S = 366 * 86400.0
"""Longest wait that is stored: more than a year is a mistake and can overflow a date."""


class RetryBudget(Struct, frozen=True, kw_only=True):
    """How often and how long one request is retried before its source counts as down.

    ``patience``: the longest ``Retry-After`` to wait for; a longer one stops the source.
    """

    attempts: int = 7
    seconds: float = 600.0
    first_wait: float = 1.0
    longest_wait: float = 60.0
    patience: float = 300.0


class Backoff:
    """Retries the requests of one batch; ``usage`` counts the retries.

    ``wait`` sleeps between two attempts. Once ``is_hurried`` returns true, nothing is retried:
    the run is about to stop.
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
        """Return the result of the first successful attempt; raise the error of the last one."""
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
            # This request showed that the fault persists: the others get fewer attempts.
            self._is_doubtful = True
            raise

    def _is_last(self, state: tenacity.RetryCallState) -> bool:
        """Return whether the attempt that just failed was the last one."""
        if self._is_hurried() or state.attempt_number >= self._attempts_allowed(state):
            return True
        # Count the attempts' own time too: a slow answer can take as long as its timeout.
        passed = max(state.idle_for, state.seconds_since_start or 0.0)
        return passed + state.upcoming_sleep > self._budget.seconds

    def _attempts_allowed(self, state: tenacity.RetryCallState) -> int:
        if self._is_doubtful and isinstance(_error(state), FaultyAnswer):
            return FAULTY_ATTEMPTS
        return self._budget.attempts

    def _seconds_before_next(self, state: tenacity.RetryCallState) -> float:
        """Return the seconds to wait: they grow, and are at least ``Retry-After``."""
        first, longest = self._budget.first_wait, self._budget.longest_wait
        grown = tenacity.wait_exponential(multiplier=first, max=longest)(state)
        # Without jitter, requests that failed together would be retried together.
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
    """Raise the error that stops the source if ``Retry-After`` exceeds the patience."""
    seconds = error.retry_after
    if seconds is None or seconds <= budget.patience:
        return
    kind = QuotaSpent if status == 429 else SourceUnavailable
    raise kind(str(error), not_before=moment_after(seconds)) from error


def moment_after(seconds: float | None) -> datetime | None:
    """Return the time this many seconds from now; None if the seconds are unknown."""
    if seconds is None:
        return None
    return datetime.now(UTC) + timedelta(seconds=min(seconds, LONGEST_DELAY_S))
