"""The requests of one batch: what is sent, what comes back, and when the source has said enough."""

from __future__ import annotations

import asyncio

import httpx2
import pytest

from jobrunner import __version__
from jobrunner.errors import (
    KeyRefused,
    QuotaSpent,
    RequestRefused,
    SourceError,
    SourceUnavailable,
    TransientError,
)
from jobrunner.http.batch_requests import Requests
from tests.unit.http.scripted_service import SECRET, Clock, answer, ask, client


def test_what_is_sent() -> None:
    seen: list[httpx2.Request] = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return answer()

    async def run() -> None:
        async with client(handler, params={"mailto": "a@b.org"}) as opened:
            await Requests(opened).post("/x%2Fy", {"fields": "a,b"}, {"ids": ["1"]})

    asyncio.run(run())
    request = seen[0]
    assert str(request.url) == "http://demo.test/v1/x%2Fy?mailto=a%40b.org&fields=a%2Cb"
    assert request.headers["user-agent"] == f"jobrunner/{__version__} (mailto:a@b.org)"
    assert request.headers["x-api-key"] == SECRET
    assert request.content == b'{"ids":["1"]}'


def test_values_come_back_as_they_are() -> None:
    values: tuple[object, ...] = ({"a": [1, None]}, [], 0, "x", False)
    for value in values:
        found, requests = ask([answer(body=value if value != "x" else '"x"')])
        assert found == value
    assert (requests.usage.requests, requests.usage.retries) == (1, 0)


def test_missing_is_none_whatever_its_body_is() -> None:
    assert ask([answer(404, "<!doctype html>")])[0] is None


def test_judge_cost_and_learn_see_every_answer() -> None:
    costs: list[int] = []

    def cost(response: httpx2.Response) -> int:
        costs.append(response.status_code)
        return 100

    def judge(response: httpx2.Response) -> None:
        if b"come back" in response.content:
            raise TransientError("demo: come back", retry_after=3.0)

    clock = Clock()
    found, requests = ask(
        [answer(body={"x": "come back"}), answer(500, ""), answer()],
        clock,
        judge=judge,
        cost=cost,
        learn=lambda _response, pace: pace.limit(requests_per_second=2.0),
    )
    assert found == {"ok": 1}
    assert costs == [200, 500, 200]
    assert requests.usage.cost_micros == 300
    assert 3.0 in clock.slept


def answered_after_one_has_stopped(first: httpx2.Response) -> list[type[Exception] | object]:
    """Ask three times, one after the other; the later ones would have been answered well."""
    answers = iter([first, httpx2.Response(200, json=1), httpx2.Response(200, json=2)])
    source = client(lambda _: next(answers))

    async def run() -> list[type[Exception] | object]:
        async with source:
            got: list[type[Exception] | object] = []
            for _ in range(3):
                try:
                    got.append(await Requests(source).get("/things"))
                except SourceError as error:
                    got.append(type(error))
            return got

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("first", "said"),
    [
        (httpx2.Response(429, headers={"Retry-After": "7200"}), QuotaSpent),
        (httpx2.Response(503, headers={"Retry-After": "7200"}), SourceUnavailable),
        (httpx2.Response(401), KeyRefused),
    ],
)
def test_after_a_source_has_stopped_no_further_request_leaves(
    first: httpx2.Response, said: type[Exception]
) -> None:
    assert answered_after_one_has_stopped(first) == [said] * 3


def test_a_refused_request_does_not_stop_the_source() -> None:
    assert answered_after_one_has_stopped(httpx2.Response(400)) == [RequestRefused, 1, 2]
