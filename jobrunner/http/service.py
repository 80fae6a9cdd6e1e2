"""How to reach a service, its limits and its prices."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping

import httpx2
from msgspec import Struct

from jobrunner import __version__
from jobrunner.errors import SettingsError
from jobrunner.http.rate_limit import RateLimit

Params = Mapping[str, str | int]
"""The query parameters of a URL; values are encoded when the request is sent."""


class Limits(Struct, frozen=True):
    """A service's limits for one user: request starts per second, concurrent requests."""

    requests_per_second: float
    concurrency: int


def _accept(_response: httpx2.Response) -> None:
    return None


def _free(_response: httpx2.Response) -> int:
    return 0


def _no_charge(_request: httpx2.Request) -> int:
    return 0


def _learn_nothing(_response: httpx2.Response, _rate_limit: RateLimit) -> None:
    return None


class Service(Struct, frozen=True, kw_only=True):
    """How to reach one service.

    ``params`` are added to every request. ``judge`` runs before the general rules and raises a
    ``SourceError`` for answers with a special meaning at this service. ``price`` returns what a
    request will cost, ``cost`` what it has cost, both in micro-USD. ``learn`` applies announced
    limits to the rate limit.
    """

    name: str
    base_url: str
    limits: Limits
    headers: Mapping[str, str] = {}
    params: Mapping[str, str] = {}
    judge: Callable[[httpx2.Response], None] = _accept
    price: Callable[[httpx2.Request], int] = _no_charge
    cost: Callable[[httpx2.Response], int] = _free
    learn: Callable[[httpx2.Response, RateLimit], None] = _learn_nothing

    def __repr__(self) -> str:
        # Without the headers: they contain the key.
        return f"Service(name={self.name!r}, base_url={self.base_url!r})"


def check_address(name: str, base_url: str) -> None:
    """Raise SettingsError unless paths can be appended to the base URL."""
    try:
        url = httpx2.URL(base_url)
    except httpx2.InvalidURL:
        url = httpx2.URL("")
    is_http = url.scheme in ("http", "https") and bool(url.host)
    if not is_http or url.userinfo or url.query:
        raise SettingsError(f"{name}: the base URL must be http(s)://host[:port][/path]")


def may_carry_key(base_url: str) -> bool:
    """Return whether a key stays secret on its way: encrypted, or within this machine.

    A name or number that only resembles a loopback address is not one.
    """
    url = httpx2.URL(base_url)
    return url.scheme == "https" or _is_loopback(url.host)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_headers(name: str, headers: Mapping[str, str]) -> None:
    """Raise SettingsError for header values that HTTP does not allow.

    The HTTP library would refuse them later, with a message that contains the value: a key."""
    for header, value in headers.items():
        if not (value.isascii() and value.isprintable() and value == value.strip()):
            raise SettingsError(
                f"{name}: the value for {header} has characters not allowed in headers"
            )


def user_agent(email: str | None = None) -> str:
    """Return the User-Agent header, such as ``jobrunner/1.0 (mailto:x@y)``."""
    return f"jobrunner/{__version__} (mailto:{email})" if email else f"jobrunner/{__version__}"
