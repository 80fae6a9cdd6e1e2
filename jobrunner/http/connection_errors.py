"""Messages for failed connections, without the URL and without anything that was sent."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Iterator

import httpx2

_WORDS: tuple[tuple[type[Exception], str], ...] = (
    (httpx2.ConnectTimeout, "the connection timed out"),
    (httpx2.TimeoutException, "the answer timed out"),
    (TimeoutError, "the answer timed out"),
    (httpx2.ConnectError, "no connection"),
    (httpx2.NetworkError, "the connection was lost"),
    (httpx2.ProxyError, "the proxy did not connect"),
    (httpx2.RemoteProtocolError, "the answer is incomplete or not HTTP"),
    (httpx2.DecodingError, "the compressed answer is damaged"),
    (Exception, "the request could not be sent"),
)
"""Most specific class first: some of these classes are subclasses of others."""

NEVER_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError)
"""Errors while connecting: nothing was sent yet, so nothing can have been charged."""


def reason(exc: Exception) -> str:
    """Return why a request failed, with the system's own message."""
    words = next(words for kind, words in _WORDS if isinstance(exc, kind))
    details = filter(None, map(_detail, _causes(exc)))
    detail = next(details, None)
    return f"{words}: {detail}" if detail else words


def is_untrusted(exc: Exception) -> bool:
    """Return whether a request failed because the server's certificate is not trusted."""
    return any(isinstance(cause, ssl.SSLCertVerificationError) for cause in _causes(exc))


def _causes(exc: BaseException) -> Iterator[BaseException]:
    """Yield an error and its causes."""
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
    """Return the message of the operating system or the TLS library."""
    if isinstance(exc, ssl.SSLCertVerificationError):
        return exc.verify_message
    if isinstance(exc, ssl.SSLError):
        return exc.reason
    number = exc.errno if isinstance(exc, OSError) else None
    if number and number > 0:
        return os.strerror(number)  # asyncio replaces the text of the error with its own
    return exc.strerror if isinstance(exc, socket.gaierror) else None
