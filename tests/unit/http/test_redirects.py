"""Redirects are followed within the host, and never out of encryption."""

from __future__ import annotations

import asyncio
import contextlib

import httpx2
import pytest

from jobrunner.errors import (
    SourceUnavailable,
)
from jobrunner.http.batch_requests import Requests
from tests.unit.http.scripted_service import answer, client


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
