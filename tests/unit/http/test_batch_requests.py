"""The client of one source: retries, limits, bounds, and errors told apart."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gzip
import logging
import math
import os
import socket
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta

import httpx2
import pytest

from jobrunner import __version__
from jobrunner.errors import (
    AnswerMalformed,
    BudgetSpent,
    KeyRefused,
    QuotaSpent,
    RequestRefused,
    SettingsError,
    SourceError,
    SourceUnavailable,
    TransientError,
)
from jobrunner.http import client as client_module
from jobrunner.http.batch_requests import Requests
from jobrunner.http.budget import Budget
from jobrunner.http.client import Client
from jobrunner.http.connection_errors import reason
from jobrunner.http.retry import RetryBudget
from jobrunner.http.service import Limits, Service, user_agent

SECRET = "sk-secret-4711"
Handler = Callable[[httpx2.Request], httpx2.Response]


class Clock:
    """Time that passes in sleep only."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


def client(handler: Handler, clock: Clock | None = None, **changes: object) -> Client:
    service = Service(
        **{  # type: ignore[arg-type]
            "name": "demo",
            "base_url": "http://demo.test/v1",
            "limits": Limits(math.inf, 4),
            "headers": {"x-api-key": SECRET},
            **changes,
        }
    )
    clock = clock or Clock()
    return Client(
        service,
        user_agent=user_agent("a@b.org"),
        transport=httpx2.MockTransport(handler),
        sleep=clock.sleep,
        clock=clock,
    )


def ask(
    answers: Iterable[httpx2.Response | Exception],
    clock: Clock | None = None,
    path: str = "/things",
    **changes: object,
) -> tuple[object, Requests]:
    """Ask once of a service that gives these answers in turn, the last one again and again."""
    waiting = list(answers)
    told: list[str] = []

    def handler(_request: httpx2.Request) -> httpx2.Response:
        answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def run() -> tuple[object, Requests]:
        async with client(handler, clock, **changes) as opened:
            requests = Requests(opened)
            try:
                return await requests.get(path, {"q": "1"}), requests
            except SourceError as exc:
                told.append(f"{exc!r} {exc.hint}")
                exc.add_note(f"requests={requests.usage.requests}")
                raise

    try:
        return asyncio.run(run())
    finally:
        assert SECRET not in "".join(told)


def answer(status: int = 200, body: object = None, **headers: str) -> httpx2.Response:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    if isinstance(body, (bytes, str)):
        return httpx2.Response(status, content=body, headers=fields)
    return httpx2.Response(status, json={"ok": 1} if body is None else body, headers=fields)


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


def test_missing_is_none_whatever_its_body_is() -> None:
    assert ask([answer(404, "<!doctype html>")])[0] is None


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


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (httpx2.ConnectTimeout("x"), "no connection in time"),
        (httpx2.ReadTimeout("x"), "no answer in time"),
        (TimeoutError(), "no answer in time"),
        (httpx2.ConnectError("x"), "no connection"),
        (httpx2.ReadError("x"), "the connection broke off"),
        (httpx2.ProxyError("x"), "the proxy makes no connection"),
        (httpx2.RemoteProtocolError("x"), "the answer breaks off, or is not HTTP"),
        (httpx2.DecodingError("x"), "the compression of the answer is damaged"),
        (httpx2.LocalProtocolError("x"), "the request cannot be made"),
    ],
)
def test_trouble_on_the_wire_is_told_in_words_of_ours(trouble: Exception, words: str) -> None:
    assert reason(trouble) == words


def test_of_a_refused_connection_the_systems_reason_is_told() -> None:
    async def get(port: int) -> None:
        async with httpx2.AsyncClient(trust_env=False) as user:
            await user.get(f"http://127.0.0.1:{port}")

    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))  # nobody listens
        with pytest.raises(httpx2.ConnectError) as caught:
            asyncio.run(get(silent.getsockname()[1]))
    assert reason(caught.value) == f"no connection: {os.strerror(errno.ECONNREFUSED)}"


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


def test_an_error_of_the_server_itself_may_be_the_fault_of_the_request() -> None:
    with pytest.raises(AnswerMalformed, match="demo: HTTP 500: oops"):
        ask([answer(500, {"message": "oops"})])


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


def redirecting(location: str) -> tuple[object, list[str]]:
    seen: list[str] = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        seen.append(str(request.url))
        if "W2" in str(request.url) and "loop" not in location:
            return answer()
        return answer(301, "", location=location)

    async def run() -> object:
        async with client(handler) as opened:
            return await Requests(opened).get("/works/W1")

    return asyncio.run(run()), seen


def test_a_redirect_within_the_host_is_followed() -> None:
    for location in ("/v1/works/W2?select=id", "http://demo.test/v1/works/W2?select=id", "W2"):
        found, seen = redirecting(location)
        assert found == {"ok": 1}
        assert len(seen) == 2


@pytest.mark.parametrize(
    "location",
    [
        "http://evil.test/W2",
        "//evil.test/W2",
        "http://demo.test:81/W2",
        "/loop",
        "ftp://demo.test/W2",
    ],
)
def test_other_redirects_are_not_followed(location: str) -> None:
    with pytest.raises(SourceUnavailable, match="redirect"):
        redirecting(location)


def schemes_after(location: str, base_url: str) -> list[str]:
    """Return how the requests travelled of which the first one is redirected."""
    seen: list[str] = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.url.scheme)
        return answer() if len(seen) > 1 else answer(302, "", location=location)

    async def run() -> None:
        async with client(handler, base_url=base_url) as opened:
            with contextlib.suppress(SourceUnavailable):
                await Requests(opened).get("/W1")

    asyncio.run(run())
    return seen


@pytest.mark.parametrize(
    ("base_url", "location"),
    [
        ("https://demo.test", "http://demo.test/W2"),
        ("https://demo.test", "http://demo.test:80/W2"),
        ("https://demo.test", "http://demo.test:443/W2"),
        ("https://demo.test:8443", "http://demo.test:8443/W2"),
    ],
)
def test_a_redirect_never_leaves_encryption(base_url: str, location: str) -> None:
    assert schemes_after(location, base_url) == ["https", "https"]


@pytest.mark.parametrize(
    ("base_url", "location"),
    [
        ("https://demo.test", "http://demo.test:8080/W2"),
        ("https://demo.test:8443", "http://demo.test/W2"),
        ("https://demo.test:8443", "http://demo.test:8080/W2"),
    ],
)
def test_a_redirect_out_of_encryption_to_another_port_is_not_followed(
    base_url: str, location: str
) -> None:
    assert schemes_after(location, base_url) == ["https"]


def test_a_redirect_may_lead_into_encryption() -> None:
    assert schemes_after("https://demo.test/W2", "http://demo.test") == ["http", "https"]


def ask_within_one_price(failure: Exception) -> object:
    """Ask a service that fails once, with money for one request whose answer was free."""
    waiting = [failure]

    def handler(_request: httpx2.Request) -> httpx2.Response:
        if waiting:
            raise waiting.pop()
        return answer()

    async def run() -> object:
        async with client(handler, price=lambda _: 1000) as opened:
            opened.budget = Budget("demo", max_cost_micros=1000)
            return await Requests(opened).get("/things")

    return asyncio.run(run())


@pytest.mark.parametrize(
    "failure",
    [
        httpx2.ConnectError("refused"),
        httpx2.ConnectTimeout("late"),
        httpx2.ProxyError("407 Proxy Authentication Required"),
    ],
)
def test_a_request_that_never_left_is_paid_from_no_budget(failure: Exception) -> None:
    assert ask_within_one_price(failure) == {"ok": 1}


@pytest.mark.parametrize(
    "failure", [httpx2.ReadTimeout("late"), httpx2.RemoteProtocolError("cut"), TimeoutError()]
)
def test_a_request_that_may_have_arrived_counts_against_the_budget(failure: Exception) -> None:
    with pytest.raises(BudgetSpent, match=r"\$0\.0010 are spent or in doubt"):
        ask_within_one_price(failure)


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


def test_too_many_requests_slow_the_source_down() -> None:
    rates: list[float] = []

    def handler(_request: httpx2.Request) -> httpx2.Response:
        rates.append(opened.rate_limit.rate)
        return answer(429, "") if len(rates) == 1 else answer()

    opened = client(handler, limits=Limits(8.0, 1))

    async def run() -> None:
        async with opened:
            await Requests(opened).get("/a")

    asyncio.run(run())
    assert rates[0] == 8.0
    assert rates[1] < 4.5


def test_retries_are_logged_without_keys_and_queries(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="jobrunner"):
        ask([answer(503, {"error": f"no {SECRET}"}), answer()])
    assert "demo: attempt 1 failed, next in " in caplog.text
    assert "HTTP 503: no ***" in caplog.text
    assert SECRET not in caplog.text


@pytest.mark.parametrize("key", ["new\nline", "kée", "tab\t", " padded"])
def test_a_key_no_header_can_hold_is_a_settings_error_that_does_not_show_it(key: str) -> None:
    with pytest.raises(SettingsError) as caught:
        client(lambda _: answer(), headers={"x-api-key": key})
    assert key not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["", "demo.test", "ftp://x", "http://", "http://u:p@h", "http://h:x"]
)
def test_a_wrong_base_url_is_a_settings_error(url: str) -> None:
    with pytest.raises(SettingsError, match="base URL"):
        client(lambda _: answer(), base_url=url)


def test_nothing_prints_a_key() -> None:
    service = client(lambda _: answer()).service
    assert SECRET not in repr(service)


Writer = Callable[[asyncio.StreamWriter], Awaitable[None]]


def against(write: Writer, **changes: object) -> tuple[object, int]:
    """Ask a real socket; return the answer or error and the number of connections."""
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n")
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            await write(writer)
        writer.close()

    async def run() -> object:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        service = Service(
            name="demo", base_url=f"http://127.0.0.1:{port}", limits=Limits(math.inf, 4)
        )
        budget = RetryBudget(attempts=2, first_wait=0.001)
        async with server, Client(service, user_agent="x", retry=budget) as opened:
            try:
                return await Requests(opened).get("/")
            except SourceError as exc:
                return exc

    return asyncio.run(run()), connections


def test_a_bomb_is_malformed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "LARGEST_ANSWER", 1 << 20)
    bomb = gzip.compress(b'["' + b"x" * (8 << 20) + b'"]')

    async def write(writer: asyncio.StreamWriter) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n"
        writer.write(head.encode() + bomb)
        await writer.drain()

    found, connections = against(write)
    assert isinstance(found, AnswerMalformed)
    assert "larger than 1 MiB" in str(found)
    assert connections == 1


def test_an_endless_answer_is_malformed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "LARGEST_ANSWER", 1 << 20)

    async def write(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"10000\r\n" + b" " * 0x10000 + b"\r\n")
            await writer.drain()

    assert isinstance(against(write)[0], AnswerMalformed)


def test_a_trickling_answer_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "REQUEST_SECONDS", 1.0)

    async def write(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.02)

    found, connections = against(write)
    assert isinstance(found, SourceUnavailable)
    assert "no answer in time" in str(found)
    assert connections == 2


def test_an_unknown_encoding_is_malformed() -> None:
    async def write(writer: asyncio.StreamWriter) -> None:
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip, gzip\r\nContent-Length: 2\r\n\r\n{}"
        )
        await writer.drain()

    assert isinstance(against(write)[0], AnswerMalformed)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
    ],
)
def test_broken_http_is_unavailable(raw: bytes) -> None:
    async def write(writer: asyncio.StreamWriter) -> None:
        writer.write(raw)
        await writer.drain()

    found, connections = against(write)
    assert isinstance(found, SourceUnavailable)
    assert connections == 2


# ---- when enough has been said


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

    with pytest.raises(SourceUnavailable, match="not tried again, for the run stops"):
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
