"""A stand-in for OpenAlex that keeps its rules: https://developers.openalex.org/api-reference."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import unquote

import httpx2

from jobrunner.sources.json_fields import Fields

FIELDS = ("doi", "openalex", "pmid", "pmcid", "mag", "locations.landing_page_url")
"""Filter fields that take identifiers."""

FIELD_NAMES = (*FIELDS, "type", "version", "label", "title.search", "publication_year")
PARAMETERS = {"filter", "select", "per_page", "page", "include_xpac"}
NOT_FOUND = (
    "<!doctype html>\n<html lang=en>\n<title>404 Not Found</title>\n<h1>Not Found</h1>\n"
    "<p>The requested URL was not found on the server.</p>\n"
)
ID = "https://openalex.org/"


class RefusedError(Exception):
    """What the server answers with status 400."""


def work(identifier: str, title: str | None, **fields: object) -> Fields:
    """Return a work as the server holds it."""
    doi = fields.get("doi")
    ids = {"openalex": ID + identifier, **({"doi": doi} if doi else {})}
    given = fields.pop("ids", {})
    assert isinstance(given, dict)
    return {"id": ID + identifier, "title": title, "ids": {**ids, **given}, **fields}


def authorships(*names: str) -> list[Fields]:
    return [{"author": {"id": f"{ID}A{n}", "display_name": name}} for n, name in enumerate(names)]


class OpenAlexServer:
    """Answers requests from some works; ``merged`` maps old ids to the ids they became."""

    def __init__(self, works: Sequence[Fields], merged: Mapping[str, str] | None = None) -> None:
        self.works = list(works)
        self.merged = merged or {}
        self.page_size: int | None = None
        self._values: dict[tuple[int, str], set[str]] = {}

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        if len(request.url.raw_path) + len("GET  HTTP/1.1") > 8190:
            return _refusal("Request URL too long")
        try:
            path = request.url.raw_path.decode().partition("?")[0]
            if path == "/works":
                return self._list(request.url.params)
            return self._single(unquote(path.removeprefix("/works/")), request.url.params)
        except RefusedError as exc:
            return _refusal("Invalid query parameters error.", str(exc))

    def _single(self, identifier: str, params: httpx2.QueryParams) -> httpx2.Response:
        if identifier in self.merged:
            return httpx2.Response(301, headers={"location": f"/works/{self.merged[identifier]}"})
        if not re.match(r"W[0-9]+$|doi:10\.", identifier):
            raise RefusedError(f"not a free form: {identifier}")
        field, value = ("openalex", identifier) if identifier[0] == "W" else _split(identifier)
        for held in self.works:
            if value.lower() in self._values_of(held, field):
                headers = {"x-ratelimit-cost-usd": "0", "x-ratelimit-credits-used": "0"}
                return httpx2.Response(200, json=_selected(held, params), headers=headers)
        return httpx2.Response(404, content=NOT_FOUND, headers={"content-type": "text/html"})

    def _list(self, params: httpx2.QueryParams) -> httpx2.Response:
        if unknown := set(params) - PARAMETERS:
            raise RefusedError(f"{unknown} is not a valid parameter")
        size, page = int(params.get("per_page", 25)), int(params.get("page", 1))
        if not 1 <= size <= 100 or page * size > 10_000:
            raise RefusedError("per_page")
        size = self.page_size or size
        found = self.works if params.get("include_xpac") == "true" else _core(self.works)
        search = False
        for condition in params["filter"].split(","):
            field, value = _split(condition)
            search = search or field == "title.search"
            wanted = _wanted(field, value)
            found = [held for held in found if self._meets(held, field, wanted)]
        cost = 0.001 if search else 0.0001
        results = [_in_list(held, params) for held in found[(page - 1) * size : page * size]]
        meta = {"count": len(found), "page": page, "per_page": size, "cost_usd": cost}
        headers = {"x-ratelimit-cost-usd": str(cost)}
        return httpx2.Response(200, json={"meta": meta, "results": results}, headers=headers)

    def _meets(self, held: Fields, field: str, wanted: set[str]) -> bool:
        if field == "title.search":
            return wanted <= set(re.findall(r"\w+", str(held["title"]).lower()))
        return not self._values_of(held, field).isdisjoint(wanted)

    def _values_of(self, held: Fields, field: str) -> set[str]:
        key = (id(held), field)
        if key not in self._values:
            self._values[key] = values_of(held, field)
        return self._values[key]


def _split(condition: str) -> tuple[str, str]:
    field, colon, value = condition.partition(":")
    if not colon or field not in FIELD_NAMES:
        raise RefusedError(f"{field} is not a valid field")
    return field, value


def _wanted(field: str, value: str) -> set[str]:
    """Return what a work must hold: one of these, or all of them where words are searched."""
    if field == "title.search":
        return set(value.lower().split())
    if field == "publication_year":
        first, _, last = value.partition("-")
        return {str(year) for year in range(int(first), int(last) + 1)}
    wanted = value.lower().split("|")
    if len(wanted) > 100:
        raise RefusedError(f"Maximum number of values exceeded for {field}")
    if len(wanted) > 1 and any(f"{name}:" in value for name in FIELD_NAMES):
        raise RefusedError("It looks like you're trying to do an OR query between filters")
    if any(bad in value for bad in ' "!') or {"", "none", "undefined"} & set(wanted):
        raise RefusedError(f"not a value: {value}")
    return set(wanted)


def values_of(held: Fields, field: str) -> set[str]:
    """Return what a filter field holds of a work, in lower case and without the usual base."""
    return {
        re.sub(r"^https?://(?!arxiv)[^/]+/(?:pmc/articles/)?", "", v) for v in _all(held, field)
    }


def _all(held: Fields, field: str) -> Iterator[str]:
    ids = held.get("ids")
    locations = held.get("locations", ())
    if field == "locations.landing_page_url" and isinstance(locations, list):
        yield from (str(location["landing_page_url"]).lower() for location in locations)
    else:
        yield str(ids.get(field, "") if isinstance(ids, dict) else "").lower()
        yield str(held.get(field, "")).lower()


def _core(works: Sequence[Fields]) -> list[Fields]:
    return [held for held in works if not held.get("is_xpac")]


def _in_list(held: Fields, params: httpx2.QueryParams) -> Fields:
    authors = held.get("authorships")
    if isinstance(authors, list):
        held = {**held, "authorships": authors[:100]}
    return _selected(held, params)


def _selected(held: Fields, params: httpx2.QueryParams) -> Fields:
    names = params["select"].split(",") if "select" in params else list(held)
    return {name: held.get(name) for name in names}


def _refusal(error: str, message: str = "") -> httpx2.Response:
    return httpx2.Response(400, json={"error": error, "message": message})
