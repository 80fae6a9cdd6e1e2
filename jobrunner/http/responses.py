"""What an HTTP answer means, in pure functions: our errors, retry times, decoded JSON."""

from __future__ import annotations

import json
import math
import os
import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx2
import msgspec

from jobrunner.errors import (
    AnswerMalformed,
    FaultyAnswer,
    KeyRefused,
    RequestRefused,
    SettingsError,
    SourceUnavailable,
    TransientError,
)

MESSAGE_LENGTH = 360
"""Characters of a message about a service's answer that are shown."""


SHORTEST_KEY = 7
"""Shorter words of a header are no keys, and would be struck out of harmless places."""


def check_status(response: httpx2.Response, source: str) -> None:
    """Raise the error that a status stands for with every source; return if it is a success."""
    status = response.status_code
    if 200 <= status < 300:
        return
    said = f"{source}: HTTP {status}{server_message(response)}"
    if status == 500:
        raise FaultyAnswer(said, retry_after=retry_after(response))
    if status in (408, 425, 429) or status > 500:
        raise TransientError(said, retry_after=retry_after(response))
    if status in (400, 413, 414, 422):
        raise RequestRefused(said)
    if status in (401, 403):
        hint = f"check the key and the e-mail address set for {source}"
        raise KeyRefused(said, hint=hint)
    # Never "not found" for a paper: a wrong address or a moved service would empty the session.
    raise SourceUnavailable(f"{said} from {response.url.copy_with(query=None)}")


def server_message(response: httpx2.Response) -> str:
    """Return ': ' and the service's own words on one line, or '' where it has none."""
    try:
        body = decode(response.content)
    except AnswerMalformed:
        return ""
    words = " - ".join(_sentences(body))
    line = "".join(c if c.isprintable() else " " for c in words)
    line = " ".join(line.split())
    return f": {line}" if line else ""


def _sentences(body: object) -> list[str]:
    """Return the texts under ``error`` and ``message``, which services nest differently."""
    if isinstance(body, str):
        return [body]
    if isinstance(body, list):
        return _sentences(body[0]) if body and isinstance(body[0], dict) else []
    if not isinstance(body, dict):
        return []
    parts = (body.get(key) for key in ("error", "message", "description"))
    return list(dict.fromkeys(text for part in parts if part for text in _sentences(part)))


def retry_after(response: httpx2.Response) -> float | None:
    """Return the seconds that ``Retry-After`` asks for (RFC 9110: a number or an HTTP date)."""
    value = response.headers.get("retry-after", "").strip()
    try:
        seconds = float(value)
    except ValueError:
        seconds = _seconds_until(value, response.headers.get("date", ""))
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _seconds_until(value: str, date: str) -> float:
    """Return the seconds from the answer's own date, so that a wrong clock here does no harm."""
    until = _http_date(value)
    if until is None:
        return math.nan
    return (until - (_http_date(date) or datetime.now(UTC))).total_seconds()


def _http_date(value: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def decode_answer(response: httpx2.Response, source: str) -> object:
    """Return the JSON value of a success; raise :class:`FaultyAnswer` if there is none."""
    try:
        value = decode(response.content)
    except AnswerMalformed as exc:
        kind = response.headers.get("content-type", "no type")[:60]
        raise FaultyAnswer(
            f"{source}: HTTP {response.status_code} without JSON ({kind}, "
            f"{len(response.content)} bytes)",
            retry_after=retry_after(response),
        ) from exc
    if value is None:
        raise FaultyAnswer(f"{source}: HTTP {response.status_code} with an empty answer (null)")
    return value


def decode(body: bytes) -> object:
    """Return a JSON value whose texts can be stored: no lone surrogate, no NUL.

    Strict and fast first; what JSON forbids but services send (a byte order mark, broken UTF-8,
    raw control characters, NaN) is repaired. Raises :class:`AnswerMalformed`.
    """
    try:
        value = msgspec.json.decode(body)
        return _storable(value) if b"\\u0000" in body else value
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return _decode_leniently(body)
    except RecursionError as exc:
        raise AnswerMalformed("JSON nested too deeply") from exc


def _decode_leniently(body: bytes) -> object:
    try:
        text = body.decode("utf-8-sig", errors="replace")
        return _storable(json.loads(text, strict=False, parse_constant=lambda _: None))
    except (ValueError, RecursionError) as exc:
        raise AnswerMalformed("not JSON") from exc


def _storable(value: object) -> object:
    if isinstance(value, str):
        return (
            value.encode("utf-16", "surrogatepass")
            .decode("utf-16", "replace")
            .replace("\0", "\ufffd")
        )
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, dict):
        return {_storable(key): _storable(item) for key, item in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def check_address(name: str, base_url: str) -> None:
    """Raise SettingsError unless the base URL is one that paths can be put behind."""
    try:
        url = httpx2.URL(base_url)
    except httpx2.InvalidURL:
        url = httpx2.URL("")
    if url.scheme not in ("http", "https") or not url.host or url.userinfo or url.query:
        raise SettingsError(f"{name}: the base URL must be http(s)://host[:port][/path]")


def check_headers(name: str, headers: Mapping[str, str]) -> None:
    """Refuse what the HTTP library would refuse later, in a message that shows the value."""
    for header, value in headers.items():
        if not (value.isascii() and value.isprintable() and value == value.strip()):
            raise SettingsError(f"{name}: the value for {header} holds characters no header can")


def reason(exc: Exception) -> str:
    """Say what went wrong on the wire, without URL and without anything that we sent."""
    what = next(words for kind, words in _ON_THE_WIRE if isinstance(exc, kind))
    detail = next(filter(None, map(_detail, _causes(exc))), None)
    return f"{what}: {detail}" if detail else what


_ON_THE_WIRE: tuple[tuple[type[Exception], str], ...] = (
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
"""The first that fits says what went wrong."""


def is_untrusted(exc: Exception) -> bool:
    """Tell whether a request failed at the certificate of the other side."""
    return any(isinstance(cause, ssl.SSLCertVerificationError) for cause in _causes(exc))


def _causes(exc: BaseException) -> Iterator[BaseException]:
    """Yield an error and what it came from."""
    waiting = [exc]
    while waiting:
        one = waiting.pop()
        yield one
        if isinstance(one, BaseExceptionGroup):
            waiting += reversed(one.exceptions)
        if cause := one.__cause__ or one.__context__:
            waiting.append(cause)


def _detail(exc: BaseException) -> str | None:
    """Return what the operating system or the TLS library says of a connection."""
    if isinstance(exc, ssl.SSLCertVerificationError):
        return exc.verify_message
    if isinstance(exc, ssl.SSLError):
        return exc.reason
    if isinstance(exc, OSError) and (exc.errno or 0) > 0:
        return os.strerror(exc.errno or 0)  # asyncio puts words of its own in the error
    return exc.strerror if isinstance(exc, socket.gaierror) else None


def shown(message: str, headers: Mapping[str, str]) -> str:
    """Return a message as it may be shown: without the keys of our headers, and not too long.

    A service may have repeated a key. It is struck out before the message is cut, so that no part
    of it is left at the end; in a host name it stands in lower case.
    """
    for value in headers.values():
        for word in value.split():
            if len(word) >= SHORTEST_KEY:
                message = re.sub(re.escape(word), "***", message, flags=re.IGNORECASE)
    return message if len(message) <= MESSAGE_LENGTH else message[: MESSAGE_LENGTH - 1] + "…"
