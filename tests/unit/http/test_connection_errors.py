"""What went wrong on the wire, in our own words."""

from __future__ import annotations

import asyncio
import errno
import os
import socket

import httpx2
import pytest

from jobrunner.http.connection_errors import reason


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (httpx2.ConnectTimeout("x"), "the connection timed out"),
        (httpx2.ReadTimeout("x"), "the answer timed out"),
        (TimeoutError(), "the answer timed out"),
        (httpx2.ConnectError("x"), "no connection"),
        (httpx2.ReadError("x"), "the connection was lost"),
        (httpx2.ProxyError("x"), "the proxy did not connect"),
        (httpx2.RemoteProtocolError("x"), "the answer is incomplete or not HTTP"),
        (httpx2.DecodingError("x"), "the compressed answer is damaged"),
        (httpx2.LocalProtocolError("x"), "the request could not be sent"),
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
