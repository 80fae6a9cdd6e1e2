"""Makes the pauses of a program shorter, whatever its modules are called; found on PYTHONPATH.

The sources of real lists allow a request a second: a list of titles would take hours. Pauses and
the clock that measures them are changed by one factor, so the pace stays what it is, but faster.
What asyncio itself measures stays slow: an answer has the full time before it counts as late.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterable
from typing import Any

FACTOR = float(os.environ.get("COMPARE_HURRY", "1"))

_clock = time.monotonic
_sleep = asyncio.sleep
_wait = asyncio.wait


def _hurried_clock() -> float:
    return _clock() * FACTOR


def _unhurried_time(self: asyncio.BaseEventLoop) -> float:
    return _clock()


async def _hurried_sleep(delay: float, result: Any = None) -> Any:  # noqa: ANN401 - as asyncio's
    return await _sleep(delay / FACTOR, result)


async def _hurried_wait(fs: Iterable[Any], **options: Any) -> Any:  # noqa: ANN401 - as asyncio's
    if options.get("timeout") is not None:
        options["timeout"] /= FACTOR
    return await _wait(fs, **options)


time.monotonic = _hurried_clock
asyncio.BaseEventLoop.time = _unhurried_time  # type: ignore[method-assign]
asyncio.sleep = _hurried_sleep
asyncio.wait = _hurried_wait
