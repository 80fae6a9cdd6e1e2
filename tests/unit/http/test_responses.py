"""What an answer means: errors told apart by status, JSON repaired."""

from __future__ import annotations

import asyncio

import pytest

from jobrunner.errors import (
    AnswerMalformed,
    KeyRefused,
    RequestRefused,
    SourceUnavailable,
)
from jobrunner.http.batch_requests import Requests
from tests.unit.http.scripted_service import SECRET, answer, ask, client


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a": "x\\ud800y"}', {"a": "x\ufffdy"}),
        (b'{"a": "\\ud83d\\ude00"}', {"a": "\U0001f600"}),
        (b'{"a": "x\\u0000y"}', {"a": "x\ufffdy"}),
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        (b'{"a": "\xff"}', {"a": "\ufffd"}),
        (b'{"a": "line\nbreak\x00"}', {"a": "line\nbreak\ufffd"}),
        (b'{"a": NaN, "b": 1e999}', {"a": None, "b": None}),
    ],
)
def test_odd_json_is_repaired(body: bytes, value: object) -> None:
    assert ask([answer(body=body)])[0] == value


def test_an_error_of_the_server_itself_may_be_the_fault_of_the_request() -> None:
    with pytest.raises(AnswerMalformed, match="demo: HTTP 500: oops"):
        ask([answer(500, {"message": "oops"})])


@pytest.mark.parametrize("status", [400, 413, 414, 422])
def test_a_refused_request_tells_the_services_own_words_on_one_line(status: int) -> None:
    with pytest.raises(RequestRefused) as caught:
        ask([answer(status, {"error": "Bad\r\n\x1b[31m filter", "message": "x" * 2000})])
    message = str(caught.value)
    assert message.startswith(f"demo: HTTP {status}: Bad [31m filter - xxx")
    assert message.isprintable()
    assert len(message) < 400
    assert caught.value.__notes__ == ["requests=1"]


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_stops_the_source_and_is_not_shown(status: int) -> None:
    with pytest.raises(KeyRefused, match=r"key \*\*\* unknown") as caught:
        ask([answer(status, {"message": f"key {SECRET} unknown"})])
    assert caught.value.hint


@pytest.mark.parametrize("status", [300, 304, 404, 405, 410, 451])
def test_other_statuses_are_never_taken_for_missing(status: int) -> None:
    async def run() -> object:
        async with client(lambda _: answer(status, "x")) as opened:
            return await Requests(opened).get("/list", {"q": "secret words"}, missing=())

    with pytest.raises(SourceUnavailable, match=r"http://demo\.test/v1/list$"):
        asyncio.run(run())
