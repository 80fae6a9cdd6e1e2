"""What a local server is made of: requests, replies, and the APIs that turn one into the other."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

import msgspec
from msgspec import Struct

JSON = "application/json"


class Request(Struct, frozen=True, kw_only=True):
    """One HTTP request.

    ``path`` is as sent, still percent-encoded; ``query`` is decoded, ``raw_query`` is not; the
    names of ``headers`` are in lower case.
    """

    method: str
    path: str
    raw_query: str = ""
    query: tuple[tuple[str, str], ...] = ()
    headers: dict[str, str] = {}
    body: bytes = b""

    def get(self, *names: str) -> str | None:
        """Return the first value of a query parameter of one of these names, None without one."""
        return next((value for key, value in self.query if key in names), None)

    @property
    def target(self) -> str:
        """The path with its query, as sent."""
        return f"{self.path}?{self.raw_query}" if self.raw_query else self.path


class Reply(Struct, frozen=True, kw_only=True):
    """What is answered, and how badly.

    ``delay``: seconds before anything is sent. ``drop``: cut the connection instead of answering.
    ``truncate``: send only so many bytes of the body, then cut. ``trickle``: seconds over which
    the body is spread.
    """

    status: int = 200
    headers: dict[str, str] = {}
    body: bytes = b""
    delay: float = 0.0
    drop: bool = False
    truncate: int | None = None
    trickle: float = 0.0


class Allowed(Struct, frozen=True, kw_only=True):
    """The published limits for one kind of request; requests of a ``pool`` count together."""

    pool: str = ""
    per_second: float = math.inf
    at_once: float = math.inf


Fault = Reply | Callable[[Reply], Reply]
"""A reply instead of the true one, or a function that spoils the true one."""

Plan = Callable[[Request, int], Fault | None]
"""Given a request and its number, from 1: the fault that it meets, None for none."""


class Api(Protocol):
    """The behaviour of one service. Only ``name`` and :meth:`answer` are needed."""

    name: str

    def answer(self, request: Request) -> Reply:
        """Return the true reply. It is called from several threads."""

    def asked(self, request: Request) -> tuple[str, ...]:
        """Return what a request asks for: identifiers as the protocol writes them, or a text."""
        return ()

    def allowed(self, request: Request) -> Allowed:
        """Return the published limits that hold for a request."""
        return Allowed()

    def too_many(self, request: Request) -> Reply:
        """Return the reply to a request beyond those limits."""
        return json_reply({"error": "Too Many Requests"}, 429)


def json_reply(value: object, status: int = 200, headers: dict[str, str] | None = None) -> Reply:
    """Return a reply with a JSON body."""
    return Reply(
        status=status,
        headers={"Content-Type": JSON, **(headers or {})},
        body=msgspec.json.encode(value),
    )


def text_reply(text: str, status: int, kind: str = "text/html; charset=utf-8") -> Reply:
    """Return a reply with a text, a web page unless said otherwise."""
    return Reply(status=status, headers={"Content-Type": kind}, body=text.encode())
