"""The local server itself: connections, log, limits, faults."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest

from jobrunner.demo import connections
from jobrunner.demo.messages import Allowed, Api, Plan, Reply, Request, json_reply
from jobrunner.demo.record_files import load_records
from jobrunner.demo.server import LocalServer, read_log
from jobrunner.http.responses import retry_after
from tests.support.events import LIMIT_S, Gate, eventually
from tests.support.server_client import ServerClient, lines
from tests.support.servers import faults
from tests.unit.conftest import Serve


class Echo(Api):
    """Says what it was asked; its limits are set by each test."""

    name = "echo"

    def __init__(self, per_second: float = 1000.0, at_once: float = 1000.0) -> None:
        self.limits = Allowed(per_second=per_second, at_once=at_once)

    def answer(self, request: Request) -> Reply:
        if request.path == "/list":
            return json_reply({"results": [{"id": 1, "title": "a"}, {"id": 2, "title": "b"}]})
        return json_reply(
            {"path": request.path, "query": request.query, "body": request.body.decode()}
        )

    def asked(self, request: Request) -> tuple[str, ...]:
        return (request.path[1:],)

    def allowed(self, request: Request) -> Allowed:
        return self.limits


# Connections ---------------------------------------------------------------------------------


def test_one_connection_serves_many_requests(serve: Serve) -> None:
    server = serve(Echo()).server
    with socket.create_connection(("127.0.0.1", server.port)) as raw:
        for _ in range(3):
            raw.sendall(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
            assert raw.recv(4096).startswith(b"HTTP/1.1 200 OK\r\n")


def test_the_path_stays_encoded_and_the_query_is_decoded(serve: Serve) -> None:
    said = serve(Echo()).json("/10.1%2Fx%20y?a=1%7C2&a=&b=%C3%A9")
    assert said["path"] == "/10.1%2Fx%20y"
    assert said["query"] == [["a", "1|2"], ["a", ""], ["b", "é"]]


def test_a_body_is_read(serve: Serve) -> None:
    service = serve(Echo())
    assert service.client.post("/x", content=b"{1}").json()["body"] == "{1}"
    assert service.get("/y").json()["body"] == ""


def test_head_has_the_headers_only(serve: Serve) -> None:
    response = serve(Echo()).client.head("/a")
    assert response.status_code == 200
    assert response.content == b""


def test_connection_close_is_obeyed(serve: Serve) -> None:
    with socket.create_connection(("127.0.0.1", serve(Echo()).server.port)) as raw:
        raw.sendall(b"GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        received = b""
        while chunk := raw.recv(4096):
            received += chunk
    assert b'"path":"/a"' in received


@pytest.mark.parametrize("sent", [b"hello\r\n\r\n", b"GET / HTTP/1.1\r\nno colon\r\n\r\n"])
def test_what_is_no_http_gets_400(serve: Serve, sent: bytes) -> None:
    with socket.create_connection(("127.0.0.1", serve(Echo()).server.port)) as raw:
        raw.sendall(sent)
        assert raw.recv(4096).startswith(b"HTTP/1.1 400 ")


def test_many_connections_are_served_at_once(serve: Serve) -> None:
    gate = Gate()
    server = serve(Echo(), faults=gate.after(0)).server

    async def ask() -> None:
        async with httpx2.AsyncClient(base_url=server.base_url, timeout=LIMIT_S) as client:
            await asyncio.gather(*(client.get("/a") for _ in range(20)))

    with ThreadPoolExecutor(1) as pool:
        service = pool.submit(asyncio.run, ask())
        eventually(lambda: gate.asked == 20)
        assert server.requests == []
        gate.open()
        service.result()
    assert len(server.requests) == 20


def test_stopping_does_not_wait_for_open_connections_or_delays() -> None:
    asked = threading.Event()

    def plan(_request: Request, _number: int) -> Reply:
        asked.set()
        return Reply(delay=2 * LIMIT_S)

    with LocalServer(Echo(), faults=plan) as server:
        raw = socket.create_connection(("127.0.0.1", server.port))
        raw.sendall(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
        assert asked.wait(LIMIT_S)
    raw.close()
    [served] = server.requests
    assert served.ended - served.started < LIMIT_S


def test_a_stopped_server_refuses_and_starts_again_at_the_same_port() -> None:
    server = LocalServer(Echo())
    server.start()
    url = server.base_url
    server.stop()
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(url, timeout=LIMIT_S)
    with server:
        assert server.base_url == url
        assert httpx2.get(url, timeout=LIMIT_S).status_code == 200


# Log -----------------------------------------------------------------------------------------


def test_requests_are_logged_before_they_are_answered(serve: Serve) -> None:
    service = serve(Echo())
    service.get("/abc", q="1 2")
    served = service.server.requests[0]
    assert (served.method, served.path, served.query) == ("GET", "/abc", "q=1+2")
    assert (served.status, served.ids, served.faulty) == (200, ("abc",), False)
    assert served.started <= served.ended <= time.monotonic()


def test_the_log_file_has_the_same_and_is_continued(serve: Serve, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    for path in ("/a", "/b"):
        with LocalServer(Echo(), log=log) as server:
            httpx2.get(server.base_url + path, timeout=LIMIT_S)
            assert read_log(log)[-1] == server.requests[0]
    assert [line["ids"] for line in lines(log)] == [["a"], ["b"]]


def test_a_half_written_last_line_of_a_log_is_left_out(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text(
        '{"started":1,"ended":2,"method":"GET","path":"/","query":"","status":200}\n{"st'
    )
    assert len(read_log(log)) == 1


# Limits --------------------------------------------------------------------------------------


class Clock:
    """The time of a server, which passes only when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(connections, "time", clock)
    return clock


@pytest.mark.usefixtures("clock")
def test_requests_above_the_rate_are_counted(serve: Serve) -> None:
    service = serve(Echo(per_second=3))
    assert [service.get("/a").status_code for _ in range(5)] == [200] * 5
    assert [(v.kind, v.count, v.allowed) for v in service.server.violations] == [
        ("rate", 4, 3),
        ("rate", 5, 3),
    ]


def test_requests_above_the_rate_are_refused_if_enforced(serve: Serve, clock: Clock) -> None:
    service = serve(Echo(per_second=3), enforce=True)
    assert [service.get("/a").status_code for _ in range(5)] == [200] * 3 + [429] * 2
    clock.now += 1.05
    assert service.get("/a").status_code == 200


def test_requests_at_once_above_the_limit_are_counted(serve: Serve) -> None:
    gate = Gate()
    server = serve(Echo(at_once=2), faults=gate.after(0)).server
    with ThreadPoolExecutor(3) as pool:
        for _ in range(3):
            pool.submit(httpx2.get, server.base_url, timeout=LIMIT_S)
        eventually(lambda: gate.asked == 3)
        gate.open()
    assert [(v.kind, v.count, v.allowed) for v in server.violations] == [("at_once", 3, 2)]


def test_requests_one_after_the_other_are_never_at_once(serve: Serve) -> None:
    service = serve(Echo(at_once=1))
    for _ in range(50):
        service.get("/a")
    assert service.server.violations == []


# Faults --------------------------------------------------------------------------------------


def statuses(service: ServerClient, count: int) -> list[int]:
    return [service.get("/list").status_code for _ in range(count)]


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        (faults.first(2, faults.status(503)), [503, 503, 200, 200]),
        (faults.after(2, faults.status(500)), [200, 200, 500, 500]),
        (faults.every(2, faults.status(502)), [200, 502, 200, 502]),
        (faults.in_order(faults.status(500), None, faults.status(502)), [500, 200, 502, 200]),
        (faults.always(faults.page(200)), [200, 200, 200, 200]),
    ],
)
def test_a_plan_says_which_requests_fail(serve: Serve, plan: Plan, expected: list[int]) -> None:
    assert statuses(serve(Echo(), faults=plan), 4) == expected


def test_a_plan_can_be_set_while_the_server_runs(serve: Serve) -> None:
    service = serve(Echo())
    assert statuses(service, 1) == [200]
    service.server.faults = faults.in_order(faults.status(503))
    assert statuses(service, 2) == [503, 200]
    assert [served.faulty for served in service.server.requests] == [False, True, False]


def test_a_plan_can_hold_for_some_requests_only(serve: Serve) -> None:
    plan = faults.where(lambda request: request.path == "/b", faults.first(1, faults.status(500)))
    service = serve(Echo(), faults=plan)
    codes = [service.get(path).status_code for path in ("/a", "/b", "/b")]
    assert codes == [200, 500, 200]


def test_chance_repeats_with_its_seed(serve: Serve) -> None:
    replies = [faults.status(500), faults.status(503)]
    runs = [
        statuses(serve(Echo(), faults=faults.sometimes(0.5, replies, seed=4)), 30) for _ in range(2)
    ]
    assert runs[0] == runs[1]
    assert set(runs[0]) == {200, 500, 503}


def test_retry_after_comes_in_seconds_as_a_date_or_not_at_all(serve: Serve) -> None:
    plan = faults.in_order(
        faults.rate_limited(7), faults.rate_limited(7, as_date=True), faults.rate_limited()
    )
    service = serve(Echo(), faults=plan)
    responses = [service.get("/a") for _ in range(3)]
    assert [response.status_code for response in responses] == [429] * 3
    assert [retry_after(response) for response in responses] == [7.0, 7.0, None]
    assert responses[1].headers["retry-after"].endswith(" GMT")


@pytest.mark.parametrize("plan", [faults.dead(), faults.always(faults.dropped(0.05))])
def test_a_dead_server_cuts_every_connection(serve: Serve, plan: Plan) -> None:
    service = serve(Echo(), faults=plan)
    for _ in range(2):
        with pytest.raises(httpx2.TransportError):
            service.get("/a")
    assert [served.status for served in service.server.requests] == [0, 0]


def test_a_torn_body_ends_too_early(serve: Serve) -> None:
    service = serve(Echo(), faults=faults.first(1, faults.torn))
    with pytest.raises(httpx2.RemoteProtocolError):
        service.get("/list")
    assert service.get("/list").status_code == 200


def test_a_truncated_body_is_half_a_json_text(serve: Serve) -> None:
    response = serve(Echo(), faults=faults.always(faults.truncated)).get("/list")
    with pytest.raises(json.JSONDecodeError):
        response.json()


def test_a_trickling_body_takes_its_time_and_is_whole(serve: Serve) -> None:
    service = serve(Echo(), faults=faults.always(faults.trickling(0.3)))
    began = time.monotonic()
    assert len(service.json("/list")["results"]) == 2
    assert time.monotonic() - began > 0.25


def test_a_slow_reply_is_whole(serve: Serve) -> None:
    service = serve(Echo(), faults=faults.always(faults.slow(0.1)))
    assert len(service.json("/list")["results"]) == 2
    assert service.server.requests[0].ended - service.server.requests[0].started >= 0.1


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (faults.emptied, []),
        (faults.reordered, [2, 1]),
        (faults.doubled, [1, 1, 2, 2]),
    ],
)
def test_results_can_be_left_out_turned_round_or_doubled(
    serve: Serve, fault: Callable[[Reply], Reply], expected: list[int]
) -> None:
    results = serve(Echo(), faults=faults.always(fault)).json("/list")["results"]
    assert [result["id"] for result in results] == expected


def test_wrong_types_are_where_texts_belong(serve: Serve) -> None:
    results = serve(Echo(), faults=faults.always(faults.wrong_types)).json("/list")["results"]
    assert [result["title"] for result in results] == [17, 17]


def test_a_timed_out_answer_holds_half_of_the_results(serve: Serve) -> None:
    answer = serve(Echo(), faults=faults.always(faults.timed_out)).json("/list")
    assert answer["meta"]["timed_out"] is True
    assert len(answer["results"]) == 1


def test_only_answers_with_results_can_time_out(serve: Serve) -> None:
    service = serve(Echo(), faults=faults.always(faults.timed_out))
    assert "meta" not in service.json("/other")


@pytest.mark.parametrize("code", [401, 403])
def test_a_key_can_be_refused(serve: Serve, code: int) -> None:
    service = serve(Echo(), faults=faults.always(faults.key_refused(code)))
    assert service.get("/a").status_code == code


def test_a_redirect_can_lead_elsewhere(serve: Serve) -> None:
    plan = faults.always(faults.redirect("http://elsewhere.test/x"))
    assert serve(Echo(), faults=plan).get("/a").headers["location"] == "http://elsewhere.test/x"


# Records -------------------------------------------------------------------------------------


def test_records_are_read_from_all_files_of_a_directory(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"id": 1}\n\n{"id": 2}\n')
    (tmp_path / "b.json").write_text('{"results": [{"id": 3}]}')
    (tmp_path / "c.json").write_text('[{"id": 4}]')
    (tmp_path / "d.json").write_text('{"id": 5}')
    (tmp_path / "e.jsonl.gz").write_bytes(gzip.compress(b'{"id": 6}\n'))
    (tmp_path / "notes.txt").write_text("no records")
    assert [record["id"] for record in load_records(tmp_path)] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
@pytest.mark.parametrize(
    ("text", "reason"), [("[1, 2]", "not a list of records"), ("{", "not JSON")]
)
def test_a_file_without_records_is_refused(
    tmp_path: Path, name: str, text: str, reason: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=reason):
        load_records(tmp_path / name)
