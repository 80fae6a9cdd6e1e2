"""Interprets HTTP answers in pure functions: errors, retry times, decoded JSON."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx2
import msgspec

from jobrunner.errors import (
    AnswerMalformed,
    FaultyAnswer,
    KeyRefused,
    RequestRefused,
    SourceUnavailable,
    TransientError,
)

_TRY_AGAIN = (408, 425, 429)
_REFUSED_REQUEST = (400, 413, 414, 422)
_REFUSED_KEY = (401, 403)


def check_status(response: httpx2.Response, source: str) -> None:
    """Raise the error for a status, by the rules common to all sources; return on success."""
    status = response.status_code
    if 200 <= status < 300:
        return
    message = f"{source}: HTTP {status}{server_message(response)}"
    if status == 500:
        # One record can cause a 500 on every attempt; a smaller batch may avoid it.
        raise FaultyAnswer(message, retry_after=retry_after(response))
    if status in _TRY_AGAIN or status > 500:
        raise TransientError(message, retry_after=retry_after(response))
    if status in _REFUSED_REQUEST:
        raise RequestRefused(message)
    if status in _REFUSED_KEY:
        hint = f"check the key and the e-mail address set for {source}"
        raise KeyRefused(message, hint=hint)
    # Never "not found" for a paper: a wrong address would mark all papers as not found.
    raise SourceUnavailable(f"{message} from {response.url.copy_with(query=None)}")


def server_message(response: httpx2.Response) -> str:
    """Return ': ' and the service's own message on one line, or '' if it sent none."""
    try:
        body = decode(response.content)
    except AnswerMalformed:
        return ""
    text = " - ".join(_sentences(body))
    # Control characters could move the terminal's cursor or break the line.
    visible = "".join(c if c.isprintable() else " " for c in text)
    line = " ".join(visible.split())
    return f": {line}" if line else ""


def _sentences(body: object) -> list[str]:
    """Return the texts in ``error``, ``message`` and ``description``, however they are nested."""
    if isinstance(body, str):
        return [body] if body else []
    if isinstance(body, list):
        is_of_objects = bool(body) and isinstance(body[0], dict)
        return _sentences(body[0]) if is_of_objects else []
    if not isinstance(body, dict):
        return []
    sentences = []
    for name in ("error", "message", "description"):
        sentences += _sentences(body.get(name))
    # Some services send the same text under two names.
    return list(dict.fromkeys(sentences))


def retry_after(response: httpx2.Response) -> float | None:
    """Return the seconds in ``Retry-After`` (RFC 9110: a number or an HTTP date)."""
    value = response.headers.get("retry-after", "").strip()
    try:
        seconds = float(value)
    except ValueError:
        seconds = _seconds_until(value, response.headers.get("date", ""))
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _seconds_until(value: str, date: str) -> float:
    """Return the seconds since the answer's own ``Date``: the local clock may be wrong."""
    until = _http_date(value)
    if until is None:
        return math.nan
    now = _http_date(date) or datetime.now(UTC)
    return (until - now).total_seconds()


def _http_date(value: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def decode_answer(response: httpx2.Response, source: str) -> object:
    """Return the JSON value of a successful answer; raise :class:`FaultyAnswer` without one."""
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
    """Return a JSON value whose texts can be stored: without lone surrogates and NUL.

    Decodes strictly and fast first. Repairs what JSON forbids but services send: a byte order
    mark, broken UTF-8, raw control characters, NaN. Raises :class:`AnswerMalformed`.
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
    """Return a JSON value; texts, numbers and keys that cannot be stored are replaced."""
    if isinstance(value, str):
        return _storable_text(value)
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, dict):
        return {_storable(key): _storable(item) for key, item in value.items()}
    is_infinite = isinstance(value, float) and not math.isfinite(value)
    return None if is_infinite else value


def _storable_text(text: str) -> str:
    # A round trip through UTF-16 joins surrogate pairs and replaces lone surrogates.
    pairs = text.encode("utf-16", "surrogatepass")
    return pairs.decode("utf-16", "replace").replace("\0", "\ufffd")
