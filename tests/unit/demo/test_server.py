"""The local server itself: connections, log, limits."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest

from jobrunner.demo import connections
from jobrunner.demo.messages import Reply, Request
from jobrunner.demo.server import LocalServer, read_log
from tests.support.events import LIMIT_S, Gate, eventually
from tests.support.server_client import lines
from tests.support.servers.echo import Echo
from tests.unit.conftest import Serve

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
