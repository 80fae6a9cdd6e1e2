"""The parts of a local server: requests, replies, and the APIs that answer them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

import msgspec
from msgspec import Struct

JSON = "application/json"


class Request(Struct, frozen=True, kw_only=True):
    """One HTTP request.

    ``path`` and ``raw_query`` are percent-encoded as sent, ``query`` is decoded. Header names are
    in lower case.
    """

    method: str
    path: str
    raw_query: str = ""
    query: tuple[tuple[str, str], ...] = ()
    headers: dict[str, str] = {}
    body: bytes = b""

    def get(self, *names: str) -> str | None:
        """Return the first value of a query parameter with one of these names, or None."""
        return next((value for key, value in self.query if key in names), None)

    @property
    def target(self) -> str:
        """The path and query, as sent."""
        return f"{self.path}?{self.raw_query}" if self.raw_query else self.path


class Reply(Struct, frozen=True, kw_only=True):
    """One HTTP reply, with faults to inject.

    ``delay``: seconds to wait before sending. ``drop``: reset the connection instead of replying.
    ``truncate``: send only this many bytes of the body, then close. ``trickle``: seconds over
    which to spread the body.
    """

    status: int = 200
    headers: dict[str, str] = {}
    body: bytes = b""
    delay: float = 0.0
    drop: bool = False
    truncate: int | None = None
    trickle: float = 0.0


class Allowed(Struct, frozen=True, kw_only=True):
    """The published limits for one kind of request. Requests of one ``pool`` share them."""

    pool: str = ""
    per_second: float = math.inf
    at_once: float = math.inf


Fault = Reply | Callable[[Reply], Reply]
"""A reply to send instead of the real one, or a function that alters the real one."""

Plan = Callable[[Request, int], Fault | None]
"""Takes a request and its number, from 1; returns the fault to inject, or None."""


class Api(Protocol):
    """The behaviour of one service. Only ``name`` and :meth:`answer` are needed."""

    name: str

    def answer(self, request: Request) -> Reply:
        """Return the real reply. Called from several threads."""

    def asked(self, request: Request) -> tuple[str, ...]:
        """Return what a request asks for, identifiers or a text, as the protocol writes it."""
        return ()

    def allowed(self, request: Request) -> Allowed:
        """Return the published limits that apply to a request."""
        return Allowed()

    def too_many(self, request: Request) -> Reply:
        """Return the reply to a request that exceeds those limits."""
        return json_reply({"error": "Too Many Requests"}, 429)


def json_reply(value: object, status: int = 200, headers: dict[str, str] | None = None) -> Reply:
    """Return a reply with a JSON body."""
    return Reply(
        status=status,
        headers={"Content-Type": JSON, **(headers or {})},
        body=msgspec.json.encode(value),
    )


def text_reply(text: str, status: int, kind: str = "text/html; charset=utf-8") -> Reply:
    """Return a reply with a text body, by default HTML."""
    return Reply(status=status, headers={"Content-Type": kind}, body=text.encode())
