"""Counts requests that exceed the published limits of a service."""

from __future__ import annotations

from collections import Counter, deque

from msgspec import Struct

from jobrunner.demo.messages import Allowed

WINDOW = 1.0
"""Length of the sliding window in seconds."""


class Violation(Struct, frozen=True, kw_only=True):
    """One request too many: ``count`` requests of a pool where only ``allowed`` are permitted.

    ``kind`` is 'rate' (requests started within one second) or 'at_once' (concurrent requests).
    """

    at: float
    kind: str
    pool: str
    count: int
    allowed: float


class Watch:
    """Counts the requests of one server. Not thread-safe: the server calls it under a lock."""

    def __init__(self) -> None:
        self._starts: dict[str, deque[float]] = {}
        self._at_once: Counter[str] = Counter()

    def begin(self, allowed: Allowed, now: float) -> list[Violation]:
        """Count the start of a request; return the limits that it exceeds."""
        starts = self._starts.setdefault(allowed.pool, deque())
        while starts and now - starts[0] >= WINDOW:
            starts.popleft()
        starts.append(now)
        self._at_once[allowed.pool] += 1
        counts = (
            ("rate", len(starts), allowed.per_second),
            ("at_once", self._at_once[allowed.pool], allowed.at_once),
        )
        return [
            Violation(at=now, kind=kind, pool=allowed.pool, count=count, allowed=most)
            for kind, count, most in counts
            if count > most
        ]

    def refuse(self, allowed: Allowed) -> None:
        """Uncount the last start of a pool: a refused request does not use up the limit."""
        self._starts[allowed.pool].pop()

    def end(self, allowed: Allowed) -> None:
        """Count the end of a request."""
        self._at_once[allowed.pool] -= 1
