"""A local Semantic Scholar Graph API: batches by position, single papers, title match, search.

As strict as the real one: https://api.semanticscholar.org/api-docs/graph. It answers with and
without the path ``/graph/v1`` in front.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from urllib.parse import unquote

import msgspec

from jobrunner.demo.messages import Allowed, Api, Reply, Request, json_reply
from jobrunner.demo.record_files import Fields
from tests.support.servers.semantic_scholar_papers import (
    BadFieldsError,
    Papers,
    check_fields,
    cut,
    is_malformed,
)

ROOT = "/graph/v1"
MOST_IDS = 500
LARGEST_ANSWER = 10_000_000
MOST_PER_PAGE = 100
MOST_RESULTS = 1000
RATE = 1.0

LEAST_SHARED = 0.5
"""Share of a title's words that a paper must hold to be its closest match."""


class SemanticScholar(Api):
    """Semantic Scholar over a list of papers; ``keys``: those that are known, None for any."""

    name = "semantic_scholar"

    def __init__(self, papers: Iterable[Fields], *, keys: Collection[str] | None = None) -> None:
        self.papers = Papers(papers)
        self.keys = keys

    def answer(self, request: Request) -> Reply:
        """Return the reply to a request."""
        key = request.headers.get("x-api-key")
        if key is not None and self.keys is not None and key not in self.keys:
            error = {"x-amzn-ErrorType": "ForbiddenException"}
            return json_reply({"message": "Forbidden"}, 403, error)
        try:
            reply = self._served(request, _path(request))
        except BadFieldsError as exc:
            return _error(str(exc))
        if len(reply.body) > LARGEST_ANSWER:
            return _error("Response would exceed maximum size of 10 MB")
        return reply

    def asked(self, request: Request) -> tuple[str, ...]:
        """Return the identifiers as they were written, or 'match:words', 'search:words'."""
        path = _path(request)
        if path == "/paper/batch":
            return tuple(str(identifier) for identifier in _ids(request) or ())
        if path in ("/paper/search", "/paper/search/match"):
            return (f"{path.rsplit('/', 1)[1]}:{request.get('query') or ''}",)
        return (unquote(path.removeprefix("/paper/")),) if path.startswith("/paper/") else ()

    def allowed(self, request: Request) -> Allowed:
        """Return one request a second with a key; the pool without one is to be used no faster."""
        return Allowed(pool=request.headers.get("x-api-key", ""), per_second=RATE)

    def too_many(self, request: Request) -> Reply:
        """Return the 429, which says nothing about when to come back."""
        body = {"message": "Too Many Requests. Please wait and try again.", "code": "429"}
        return json_reply(body, 429, {"x-amzn-ErrorType": "TooManyRequestsException"})

    def _served(self, request: Request, path: str) -> Reply:
        if path == "/paper/batch":
            if request.method != "POST":
                return json_reply({"message": "Missing Authentication Token"}, 403)
            return self._batch(request)
        if request.method == "GET" and path == "/paper/search/match":
            return self._match(request)
        if request.method == "GET" and path == "/paper/search":
            return self._search(request)
        if request.method == "GET" and path.startswith("/paper/"):
            return self._single(request, unquote(path.removeprefix("/paper/")))
        return json_reply({"message": "Missing Authentication Token"}, 403)

    def _batch(self, request: Request) -> Reply:
        names = _fields(request, ("fields",))
        identifiers = _ids(request)
        if identifiers is None:
            return _error("Invalid request body: an object with a list of ids is required")
        if len(identifiers) > MOST_IDS:
            return _error(f"Too many paper ids given: at most {MOST_IDS}")
        wrong = [identifier for identifier in identifiers if is_malformed(identifier)]
        if wrong:
            return _error(f"Invalid paper id: {str(wrong[0])[:100]!r}")
        places = [self.papers.find(str(identifier)) for identifier in identifiers]
        if all(place is None for place in places):
            return _error("No valid paper ids given")
        found = self.papers.papers
        return json_reply([None if p is None else cut(found[p], names) for p in places])

    def _single(self, request: Request, identifier: str) -> Reply:
        names = _fields(request, ("fields",))
        place = self.papers.find(identifier)
        if place is None:
            return _error(f"Paper with id {identifier} not found", 404)
        return json_reply(cut(self.papers.papers[place], names))

    def _match(self, request: Request) -> Reply:
        names = _fields(request, ("fields", "query", "year"))
        query = request.get("query") or ""
        if not query.strip():
            return _error("Missing or empty query")
        hits = self.papers.titles.holding_most(query, least=LEAST_SHARED)
        if not hits:
            return _error("Title match not found", 404)
        best = cut(self.papers.papers[hits[0].place], names)
        return json_reply({"data": [{**best, "matchScore": round(200 * hits[0].score, 4)}]})

    def _search(self, request: Request) -> Reply:
        names = _fields(request, ("fields", "query", "year", "limit", "offset"))
        try:
            limit = int(request.get("limit") or MOST_PER_PAGE)
            offset = int(request.get("offset") or 0)
        except ValueError:
            return _error("limit and offset must be numbers")
        if not 1 <= limit <= MOST_PER_PAGE or offset < 0 or offset + limit > MOST_RESULTS:
            return _error("Requested data for this limit and/or offset is not available")
        hits = self.papers.titles.holding_all(request.get("query") or "")
        shown = hits[offset : offset + limit]
        answer: Fields = {"total": len(hits), "offset": offset}
        if offset + limit < min(len(hits), MOST_RESULTS):
            answer["next"] = offset + limit
        if shown:
            answer["data"] = [cut(self.papers.papers[hit.place], names) for hit in shown]
        return json_reply(answer)


def _path(request: Request) -> str:
    return request.path.removeprefix(ROOT)


def _ids(request: Request) -> list[object] | None:
    try:
        body = msgspec.json.decode(request.body)
    except msgspec.MsgspecError:
        return None
    found = body.get("ids") if isinstance(body, dict) else None
    return found if isinstance(found, list) else None


def _fields(request: Request, known: Collection[str]) -> tuple[str, ...]:
    """Return the fields that are asked for; refuse parameters that the route does not know."""
    unknown = [name for name, _ in request.query if name not in known]
    if unknown:
        raise BadFieldsError(f"Unacceptable query params: [{', '.join(unknown)}]")
    return check_fields(request.get("fields"))


def _error(message: str, status: int = 400) -> Reply:
    return json_reply({"error": message}, status)
