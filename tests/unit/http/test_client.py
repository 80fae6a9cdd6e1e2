"""The client of one source over a real socket: bounds of every answer."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import math
from collections.abc import Awaitable, Callable

import httpx2
import pytest

from jobrunner.errors import (
    AnswerMalformed,
    SourceError,
    SourceUnavailable,
)
from jobrunner.http import client as client_module
from jobrunner.http.batch_requests import Requests
from jobrunner.http.client import Client
from jobrunner.http.retry import RetryBudget
from jobrunner.http.service import Limits, Service
from tests.unit.http.scripted_service import answer, client

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
    assert "the answer timed out" in str(found)
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
