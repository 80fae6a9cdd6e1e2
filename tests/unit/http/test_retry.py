"""The back-off: what is tried again, after which wait, and when no more."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta

import httpx2
import pytest

from jobrunner.errors import (
    AnswerMalformed,
    QuotaSpent,
    SourceUnavailable,
)
from jobrunner.http.batch_requests import Requests
from tests.unit.http.scripted_service import SECRET, Clock, answer, ask, client


@pytest.mark.parametrize("first", [408, 429, 500, 502, 503, 504])
def test_passing_trouble_is_retried(first: int) -> None:
    found, requests = ask([answer(first, "<html>"), answer(first, b""), answer()])
    assert found == {"ok": 1}
    assert (requests.usage.requests, requests.usage.retries) == (3, 2)


@pytest.mark.parametrize(
    "trouble",
    [
        httpx2.ConnectError("refused"),
        httpx2.ReadTimeout("slow"),
        httpx2.RemoteProtocolError("peer closed connection"),
        httpx2.DecodingError("bad gzip"),
    ],
)
def test_trouble_on_the_wire_is_retried_and_then_the_source_is_unavailable(
    trouble: Exception,
) -> None:
    assert ask([trouble, answer()])[0] == {"ok": 1}
    with pytest.raises(SourceUnavailable, match="demo"):
        ask([trouble])


def test_the_wait_grows_and_the_attempts_end() -> None:
    clock = Clock()
    with pytest.raises(SourceUnavailable) as caught:
        ask([answer(503, {"message": "down"})], clock)
    assert str(caught.value) == "demo: HTTP 503: down"
    assert caught.value.__notes__ == ["requests=7"]
    assert len(clock.slept) == 6
    assert all(
        low <= wait <= low + 1 for low, wait in zip((1, 2, 4, 8, 16, 32), clock.slept, strict=True)
    )


@pytest.mark.parametrize("body", ["<html>503</html>", b"", b'{"cut": ', b"[" * 100_000, b"null"])
def test_success_without_json_is_retried_and_then_malformed(body: bytes) -> None:
    assert ask([answer(body=body), answer()])[0] == {"ok": 1}
    with pytest.raises(AnswerMalformed):
        ask([answer(body=body)])


def test_once_a_request_had_only_faulty_answers_the_others_of_its_batch_wait_little() -> None:
    clock = Clock()

    async def run() -> list[int]:
        async with client(lambda _: answer(body="<html>"), clock) as opened:
            requests, used = Requests(opened), []
            for _ in range(3):
                with pytest.raises(AnswerMalformed):
                    await requests.get("/things")
                used.append(requests.usage.requests)
            return used

    assert asyncio.run(run()) == [7, 7 + 2, 7 + 2 + 2]


class Patient(Clock):
    """Time that passes only after all others had their turns."""

    async def sleep(self, seconds: float) -> None:
        until = self.now + seconds
        for _ in range(100):
            await asyncio.sleep(0)
        self.now = max(self.now, until)


def test_retry_after_holds_the_whole_source() -> None:
    clock = Patient()
    seen: list[float] = []
    asked = asyncio.Event()

    def handler(request: httpx2.Request) -> httpx2.Response:
        seen.append(clock.now)
        asked.set()
        return answer(429, "", retry_after="40") if len(seen) == 1 else answer()

    async def run() -> None:
        async with client(handler, clock) as opened:
            first = asyncio.create_task(Requests(opened).get("/a"))
            await asked.wait()
            await asyncio.sleep(0)
            await asyncio.gather(first, *(Requests(opened).get("/b") for _ in range(3)))

    asyncio.run(run())
    assert len(seen) == 5
    assert all(moment >= 40 for moment in seen[1:])


def test_retry_after_as_a_date_is_measured_by_the_clock_of_the_service() -> None:
    clock = Clock()
    date, until = "Tue, 04 Nov 2025 10:00:00 GMT", "Tue, 04 Nov 2025 10:00:25 GMT"
    ask([answer(503, "", retry_after=until, date=date), answer()], clock)
    assert 25 in clock.slept


@pytest.mark.parametrize("value", ["", "soon", "-5", "nan", "inf", "Tue, 99 Nov 2025"])
def test_senseless_retry_after_is_ignored(value: str) -> None:
    clock = Clock()
    assert ask([answer(503, "", retry_after=value), answer()], clock)[0] == {"ok": 1}
    assert max(clock.slept) <= 2


@pytest.mark.parametrize(("status", "kind"), [(429, QuotaSpent), (503, SourceUnavailable)])
def test_a_long_retry_after_stops_the_source_until_then(
    status: int, kind: type[SourceUnavailable | QuotaSpent]
) -> None:
    clock = Clock()
    with pytest.raises(kind) as caught:
        ask([answer(status, "", retry_after="53578")], clock)
    assert clock.slept == []
    expected = datetime.now(UTC) + timedelta(seconds=53578)
    assert caught.value.not_before is not None
    assert abs(caught.value.not_before - expected) < timedelta(seconds=60)


def test_retries_are_logged_without_keys_and_queries(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="jobrunner"):
        ask([answer(503, {"error": f"no {SECRET}"}), answer()])
    assert "demo: attempt 1 failed, next in " in caplog.text
    assert "HTTP 503: no ***" in caplog.text
    assert SECRET not in caplog.text


def test_who_waits_to_try_again_gives_up_when_the_run_stops() -> None:
    seen: list[httpx2.Request] = []

    def down(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(503)

    async def for_ever(_seconds: float) -> None:
        source.hurry()
        await asyncio.Event().wait()

    source = client(down)
    source.sleep = for_ever

    async def run() -> None:
        async with source:
            await Requests(source).get("/things")

    with pytest.raises(SourceUnavailable, match="not retried because the run is stopping"):
        asyncio.run(run())
    assert len(seen) == 1


def test_when_the_run_stops_a_request_under_way_is_answered_and_none_tried_again() -> None:
    answers = iter([httpx2.Response(200, json=1), httpx2.Response(503)])
    source = client(lambda _: next(answers))
    source.hurry()

    async def run() -> object:
        async with source:
            assert await Requests(source).get("/things") == 1
            return await Requests(source).get("/things")

    with pytest.raises(SourceUnavailable):
        asyncio.run(run())
