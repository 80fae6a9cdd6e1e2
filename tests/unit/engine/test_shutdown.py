"""A run is asked to stop: gently first, at once if asked by a signal again."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from jobrunner.engine.shutdown import SIGNALS, Stop, stop_signals


def test_the_first_reason_to_stop_is_kept() -> None:
    stop = Stop()
    stop.ask("time limit")
    stop.ask("error")
    assert stop.asked
    assert stop.reason == "time limit"


def test_everyone_who_listens_hears_of_each_time_that_the_stop_is_asked_for() -> None:
    stop = Stop()
    heard: list[tuple[str, bool]] = []
    stop.on_ask(lambda: heard.append(("first", stop.now)))
    stop.on_ask(lambda: heard.append(("second", stop.now)))
    stop.ask_by_signal("SIGINT")
    stop.ask_by_signal("SIGINT")
    assert heard == [("first", False), ("second", False), ("first", True), ("second", True)]


def test_a_signal_after_any_reason_stops_at_once() -> None:
    stop = Stop()
    at_once: list[bool] = []
    stop.on_ask(lambda: at_once.append(stop.now))
    stop.ask("time limit")
    stop.ask_by_signal("SIGTERM")
    assert at_once == [False, True]
    assert stop.reason == "time limit"


def test_a_signal_asks_for_the_stop_by_its_name() -> None:
    async def send() -> str | None:
        stop, heard = Stop(), asyncio.Event()
        stop.on_ask(heard.set)
        with stop_signals(stop, max_seconds=None):
            os.kill(os.getpid(), signal.SIGTERM)
            await heard.wait()
        return stop.reason

    assert asyncio.run(send()) == "signal SIGTERM"


def test_the_time_limit_asks_for_the_stop() -> None:
    async def wait() -> str | None:
        stop, heard = Stop(), asyncio.Event()
        stop.on_ask(heard.set)
        with stop_signals(stop, max_seconds=0.01):
            await heard.wait()
        return stop.reason

    assert asyncio.run(wait()) == "time limit"


@pytest.mark.parametrize("last", [True, False])
def test_after_the_last_run_of_a_process_signals_are_ignored(last: bool) -> None:
    before = signal.getsignal(signal.SIGTERM)

    async def stop() -> None:
        with stop_signals(Stop(), max_seconds=None, last=last):
            pass

    try:
        asyncio.run(stop())
        assert signal.getsignal(signal.SIGTERM) == (signal.SIG_IGN if last else before)
    finally:
        for number in SIGNALS:
            signal.signal(number, before if number != signal.SIGINT else signal.default_int_handler)
