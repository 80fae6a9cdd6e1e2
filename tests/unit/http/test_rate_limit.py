"""The pace of one source: starts a second, requests at once, pauses, slowing down."""

from __future__ import annotations

import asyncio
import itertools
import math
import time
from collections.abc import Sequence

import pytest

from jobrunner.http.rate_limit import RateLimit
from tests.support.events import LIMIT_S


class Clock:
    """Time that passes only in :meth:`sleep`, each time a little longer than asked."""

    def __init__(self, lateness: Sequence[float] = (0.0,)) -> None:
        self.now = 100.0
        self._lateness = lateness
        self._sleeps = 0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds + self._lateness[self._sleeps % len(self._lateness)]
        self._sleeps += 1


async def starts(pace: RateLimit, count: int) -> list[float]:
    found = []
    for _ in range(count):
        async with pace as start:
            found.append(start.at)
    return found


def most_in_a_second(times: Sequence[float]) -> int:
    return max(sum(1 for t in times if begin <= t < begin + 1.0) for begin in times)


@pytest.mark.parametrize("rate", [1.0, 3.0, 10.0, 30.0, 300.0])
@pytest.mark.parametrize(
    "lateness", [(0.0,), (0.001,), (0.0, 0.004, 0.001), (*[0.0] * 40, 0.09), (*[0.0] * 60, 0.3)]
)
def test_no_second_ever_holds_more_starts_than_allowed(
    rate: float, lateness: Sequence[float]
) -> None:
    clock = Clock(lateness)
    times = asyncio.run(
        starts(RateLimit(rate, 4, clock=clock, sleep=clock.sleep), int(max(40, rate * 8)))
    )
    assert most_in_a_second(times) <= rate
    assert times[1] - times[0] > 0.9 / rate


@pytest.mark.parametrize("rate", [1.0, 3.0, 30.0, 300.0])
def test_the_allowed_rate_is_used_to_97_percent(rate: float) -> None:
    clock = Clock((0.0005,))
    times = asyncio.run(
        starts(RateLimit(rate, 4, clock=clock, sleep=clock.sleep), int(rate * 30) + 1)
    )
    assert (len(times) - 1) / (times[-1] - times[0]) >= 0.97 * rate


@pytest.mark.torture  # it measures real time, which a loaded machine does not have
def test_real_time_keeps_rate_and_window_while_the_loop_stutters() -> None:
    async def run() -> list[float]:
        pace = RateLimit(100.0, 50)
        times: list[float] = []

        async def one(number: int) -> None:
            async with pace as start:
                times.append(start.at)
                if number % 20 == 0:
                    time.sleep(0.03)  # noqa: ASYNC251 - a commit holds the loop up like this

        await asyncio.gather(*(one(number) for number in range(200)))
        return times

    times = asyncio.run(run())
    assert most_in_a_second(times) <= 100
    assert 199 / (times[-1] - times[0]) >= 93.0


def test_a_slower_source_than_one_a_second() -> None:
    clock = Clock()
    times = asyncio.run(starts(RateLimit(0.25, 1, clock=clock, sleep=clock.sleep), 5))
    assert all(b - a >= 4.0 for a, b in itertools.pairwise(times))


def test_no_limit_means_no_waiting() -> None:
    clock = Clock()
    times = asyncio.run(starts(RateLimit(math.inf, 1, clock=clock, sleep=clock.sleep), 1000))
    assert times[-1] == times[0]


def test_idle_time_is_not_saved_up() -> None:
    clock = Clock()
    pace = RateLimit(10.0, 4, clock=clock, sleep=clock.sleep)
    asyncio.run(starts(pace, 3))
    clock.now += 60
    times = asyncio.run(starts(pace, 10))
    assert times[4] - times[0] > 0.25


def test_concurrency_is_bounded_and_can_change() -> None:
    async def run() -> list[int]:
        pace = RateLimit(math.inf, 3)
        active = 0
        most = [0]

        async def one() -> None:
            nonlocal active
            async with pace:
                active += 1
                most[-1] = max(most[-1], active)
                await asyncio.sleep(0.001)
                active -= 1

        for concurrency in (3, 1, 5):
            pace.limit(concurrency=concurrency)
            most.append(0)
            await asyncio.gather(*(one() for _ in range(20)))
        return most[1:]

    assert asyncio.run(run()) == [3, 1, 5]


def test_lowering_concurrency_while_all_slots_are_taken() -> None:
    async def run() -> int:
        pace = RateLimit(math.inf, 4)
        release = asyncio.Event()
        active = 0
        most = 0

        async def one() -> None:
            nonlocal active, most
            async with pace:
                active += 1
                if release.is_set():
                    most = max(most, active)
                else:
                    await release.wait()
                await asyncio.sleep(0)
                active -= 1

        first = [asyncio.create_task(one()) for _ in range(4)]
        await asyncio.sleep(0.01)
        pace.limit(concurrency=1)
        rest = [asyncio.create_task(one()) for _ in range(6)]
        await asyncio.sleep(0.01)
        release.set()
        await asyncio.gather(*first)
        most = 0
        await asyncio.gather(*rest)
        return most

    assert asyncio.run(run()) == 1


def test_a_cancelled_wait_gives_its_slot_back() -> None:
    async def run() -> None:
        pace = RateLimit(math.inf, 1)
        pace.pause(60)
        waiting = asyncio.create_task(starts(pace, 1))
        await asyncio.sleep(0.01)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        pace._paused_until = 0.0
        async with asyncio.timeout(LIMIT_S):
            await starts(pace, 1)

    asyncio.run(run())


def test_a_pause_holds_all_requests_back_and_shorter_ones_do_not_end_it() -> None:
    clock = Clock()
    pace = RateLimit(10.0, 4, clock=clock, sleep=clock.sleep)
    pace.pause(30.0)
    pace.pause(1.0)
    assert asyncio.run(starts(pace, 1)) == [130.0]


def test_slowing_down_halves_at_once_and_recovers_gently() -> None:
    clock = Clock()
    pace = RateLimit(8.0, 4, clock=clock, sleep=clock.sleep)
    pace.slow_down()
    pace.slow_down()
    assert pace.rate == pytest.approx(4.0)
    clock.now += 15
    assert pace.rate == pytest.approx(6.0)
    clock.now += 60
    assert pace.rate == 8.0
    for _ in range(20):
        clock.now += 1.0
        pace.slow_down()
    assert pace.rate == pytest.approx(0.5)
    times = asyncio.run(starts(pace, 2))
    assert times[1] - times[0] > 1.0


def test_announced_limits_are_taken_over() -> None:
    clock = Clock()
    pace = RateLimit(1.0, 4, clock=clock, sleep=clock.sleep)
    pace.limit(requests_per_second=5.0)
    assert (pace.allowed, pace.rate) == (5.0, 5.0)
    pace.slow_down()
    pace.limit(requests_per_second=10.0)
    assert pace.rate == pytest.approx(2.5)
    pace.limit(requests_per_second=2.0)
    assert pace.rate == 2.0


def test_a_request_that_waited_for_its_connection_counts_from_when_it_left() -> None:
    async def run() -> float:
        clock = Clock()
        pace = RateLimit(1.0, 2, clock=clock, sleep=clock.sleep)
        async with pace as first:
            clock.now += 0.7
            pace.sent(first)
        async with pace as second:
            return second.at - first.at

    assert asyncio.run(run()) >= 1.0
