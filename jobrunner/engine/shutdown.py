"""Stopping before the end: signals and a time limit, gently first and at once if asked again."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

GRACE_S = 20.0
"""Seconds that requests in flight get after the first signal; cluster schedulers wait some 30."""


class Stop:
    """Whether, and why, a run is to stop before its end; ``now`` if without any grace."""

    def __init__(self) -> None:
        self.reason: str | None = None
        self.now = False
        self._listeners: list[Callable[[], None]] = []

    @property
    def asked(self) -> bool:
        """Whether no new work is to be taken."""
        return self.reason is not None

    def ask(self, reason: str) -> None:
        """Ask to stop once the requests under way are answered."""
        if not self.asked:
            self.reason = reason
            log.warning(
                "stopping (%s): requests under way have %.0f s to end; a signal stops at once",
                reason,
                GRACE_S,
            )
        for listener in self._listeners:
            listener()

    def ask_by_signal(self, name: str) -> None:
        """Ask to stop; if that was asked for before, at once."""
        self.now = self.asked
        self.ask(f"signal {name}")

    def on_ask(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` each time that the stop is asked for."""
        self._listeners.append(listener)


@contextmanager
def stop_signals(stop: Stop, max_seconds: float | None) -> Iterator[None]:
    """Let signals and the time limit ask for the stop while the block runs."""
    loop = asyncio.get_running_loop()
    # What was ignored at the start stays so: that is what nohup and a shell's & ask for.
    heeded = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    for number in heeded:
        loop.add_signal_handler(number, stop.ask_by_signal, signal.Signals(number).name)
    timer = loop.call_later(max_seconds, stop.ask, "time limit") if max_seconds else None
    try:
        yield
    finally:
        if timer is not None:
            timer.cancel()
        for number in heeded:
            loop.remove_signal_handler(number)
