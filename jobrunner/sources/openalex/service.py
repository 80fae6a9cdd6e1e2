"""How to reach OpenAlex, its limits and prices, and the meaning of its error answers.

Prices, limits and error bodies: https://developers.openalex.org/api-reference/authentication,
/api-reference/errors and the source of its gateway, ourresearch/openalex-api-proxy.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import httpx2
import msgspec
from msgspec import Struct

from jobrunner.errors import (
    AnswerMalformed,
    FaultyAnswer,
    QuotaSpent,
    RequestRefused,
    SourceUnavailable,
    TransientError,
)
from jobrunner.http.responses import decode, retry_after, server_message
from jobrunner.http.service import Limits, Service
from jobrunner.sources.contract import Prices, SourceSettings
from jobrunner.sources.json_fields import distinct

NAME = "openalex"
BASE_URL = "https://api.openalex.org"
CREDIT_MICROS = 100
"""One credit is $0.0001: the price of a list of works."""

SEARCH_MICROS = 10 * CREDIT_MICROS

LONGEST_WAIT = 2 * 86400
"""Seconds; the budget is renewed every day, so a longer wait is a mistake."""

WITH_KEY = Limits(30.0, 16)
WITHOUT_KEY = Limits(10.0, 8)

_NOT_FOUND = b"The requested URL was not found on the server."
"""Text of the web page that answers for an unknown single work (recorded in 2025)."""

_TIMED_OUT = re.compile(rb'"timed_out"\s*:\s*true')
_META_COST = re.compile(rb'"cost_usd"\s*:\s*([0-9.eE+-]+)')
_BUDGET_SPENT = re.compile(rb"insufficient (?:budget|credit)", re.IGNORECASE)


def service_of(settings: SourceSettings) -> Service:
    """Return the service for these settings; the key is sent in a header, never in a URL."""
    key = settings.api_key
    return Service(
        name=NAME,
        base_url=settings.base_url or BASE_URL,
        limits=WITH_KEY if key else WITHOUT_KEY,
        headers={"Authorization": f"Bearer {key}"} if key else {},
        judge=judge,
        price=price,
        cost=cost,
    )


def prices_of(settings: SourceSettings) -> Prices:
    """Return the prices and the daily allowance of 2026, with a free key or without one."""
    return Prices(
        lookup_micros=CREDIT_MICROS,
        search_micros=SEARCH_MICROS,
        daily_micros=1_000_000 if settings.api_key else 100_000,
    )


def judge(response: httpx2.Response) -> None:
    """Raise the error of an answer with a special meaning at OpenAlex."""
    judge_status = _BY_STATUS.get(response.status_code)
    if judge_status is not None:
        judge_status(response)


class _Meta(Struct):
    count: int
    per_page: int
    page: int = 1


class _Named(Struct):
    id: object = None


class _Listed(Struct):
    meta: _Meta
    results: list[_Named]


def _judge_200(response: httpx2.Response) -> None:
    if _TIMED_OUT.search(response.content):
        # The search timed out and returned a part: a missing work is not "not found".
        raise TransientError(f"{NAME}: the answer is incomplete (timed_out)")
    _check_whole(response)


def _check_whole(response: httpx2.Response) -> None:
    """Raise if a page is incomplete: OpenAlex may know the works that are missing from it."""
    try:
        listed = msgspec.json.decode(response.content, type=_Listed)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return  # a single work, or an answer that its reader rejects
    meta, came = listed.meta, distinct(work.id for work in listed.results)
    due = min(meta.per_page, meta.count - (meta.page - 1) * meta.per_page)
    if came < due:
        raise FaultyAnswer(f"{NAME}: the answer is incomplete ({came} of {due} works)")


def _judge_403(response: httpx2.Response) -> None:
    """Raise RequestRefused for refusals of the request; other refusals are of the key."""
    if _error_of(response).startswith(("Invalid query", "Pagination")):
        raise RequestRefused(f"{NAME}: HTTP 403{server_message(response)}")


def _judge_404(response: httpx2.Response) -> None:
    """Accept a 404 as "unknown work" only with OpenAlex's own page.

    Any other 404, such as one for a wrong base URL, says nothing about a paper.
    """
    if _NOT_FOUND not in response.content:
        address = response.url.copy_with(query=None)
        message = f"{NAME}: HTTP 404 from {address} did not come from OpenAlex"
        raise SourceUnavailable(message, hint="check the base URL")


def _judge_429(response: httpx2.Response) -> None:
    body = _body_of(response)
    message = f"{NAME}: HTTP 429{server_message(response)}"
    if body.get("error") == "Plan upgrade required":
        raise RequestRefused(message)
    wait = _seconds(body, response)
    if _BUDGET_SPENT.search(response.content):
        raise QuotaSpent(message, not_before=_not_before(wait, response), hint=_hint(response))
    raise TransientError(message, retry_after=wait)


_BY_STATUS = {200: _judge_200, 403: _judge_403, 404: _judge_404, 429: _judge_429}


def _seconds(body: dict[str, object], response: httpx2.Response) -> float | None:
    """Return the requested wait, from the body or, less exact, from the header."""
    wait = body.get("retryAfter")
    if isinstance(wait, (int, float)) and not isinstance(wait, bool) and 0 <= wait < LONGEST_WAIT:
        return float(wait)
    return retry_after(response)


def _not_before(wait: float | None, response: httpx2.Response) -> datetime:
    """Return when the daily budget is renewed: as announced, else at midnight UTC."""
    now = datetime.now(UTC)
    if wait is None:
        reset = response.headers.get("x-ratelimit-reset", "")
        wait = float(reset) if reset.isascii() and reset.isdigit() else None
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    if wait is None or wait > LONGEST_WAIT:
        return midnight
    return now + timedelta(seconds=wait)


def _hint(response: httpx2.Response) -> str | None:
    if "authorization" in response.request.headers:
        return None
    return "a free key gives ten times the budget: https://openalex.org/settings/api"


def _body_of(response: httpx2.Response) -> dict[str, object]:
    try:
        body = decode(response.content)
    except AnswerMalformed:
        return {}
    return body if isinstance(body, dict) else {}


def _error_of(response: httpx2.Response) -> str:
    return str(_body_of(response).get("error", ""))


def price(request: httpx2.Request) -> int:
    """Return a request's price in micro-USD: single works are free, a search costs ten lists."""
    if not request.url.path.endswith("/works"):
        return 0
    searches = ".search:" in request.url.params.get("filter", "") or "search" in request.url.params
    return SEARCH_MICROS if searches else CREDIT_MICROS


def cost(response: httpx2.Response) -> int:
    """Return what a request cost in micro-USD, from a header or the body."""
    usd = response.headers.get("x-ratelimit-cost-usd")
    if usd is not None:
        return _micros(usd, 1e6)
    credit = response.headers.get("x-ratelimit-credits-used")
    if credit is not None:
        return _micros(credit, CREDIT_MICROS)
    match = _META_COST.search(response.content[:4096])
    return _micros(match[1].decode(), 1e6) if match else 0


def _micros(value: str, factor: float) -> int:
    try:
        amount = float(value) * factor
    except ValueError:
        return 0
    return round(amount) if 0 <= amount < 1e12 else 0
