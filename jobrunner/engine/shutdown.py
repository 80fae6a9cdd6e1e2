"""Early stop on a signal or a time limit: graceful first, immediate on a second signal."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

log = logging.getLogger(__name__)

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

GRACE_S = 20.0
"""Seconds that requests in flight get after the first signal. Cluster schedulers kill the process
about 30 s after their signal, and the last snapshot needs some of that time."""


class Stop:
    """Whether and why a run must stop early. ``now``: stop without a grace period."""

    def __init__(self) -> None:
        self.reason: str | None = None
        self.now = False
        self._listeners: list[Callable[[], None]] = []

    @property
    def asked(self) -> bool:
        """Whether a stop was requested; workers then take no new work."""
        return self.reason is not None

    def ask(self, reason: str) -> None:
        """Request a stop once the requests in flight are answered."""
        if not self.asked:
            self.reason = reason
            log.warning(
                "stopping (%s): waiting up to %.0f s for requests in flight;"
                " signal again to stop immediately",
                reason,
                GRACE_S,
            )
        for listener in self._listeners:
            listener()

    def ask_by_signal(self, name: str) -> None:
        """Request a stop. If one was requested before, stop immediately."""
        self.now = self.asked
        self.ask(f"signal {name}")

    def on_ask(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` each time a stop is requested."""
        self._listeners.append(listener)


@contextmanager
def stop_signals(stop: Stop, max_seconds: float | None, *, last: bool = False) -> Iterator[None]:
    """Request the stop on a signal or the time limit while the block runs.

    ``last``: the process ends after the block. Its signals are then ignored, so that it ends with
    its exit code even if more of them arrive.
    """
    loop = asyncio.get_running_loop()
    # A signal that was ignored at the start stays ignored: nohup and a shell's & rely on that.
    before = {number: signal.getsignal(number) for number in SIGNALS}
    heeded = [number for number, handler in before.items() if handler is not signal.SIG_IGN]

    def ask(number: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(stop.ask_by_signal, signal.Signals(number).name)

    # Not the loop's own handlers: removing those brings back the default, which ends the process.
    for number in heeded:
        signal.signal(number, ask)
    timer = loop.call_later(max_seconds, stop.ask, "time limit") if max_seconds else None
    try:
        yield
    finally:
        if timer is not None:
            timer.cancel()
        for number in heeded:
            signal.signal(number, signal.SIG_IGN if last else before[number])
