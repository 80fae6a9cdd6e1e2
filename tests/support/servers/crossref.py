"""A local Crossref: lists by filter and by query, single works, pools and their limits.

As strict as the real one: https://www.crossref.org/documentation/retrieve-metadata/rest-api/. It
answers with and without the path ``/v1`` in front.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from urllib.parse import unquote

from msgspec.structs import replace

from jobrunner.demo.messages import Allowed, Api, Reply, Request, json_reply, text_reply
from jobrunner.demo.record_files import Fields
from jobrunner.demo.title_index import Hit, TitleIndex
from tests.support.servers.crossref_query import (
    QUERIES,
    BadCursorError,
    BadQueryError,
    check_parameters,
    filters_of,
    page_of,
    select_of,
    text_of,
)

SINGLE = "/works/"
LONGEST_TARGET = 4092
"""Bytes of a path with its query beyond which the service has answered 414."""

POOLS = {
    "public-single": Allowed(pool="public-single", per_second=5, at_once=1),
    "public-array": Allowed(pool="public-array", per_second=1, at_once=1),
    "polite-single": Allowed(pool="polite-single", per_second=10, at_once=3),
    "polite-array": Allowed(pool="polite-array", per_second=3, at_once=3),
    "plus": Allowed(pool="plus", per_second=150),
}
"""The limits since December 2025; the plus pool has no limit of requests at once."""

LEAST_SHARED = 0.5
"""Share of a query's words that a work must hold to be found."""


class Crossref(Api):
    """Crossref over a list of works; those without a DOI are left out."""

    name = "crossref"

    def __init__(self, works: Iterable[Fields]) -> None:
        self.works = [work for work in works if work.get("DOI")]
        self._by_doi: dict[str, list[int]] = {}
        self._indexes: dict[str, TitleIndex] = {}
        self._guard = threading.Lock()
        for place, work in enumerate(self.works):
            self._by_doi.setdefault(work["DOI"].lower(), []).append(place)

    def answer(self, request: Request) -> Reply:
        """Return the reply to a request."""
        if len(request.target) > LONGEST_TARGET:
            return text_reply("<h1>414 Request-URI Too Large</h1>\n", 414)
        try:
            reply = self._served(request, _path(request))
        except BadQueryError as exc:
            reply = _failed("validation-failure", exc.problem, 400)
        except BadCursorError as exc:
            message = "Cursor specified but it is invalid"
            problem = {"type": "cursor-invalid", "value": str(exc), "message": message}
            reply = _failed("resource-failure", problem, 404)
        return replace(reply, headers={**reply.headers, **_limits(self.allowed(request))})

    def asked(self, request: Request) -> tuple[str, ...]:
        """Return 'doi:10.1/x' for each DOI, or 'query.bibliographic:words'."""
        path = _path(request)
        if path.startswith(SINGLE):
            return (f"doi:{unquote(path.removeprefix(SINGLE))}",)
        parts = (request.get("filter") or "").split(",")
        found = [part for part in parts if part.startswith("doi:")]
        return tuple(found + [f"{name}:{text}" for name in QUERIES if (text := request.get(name))])

    def allowed(self, request: Request) -> Allowed:
        """Return the limits of the pool that a request belongs to."""
        if "crossref-plus-api-token" in request.headers:
            return POOLS["plus"]
        agent = request.headers.get("user-agent", "")
        polite = bool(request.get("mailto")) or "mailto:" in agent
        kind = "single" if _path(request).startswith(SINGLE) else "array"
        return POOLS[f"{'polite' if polite else 'public'}-{kind}"]

    def too_many(self, request: Request) -> Reply:
        """Return the 429, a web page."""
        page = "<html><body><h1>429 Too Many Requests</h1></body></html>\n"
        return text_reply(page, 429, "text/html")

    def _served(self, request: Request, path: str) -> Reply:
        if path.rstrip("/") == "/works":
            return self._list(request)
        if path.startswith(SINGLE):
            return self._single(request, unquote(path.removeprefix(SINGLE)))
        body = {
            "status": "error",
            "message-type": "route-not-found",
            "message-version": "1.0.0",
            "message": "Route not found",
        }
        return json_reply(body, 404)

    def _single(self, request: Request, doi: str) -> Reply:
        for name, _ in request.query:
            if name != "mailto":
                message = f"This route does not support {name}"
                raise BadQueryError("parameter-not-allowed", name, message)
        places = self._by_doi.get(doi.lower())
        if not places:
            return text_reply("Resource not found.", 404, "text/plain")
        return _ok("work", self.works[places[0]])

    def _list(self, request: Request) -> Reply:
        check_parameters(request)
        select, filters = select_of(request), filters_of(request)
        first, rows = page_of(request)
        hits = self._found(request, filters)
        shown = hits[first : first + rows]
        message: Fields = {
            "facets": {},
            "total-results": len(hits),
            "items": [_item(self.works[hit.place], hit.score, select) for hit in shown],
            "items-per-page": rows,
            "query": {"start-index": first, "search-terms": None},
        }
        if request.get("cursor") is not None:
            message["next-cursor"] = f"after-{first + len(shown)}"
        return _ok("work-list", message)

    def _found(self, request: Request, filters: dict[str, list[str]]) -> list[Hit]:
        if "doi" in filters:
            places = (p for doi in dict.fromkeys(filters["doi"]) for p in self._listed(doi))
            hits = [Hit(place, 1.0) for place in places]
        else:
            hits = [Hit(place, 1.0) for place in range(len(self.works))]
        for name in QUERIES:
            query = request.get(name)
            if query:
                kept = {hit.place for hit in hits}
                hits = [hit for hit in self._searched(name, query) if hit.place in kept]
        types = filters.get("type")
        return [hit for hit in hits if not types or self.works[hit.place].get("type") in types]

    def _listed(self, doi: str) -> Sequence[int]:
        """Return the works that a filter finds: none for a DOI with parentheses in it."""
        return () if "(" in doi or ")" in doi else self._by_doi.get(doi, ())

    def _searched(self, name: str, query: str) -> list[Hit]:
        with self._guard:
            index = self._indexes.get(name)
            if index is None:
                texts = (text_of(work, QUERIES[name]) for work in self.works)
                index = self._indexes[name] = TitleIndex(texts)
        return index.holding_most(query, least=LEAST_SHARED)


def _path(request: Request) -> str:
    return request.path.removeprefix("/v1")


def _item(work: Fields, score: float, select: tuple[str, ...]) -> Fields:
    full = {**work, "score": round(100 * score, 4)}
    return {name: full[name] for name in select if name in full} if select else full


def _limits(allowed: Allowed) -> dict[str, str]:
    """Return the headers in which an answer states its pool and the limits of it."""
    headers = {
        "x-api-pool": allowed.pool,
        "x-rate-limit-limit": f"{allowed.per_second:g}",
        "x-rate-limit-interval": "1s",
    }
    if allowed.at_once != float("inf"):
        headers["x-concurrency-limit"] = f"{allowed.at_once:g}"
    return headers


def _ok(kind: str, message: Fields) -> Reply:
    body = {
        "status": "ok",
        "message-type": kind,
        "message-version": "1.0.0",
        "message": message,
    }
    return json_reply(body)


def _failed(kind: str, problem: dict[str, str], status: int) -> Reply:
    return json_reply({"status": "failed", "message-type": kind, "message": [problem]}, status)
