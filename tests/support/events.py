"""Waiting for events: no test hangs on how fast the machine is."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from jobrunner.demo.messages import Plan, Reply, Request

LIMIT_S = 900.0
"""Seconds after which a wait counts as one for ever: it only ends a hang."""


def eventually(happens: Callable[[], object]) -> None:
    """Wait until something is so, and fail if it never is."""
    deadline = time.monotonic() + LIMIT_S
    while not happens():
        assert time.monotonic() < deadline, "it has not happened"
        time.sleep(0.02)


@contextmanager
def little_work(seconds: float) -> Iterator[None]:
    """End the block and fail if it takes more than some processor time.

    Only the time that this process computes counts, not the time that other processes take from it.
    """

    def end(_number: int, _frame: FrameType | None) -> None:
        raise AssertionError(f"it computes for more than {seconds:.0f} s")

    before = signal.signal(signal.SIGVTALRM, end)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


class Gate:
    """Holds back the answers of a server until it is opened.

    ``asked`` counts its requests, ``released`` the answers that it held back and has let go.
    """

    def __init__(self) -> None:
        self.asked = 0
        self.released = 0
        self._opened = threading.Event()

    def after(self, count: int) -> Plan:
        """Let the first requests be answered at once, all others when the gate is open."""

        def plan(_request: Request, _number: int) -> Callable[[Reply], Reply] | None:
            self.asked += 1
            return None if self.asked <= count else self._hold

        return plan

    def _hold(self, reply: Reply) -> Reply:
        self._opened.wait(LIMIT_S)
        self.released += 1
        return reply

    def open(self) -> None:
        """Let all answers go."""
        self._opened.set()
