"""A local OpenAlex with lists, filters, searches, single works, prices and a daily budget.

It is as strict as the real service, but searches only titles, not abstracts and full texts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import msgspec

from jobrunner.demo.messages import JSON, Allowed, Api, Reply, Request, json_reply, text_reply
from jobrunner.demo.openalex.daily_budget import Budgets
from jobrunner.demo.openalex.filters import SEARCHES, BadQueryError, find
from jobrunner.demo.openalex.request_parameters import (
    SINGLE,
    Page,
    asked_of,
    check_parameters,
    conditions_of,
    key_of,
    price_of,
    select_of,
    single_key,
    single_name,
    wants_xpac,
)
from jobrunner.demo.openalex.works import Works, with_score
from jobrunner.demo.record_files import Fields
from jobrunner.demo.title_index import Hit

LONGEST_TARGET = 8190
"""Maximum length of a request line in bytes."""

KEY_RATE = 30.0
ANONYMOUS_RATE = 10.0

NOT_FOUND = (
    "<!doctype html>\n<html lang=en>\n<title>404 Not Found</title>\n<h1>Not Found</h1>\n"
    "<p>The requested URL was not found on the server.</p>\n"
)


class OpenAlex(Api):
    """OpenAlex for a list of works.

    ``merged`` maps retired ids to the ids that replaced them. ``keys`` are the valid keys; None
    accepts any. ``budget_usd`` is the budget of each key, and of all requests without one together;
    None is unlimited. It is renewed after ``reset_after`` seconds, or at midnight UTC.
    """

    name = "openalex"

    def __init__(
        self,
        works: Iterable[Fields],
        *,
        merged: Mapping[str, str] | None = None,
        keys: Collection[str] | None = None,
        budget_usd: float | None = None,
        reset_after: float | None = None,
    ) -> None:
        self.works = Works(works, merged)
        self.keys = keys
        self.budgets = Budgets(budget_usd, reset_after)

    @property
    def cost_usd(self) -> float:
        """The total cost of all requests."""
        return self.budgets.total_usd

    def answer(self, request: Request) -> Reply:
        """Return the reply to a request."""
        key = key_of(request)
        if len(f"{request.method} {request.target} HTTP/1.1") > LONGEST_TARGET:
            return _error("Request URL too long", f"The URL has {len(request.target)} characters.")
        if key and self.keys is not None and key not in self.keys:
            return _error("Invalid or missing API key", "API key not found", 401)
        if request.path == "/rate-limit":
            return self._rate_limit(key)
        price = price_of(request)
        return self.budgets.charge(key, price) or self._charged(request, key, price)

    def asked(self, request: Request) -> tuple[str, ...]:
        """Return 'doi:10.1/x', 'openalex:W1' and so on, or 'title.search:words'."""
        return asked_of(request)

    def allowed(self, request: Request) -> Allowed:
        """Return the limit: 30 requests per second with a key, 10 without."""
        key = key_of(request)
        return Allowed(pool=key, per_second=KEY_RATE if key else ANONYMOUS_RATE)

    def too_many(self, request: Request) -> Reply:
        """Return the 429 reply for exceeding the limit per second."""
        return self.budgets.too_fast(key_of(request), self.allowed(request).per_second)

    def _rate_limit(self, key: str) -> Reply:
        if not key:
            return _error("Invalid or missing API key", "API key not found", 401)
        return json_reply(self.budgets.status(key))

    def _charged(self, request: Request, key: str, price: int) -> Reply:
        try:
            reply = self._served(request, self.budgets.usd(price))
        except BadQueryError as exc:
            if exc.edge:
                self.budgets.refund(key, price)
                return _edge_reject(exc.message)
            reply = _error(exc.error, exc.message)
        headers = {**reply.headers, **self.budgets.headers(key, price)}
        return msgspec.structs.replace(reply, headers=headers)

    def _served(self, request: Request, cost_usd: float) -> Reply:
        if request.method not in ("GET", "HEAD"):
            return text_reply("Method Not Allowed", 405)
        if request.path.rstrip("/") == "/works":
            return self._list(request, cost_usd)
        name = single_name(request)
        if name is not None:
            return self._single(request, name)
        return text_reply(NOT_FOUND, 404)

    def _list(self, request: Request, cost_usd: float) -> Reply:
        check_parameters(request)
        select, page = select_of(request), Page(request)
        conditions = conditions_of(request)
        hits = find(self.works, conditions, with_xpac=wants_xpac(request))
        shown = hits[page.first : page.first + page.size]
        searched = any(condition.field in SEARCHES for condition in conditions)
        scored = searched and (not select or "relevance_score" in select)
        results = b",".join(self._listed(hit, select, scored=scored) for hit in shown)
        meta = msgspec.json.encode(page.meta(len(hits), cost_usd))
        body = b'{"meta":%b,"results":[%b],"group_by":[]}' % (meta, results)
        return Reply(headers={"Content-Type": JSON}, body=body)

    def _listed(self, hit: Hit, select: tuple[str, ...], *, scored: bool) -> bytes:
        body = self.works.encoded(hit.place, select, listed=True)
        return with_score(body, hit.score) if scored else body

    def _single(self, request: Request, name: str) -> Reply:
        check_parameters(request)
        select = select_of(request)
        scheme, value = single_key(name)
        if scheme == "openalex" and value in self.works.merged:
            return _redirect(request, self.works.merged[value], 301)
        places = self.works.at(scheme, value)
        if not places:
            return text_reply(NOT_FOUND, 404)
        identifier = self.works.ids[places[0]]
        if scheme in ("openalex", "mag") and name != identifier:
            return _redirect(request, identifier, 302)
        body = self.works.encoded(places[0], select, listed=False)
        return Reply(headers={"Content-Type": JSON}, body=body)


def _redirect(request: Request, identifier: str, status: int) -> Reply:
    target = f"{SINGLE}{identifier}" + (f"?{request.raw_query}" if request.raw_query else "")
    return Reply(status=status, headers={"Content-Type": "text/html", "Location": target})


def _error(error: str, message: str, status: int = 400) -> Reply:
    return json_reply({"error": error, "message": message}, status)


def _edge_reject(message: str) -> Reply:
    body = {
        "error": "Invalid request rejected at the API edge",
        "error_source": "openalex-api-proxy",
        "message": message,
    }
    return json_reply(body, 400, {"x-openalex-edge-reject": "invalid-request"})
