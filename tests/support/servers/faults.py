"""Ways in which a service can fail, and plans of when it does.

A fault is a reply instead of the true one, or a function that spoils the true one. A plan decides
which requests meet it::

    server.faults = first(3, status(503))
    server.faults = in_order(rate_limited(2), None, truncated)
    server.faults = every(10, dropped())
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from jobrunner.demo.messages import Fault, Plan, Reply, Request, json_reply, text_reply

PAGE = "<!DOCTYPE html>\n<html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>\n"

Value = Any
"""A decoded answer, whatever its API."""

_WRONG: dict[str, Value] = {
    "title": 17,
    "display_name": 17,
    "authors": "nobody",
    "authorships": "nobody",
    "author": "nobody",
}


# Plans ---------------------------------------------------------------------------------------


def always(fault: Fault) -> Plan:
    """Let every request meet a fault."""
    return lambda _request, _number: fault


def first(count: int, fault: Fault) -> Plan:
    """Let the first requests meet a fault."""
    return lambda _request, number: fault if number <= count else None


def after(count: int, fault: Fault) -> Plan:
    """Let all requests but the first ones meet a fault."""
    return lambda _request, number: fault if number > count else None


def every(count: int, fault: Fault) -> Plan:
    """Let each request whose number is a multiple of ``count`` meet a fault."""
    return lambda _request, number: None if number % count else fault


def in_order(*faults: Fault | None) -> Plan:
    """Let each request meet the next fault of a list (None for none), and none after its end.

    The list starts with the next request, also on a server that has already answered some.
    """
    left = list(faults)
    return lambda _request, _number: left.pop(0) if left else None


def where(asked: Callable[[Request], bool], plan: Plan) -> Plan:
    """Let a plan hold for some requests only; it counts those alone."""
    count = 0

    def chosen(request: Request, _number: int) -> Fault | None:
        nonlocal count
        if not asked(request):
            return None
        count += 1
        return plan(request, count)

    return chosen


def sometimes(share: float, faults: Sequence[Fault], *, seed: int = 0) -> Plan:
    """Let a share of the requests meet one of some faults, by chance that a seed makes repeat."""
    chance = random.Random(seed)
    return lambda _request, _number: chance.choice(faults) if chance.random() < share else None


# Replies instead of the true one --------------------------------------------------------------


def status(code: int, message: str = "", headers: dict[str, str] | None = None) -> Reply:
    """Return a JSON error of any status."""
    said = message or f"status {code}"
    return json_reply({"error": said, "message": said}, code, headers)


def page(code: int, title: str = "Service Unavailable") -> Reply:
    """Return a web page, as proxies send it, with any status: 200, 429, 502, 503, ..."""
    return text_reply(PAGE.format(title), code)


def rate_limited(retry_after: float | None = None, *, as_date: bool = False) -> Reply:
    """Return a 429 with ``Retry-After`` in seconds, as an HTTP date, or without it for None."""
    headers = {}
    if retry_after is not None and as_date:
        now = datetime.now(UTC)
        headers["Date"] = format_datetime(now, usegmt=True)
        headers["Retry-After"] = format_datetime(now + timedelta(seconds=retry_after), usegmt=True)
    elif retry_after is not None:
        headers["Retry-After"] = f"{retry_after:g}"
    return status(429, "Too Many Requests", headers)


def key_refused(code: int = 401) -> Reply:
    """Return what a wrong key meets: 401, or 403 as Semantic Scholar gives it."""
    if code == 403:
        return json_reply({"message": "Forbidden"}, 403, {"x-amzn-ErrorType": "ForbiddenException"})
    return json_reply({"error": "Invalid or missing API key", "message": "API key not found"}, code)


def redirect(target: str, code: int = 302) -> Reply:
    """Return a redirect, to another host for instance."""
    return Reply(status=code, headers={"Location": target, "Content-Type": "text/html"})


def dropped(after_seconds: float = 0.0) -> Reply:
    """Cut the connection instead of answering, at once or after a while."""
    return Reply(drop=True, delay=after_seconds)


def dead() -> Plan:
    """Cut every connection, for the whole run."""
    return always(dropped())


def openalex_too_fast(retry_after: float = 0.03) -> Reply:
    """Return OpenAlex's 429 for too many requests within a second; waiting shortly helps."""
    message = "Rate limit exceeded: 30 requests per second. Please slow down."
    return _openalex_429("Rate limit exceeded", message, retry_after)


def openalex_budget_spent(retry_after: float = 40_000.0) -> Reply:
    """Return OpenAlex's 429 for a spent daily budget; only the next day helps."""
    message = (
        "Insufficient budget. This request costs $0.001 but you only have $0 remaining. Resets at "
        "midnight UTC."
    )
    return _openalex_429("Rate limit exceeded", message, retry_after)


def openalex_plan_required() -> Reply:
    """Return OpenAlex's 429 for what only paying users may ask; nothing helps."""
    message = "The from_updated_date filter requires a paid plan."
    return json_reply({"error": "Plan upgrade required", "message": message}, 429)


def _openalex_429(error: str, message: str, retry_after: float) -> Reply:
    body = {
        "error": error,
        "message": message,
        "retryAfter": retry_after,
        "costUsd": 0.0001,
        "dailyRemainingUsd": 0,
        "prepaidRemainingUsd": 0,
        "creditsRequired": 1,
        "creditsRemaining": 0,
        "onetimeCreditsRemaining": 0,
    }
    return json_reply(body, 429, {"Retry-After": str(max(1, round(retry_after)))})


# Spoiling the true reply ------------------------------------------------------------------------


def slow(seconds: float) -> Fault:
    """Let the true reply wait."""
    return lambda reply: replace(reply, delay=reply.delay + seconds)


def trickling(seconds: float) -> Fault:
    """Let the body of the true reply come in small pieces over some seconds."""
    return lambda reply: replace(reply, trickle=seconds)


def torn(reply: Reply) -> Reply:
    """Cut the connection in the middle of the body."""
    return replace(reply, truncate=len(reply.body) // 2)


def truncated(reply: Reply) -> Reply:
    """Send half of the JSON as if it were all of it."""
    return replace(reply, body=reply.body[: len(reply.body) // 2])


def wrong_types(reply: Reply) -> Reply:
    """Put a number where each title belongs, and a text where each list of authors does."""

    def spoil(record: Value) -> Value:
        if not isinstance(record, dict):
            return record
        return {name: _WRONG.get(name, value) for name, value in record.items()}

    return _changed(reply, lambda records: [spoil(record) for record in records])


def emptied(reply: Reply) -> Reply:
    """Leave all results out; what else the answer says stays."""
    return _changed(reply, lambda _records: [])


def reordered(reply: Reply) -> Reply:
    """Turn the order of the results round."""
    return _changed(reply, lambda records: records[::-1])


def doubled(reply: Reply) -> Reply:
    """Give each result twice."""
    return _changed(reply, lambda records: [record for record in records for _ in range(2)])


def timed_out(reply: Reply) -> Reply:
    """Give OpenAlex's answer of a search that ran out of time: half of the results, status 200."""

    def halve(answer: Value) -> Value:
        if not isinstance(answer, dict) or "results" not in answer:
            return answer
        meta = {**answer.get("meta", {}), "timed_out": True}
        found = answer["results"]
        return {**answer, "meta": meta, "results": found[: len(found) // 2]}

    return _with_json(reply, halve)


def _changed(reply: Reply, change: Callable[[list[Value]], list[Value]]) -> Reply:
    """Change the list of records in an answer of any of the services."""

    def inside(answer: Value) -> Value:
        if isinstance(answer, list):
            return change(answer)
        for name in ("results", "data", "items"):
            if isinstance(answer.get(name), list):
                return {**answer, name: change(answer[name])}
        if isinstance(answer.get("message"), dict):
            return {**answer, "message": inside(answer["message"])}
        return next(iter(change([answer])), {})

    return _with_json(reply, inside)


def _with_json(reply: Reply, change: Callable[[Value], Value]) -> Reply:
    if reply.status != 200:
        return reply
    changed = change(msgspec.json.decode(reply.body))
    return replace(reply, body=msgspec.json.encode(changed))
