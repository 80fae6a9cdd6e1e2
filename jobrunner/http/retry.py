"""How often, and after which wait, a request is tried again: the back-off."""

from __future__ import annotations

import tenacity
from msgspec import Struct

from jobrunner.errors import FaultyAnswer, TransientError


class RetryBudget(Struct, frozen=True, kw_only=True):
    """How often and how long one request is tried again before its source counts as down.

    ``patience``: the longest ``Retry-After`` that is waited for rather than ending the run.
    """

    attempts: int = 7
    seconds: float = 600.0
    first_wait: float = 1.0
    longest_wait: float = 60.0
    patience: float = 300.0


FAULTY_ATTEMPTS = 2
"""Attempts at a request once another one of its batch got nothing but faulty answers."""


def last_error(state: tenacity.RetryCallState) -> BaseException | None:
    """Return what the last attempt failed with."""
    return state.outcome.exception() if state.outcome else None


def asked_wait(state: tenacity.RetryCallState) -> float:
    """Return the seconds that the last failed attempt was asked to wait."""
    exc = last_error(state)
    return (exc.retry_after or 0.0) if isinstance(exc, TransientError) else 0.0


def wait_before_next(state: tenacity.RetryCallState, budget: RetryBudget) -> float:
    """Return the seconds before the next attempt: they grow, and are at least those asked for."""
    grown = tenacity.wait_exponential(multiplier=budget.first_wait, max=budget.longest_wait)
    jitter = tenacity.wait_random(0, budget.first_wait)
    return max(grown(state) + jitter(state), asked_wait(state))


def is_exhausted(state: tenacity.RetryCallState, budget: RetryBudget, *, doubted: bool) -> bool:
    """Tell whether no further attempt is to be made.

    ``doubted``: another request of the batch got nothing but faulty answers.
    """
    faulty = isinstance(last_error(state), FaultyAnswer)
    attempts = FAULTY_ATTEMPTS if faulty and doubted else budget.attempts
    # Attempts take time too: a service may trickle for as long as one request is allowed to.
    passed = max(state.idle_for, state.seconds_since_start or 0.0)
    waited = passed + state.upcoming_sleep
    return state.attempt_number >= attempts or waited > budget.seconds
