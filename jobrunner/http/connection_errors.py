"""What went wrong on the wire, in our own words: without URL and without anything that we sent."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Iterator

import httpx2

_WORDS: tuple[tuple[type[Exception], str], ...] = (
    (httpx2.ConnectTimeout, "no connection in time"),
    (httpx2.TimeoutException, "no answer in time"),
    (TimeoutError, "no answer in time"),
    (httpx2.ConnectError, "no connection"),
    (httpx2.NetworkError, "the connection broke off"),
    (httpx2.ProxyError, "the proxy makes no connection"),
    (httpx2.RemoteProtocolError, "the answer breaks off, or is not HTTP"),
    (httpx2.DecodingError, "the compression of the answer is damaged"),
    (Exception, "the request cannot be made"),
)
"""Errors are classes of each other: the first that fits says most."""

NEVER_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError)
"""Errors of making a connection, before which nothing leaves that could cost anything."""


def reason(exc: Exception) -> str:
    """Say why a request failed, with what the system says of it."""
    words = next(words for kind, words in _WORDS if isinstance(exc, kind))
    details = filter(None, map(_detail, _causes(exc)))
    detail = next(details, None)
    return f"{words}: {detail}" if detail else words


def is_untrusted(exc: Exception) -> bool:
    """Tell whether a request failed at the certificate of the other side."""
    return any(isinstance(cause, ssl.SSLCertVerificationError) for cause in _causes(exc))


def _causes(exc: BaseException) -> Iterator[BaseException]:
    """Yield an error and what it came from."""
    pending = [exc]
    while pending:
        error = pending.pop()
        yield error
        if isinstance(error, BaseExceptionGroup):
            pending += reversed(error.exceptions)
        cause = error.__cause__ or error.__context__
        if cause:
            pending.append(cause)


def _detail(exc: BaseException) -> str | None:
    """Return what the operating system or the TLS library says of a connection."""
    if isinstance(exc, ssl.SSLCertVerificationError):
        return exc.verify_message
    if isinstance(exc, ssl.SSLError):
        return exc.reason
    number = exc.errno if isinstance(exc, OSError) else None
    if number and number > 0:
        return os.strerror(number)  # asyncio puts words of its own in the error
    return exc.strerror if isinstance(exc, socket.gaierror) else None
