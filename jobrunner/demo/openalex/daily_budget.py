"""The prices of OpenAlex: credits per call, a daily budget, and the reply when it is spent.

One credit is $0.0001: https://developers.openalex.org/api-reference/authentication.
"""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta

from jobrunner.demo.messages import Reply, json_reply

CREDITS_PER_USD = 10_000
ENDLESS = 1_000_000_000
"""Credits of an unlimited budget."""


class Budgets:
    """The budgets of all keys. The key '' stands for all requests without a key."""

    def __init__(self, usd: float | None, reset_after: float | None) -> None:
        self.limit = ENDLESS if usd is None else round(usd * CREDITS_PER_USD)
        self._reset_after = reset_after
        self._reset_at = self._next_reset()
        self._spent: dict[str, int] = {}
        self._total = 0
        self._lock = threading.Lock()

    @staticmethod
    def usd(credits_: int) -> float:
        """Convert credits to US dollars."""
        return credits_ / CREDITS_PER_USD

    @property
    def total_usd(self) -> float:
        """The total spending of all keys, across resets."""
        return self.usd(self._total)

    def charge(self, key: str, price: int) -> Reply | None:
        """Charge the price of a call; return the refusal if the budget does not cover it."""
        with self._lock:
            if time.time() >= self._reset_at:
                self._spent.clear()
                self._reset_at = self._next_reset()
            if price and self._spent.get(key, 0) + price > self.limit:
                return self._spent_up(key, price)
            self._spent[key] = self._spent.get(key, 0) + price
            self._total += price
            return None

    def refund(self, key: str, price: int) -> None:
        """Refund the price of a call."""
        with self._lock:
            self._spent[key] -= price
            self._total -= price

    def remaining(self, key: str) -> int:
        """Return the credits that a key can still spend."""
        return self.limit - self._spent.get(key, 0)

    def headers(self, key: str, price: int) -> dict[str, str]:
        """Return the headers of a reply with this price."""
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining(key)),
            "X-RateLimit-Credits-Used": str(price),
            "X-RateLimit-Reset": str(self._seconds_left()),
            "X-RateLimit-Onetime-Remaining": "0",
            "X-RateLimit-Limit-USD": f"{self.usd(self.limit):g}",
            "X-RateLimit-Remaining-USD": f"{self.usd(self.remaining(key)):g}",
            "X-RateLimit-Cost-USD": f"{self.usd(price):g}",
            "X-RateLimit-Prepaid-Remaining-USD": "0",
        }

    def status(self, key: str) -> dict[str, object]:
        """Return the body of ``/rate-limit`` for a key."""
        return {
            "rate_limit": {
                "credits_limit": self.limit,
                "credits_used": self._spent.get(key, 0),
                "credits_remaining": self.remaining(key),
                "daily_budget_usd": self.usd(self.limit),
                "daily_remaining_usd": self.usd(self.remaining(key)),
                "resets_in_seconds": self._seconds_left(),
            }
        }

    def too_fast(self, key: str, per_second: float) -> Reply:
        """Return the 429 reply for too many requests within a second."""
        message = f"Rate limit exceeded: {per_second:g} requests per second."
        return self._refusal(key, 1, message, round(1 / per_second, 3))

    def _spent_up(self, key: str, price: int) -> Reply:
        message = (
            f"Insufficient budget. This request costs ${self.usd(price):g} but you only have "
            f"${self.usd(self.remaining(key)):g} remaining. Resets at midnight UTC."
        )
        return self._refusal(key, price, message, self._seconds_left())

    def _refusal(self, key: str, price: int, message: str, wait: float) -> Reply:
        body = {
            "error": "Rate limit exceeded",
            "message": message,
            "retryAfter": wait,
            "costUsd": self.usd(price),
            "dailyRemainingUsd": self.usd(self.remaining(key)),
            "prepaidRemainingUsd": 0,
            "creditsRequired": price,
            "creditsRemaining": self.remaining(key),
            "onetimeCreditsRemaining": 0,
        }
        headers = {
            **self.headers(key, 0),
            "X-RateLimit-Credits-Required": str(price),
            "X-RateLimit-Cost-Required-USD": f"{self.usd(price):g}",
            "Retry-After": str(max(1, round(wait))),
        }
        return json_reply(body, 429, headers)

    def _seconds_left(self) -> int:
        return max(0, round(self._reset_at - time.time()))

    def _next_reset(self) -> float:
        if self._reset_after is not None:
            return time.time() + self._reset_after
        tomorrow = datetime.now(UTC).date() + timedelta(days=1)
        return datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=UTC).timestamp()
