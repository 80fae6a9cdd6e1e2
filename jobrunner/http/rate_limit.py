"""The rate limit of one source: request starts per second, concurrent requests, pauses.

Services count requests in a window of one second. Evenly spaced starts stay below the limit only
while none is late, and the event loop is late after it has committed a batch. So two rules apply:
starts follow an even schedule, and a full window must pass between a start and the n-th after it.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable
from types import TracebackType

MARGIN = 1.02
"""Starts are spaced 2 % wider than allowed: delays can move 1.02 s of starts into a 1 s window."""

CATCH_UP = 0.1
"""Most seconds of a late start that later starts may catch up on; the rest is lost."""

RECOVERY = 60.0
"""Seconds in which the rate recovers from zero to the full rate."""

DEEPEST = 1 / 16
"""Smallest share of the allowed rate to which :meth:`RateLimit.slow_down` reduces it."""


class Start:
    """The start of a request; ``at`` is moved to the time at which it was really sent."""

    __slots__ = ("at",)

    def __init__(self, at: float) -> None:
        self.at = at


class RateLimit:
    """Admits requests to one source in order: ``async with rate_limit as start: ...``.

    ``requests_per_second`` may be ``math.inf``. ``clock`` and ``sleep`` are replaced in tests.
    """

    def __init__(
        self,
        requests_per_second: float,
        concurrency: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._allowed = requests_per_second
        self._rate = requests_per_second
        self._rate_at = clock()
        self._slowed_at = -math.inf
        self._next = -math.inf
        self._paused_until = -math.inf
        self._starts: deque[Start] = deque()
        self._turn = asyncio.Lock()
        self._concurrency = concurrency
        self._surplus = 0
        self._slots = asyncio.Semaphore(concurrency)

    @property
    def allowed(self) -> float:
        """Requests per second that the source allows."""
        return self._allowed

    @property
    def rate(self) -> float:
        """Current requests per second; below the allowed rate for a while after a 429."""
        self._recover()
        return self._rate

    async def __aenter__(self) -> Start:
        await self._slots.acquire()
        # A lower concurrency was announced: keep surplus slots instead of returning them.
        while self._surplus > 0:
            self._surplus -= 1
            await self._slots.acquire()
        try:
            return await self._start()
        except BaseException:
            self._leave()
            raise

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._leave()

    def sent(self, start: Start) -> None:
        """Record that the request of ``start`` is sent only now, after connecting."""
        start.at = self._clock()

    def slow_down(self) -> None:
        """Halve the rate, at most once per second: one burst causes many refusals."""
        now = self._clock()
        if math.isinf(self._allowed) or now - self._slowed_at < 1.0:
            return
        self._recover()
        self._slowed_at = now
        self._rate = max(self._rate / 2, self._allowed * DEEPEST)

    def pause(self, seconds: float) -> None:
        """Start no request for some seconds; a longer pause that is running stays."""
        self._paused_until = max(self._paused_until, self._clock() + seconds)

    def limit(
        self, *, requests_per_second: float | None = None, concurrency: int | None = None
    ) -> None:
        """Apply limits that the source announced; they take precedence."""
        if requests_per_second is not None and requests_per_second != self._allowed:
            slowed = self._rate < self._allowed
            self._allowed = requests_per_second
            self._rate = min(self._rate, self._allowed) if slowed else self._allowed
        if concurrency is not None and concurrency > 0:
            self._resize(concurrency)

    def _resize(self, concurrency: int) -> None:
        change = concurrency - self._concurrency
        self._concurrency = concurrency
        self._surplus -= change
        while self._surplus < 0:
            self._surplus += 1
            self._slots.release()

    def _leave(self) -> None:
        if self._surplus > 0:
            self._surplus -= 1
        else:
            self._slots.release()

    async def _start(self) -> Start:
        waited = self._turn.locked()
        async with self._turn:
            while (wait := self._wait()) > 0:
                waited = True
                await self._sleep(wait)
            now = self._clock()
            start = Start(now)
            if not math.isinf(self._allowed):
                # Only a start that had to wait is late; after idle time nothing is missing.
                earliest = now - CATCH_UP if waited else now
                self._next = max(self._next, earliest) + MARGIN / self.rate
                self._starts.append(start)
            return start

    def _wait(self) -> float:
        now = self._clock()
        free = max(self._paused_until, self._next)
        if not math.isinf(self._allowed):
            free = max(free, self._window_free())
        return free - now

    def _window_free(self) -> float:
        """Return when the window has room: 1 s, or 1/rate for sources slower than 1 per second."""
        room = max(1, math.floor(self._allowed))
        while len(self._starts) > room:
            self._starts.popleft()
        if len(self._starts) < room:
            return -math.inf
        return self._starts[0].at + max(1.0, 1 / self._allowed) * MARGIN

    def _recover(self) -> None:
        now = self._clock()
        if self._rate < self._allowed and not math.isinf(self._allowed):
            gained = self._allowed * (now - self._rate_at) / RECOVERY
            self._rate = min(self._allowed, self._rate + gained)
        self._rate_at = now
