"""A stand-in for Crossref's REST API: https://github.com/CrossRef/rest-api-doc."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from urllib.parse import unquote

import httpx2

from jobrunner.sources.json_fields import Fields

PARAMETERS = {"filter", "rows", "select", "query.bibliographic", "mailto"}
SELECTABLE = {
    "DOI", "ISBN", "ISSN", "URL", "abstract", "accepted", "alternative-id", "approved", "archive",
    "article-number", "assertion", "author", "chair", "clinical-trial-number", "container-title",
    "content-created", "content-domain", "created", "degree", "deposited", "editor", "event",
    "funder", "group-title", "indexed", "is-referenced-by-count", "issn-type", "issue", "issued",
    "license", "link", "member", "original-title", "page", "posted", "prefix", "published",
    "published-online", "published-print", "publisher", "publisher-location", "reference",
    "references-count", "relation", "resource", "score", "short-container-title", "short-title",
    "standards-body", "subject", "subtitle", "title", "translator", "type", "update-policy",
    "update-to", "updated-by", "volume",
}  # fmt: skip
"""What a list can be reduced to; anything else is refused. Single records cannot be reduced."""


def held(doi: str, *titles: str, **fields: object) -> Fields:
    """Return a work as the service holds it; underscores in names stand for hyphens."""
    return {
        "DOI": doi,
        "title": list(titles),
        "author": [{"given": "Ann", "family": "Lee"}, {"given": "Bo", "family": "Chen"}],
        "issued": {"date-parts": [[2020]]},
        "type": "journal-article",
        **{name.replace("_", "-"): value for name, value in fields.items()},
    }


class CrossrefServer:
    """Answers requests from some works; ``headers`` go with every answer."""

    def __init__(self, works: Sequence[Fields], headers: Mapping[str, str] | None = None) -> None:
        self.works = {str(work["DOI"]).lower(): work for work in works}
        self.headers = headers or {}

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        answer = self._answer(request)
        answer.headers.update(self.headers)
        return answer

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.raw_path.decode().partition("?")[0]
        params = request.url.params
        if len(request.url.raw_path) > 4092:
            return httpx2.Response(414, content="<h1>URI Too Long</h1>")
        if unknown := set(params) - PARAMETERS:
            return _refusal("parameter-not-allowed", str(unknown))
        if path == "/works":
            return self._list(params)
        if "select" in params:
            return _refusal("parameter-not-allowed", "This route does not support select")
        work = self.works.get(unquote(path.removeprefix("/works/")).lower())
        if work is None:
            plain = {"content-type": "text/plain"}
            return httpx2.Response(404, content="Resource not found.", headers=plain)
        return httpx2.Response(200, json={"status": "ok", "message": work})

    def _list(self, params: httpx2.QueryParams) -> httpx2.Response:
        selected = params["select"].split(",") if "select" in params else []
        if unknown := set(selected) - SELECTABLE:
            return _refusal("parameter-not-allowed", f"select: {unknown}")
        found = list(self.works.values())
        if "filter" in params:
            conditions = [part.partition(":") for part in params["filter"].split(",")]
            if any(name != "doi" or "(" in value for name, _, value in conditions):
                return _refusal("filter-not-available", params["filter"])
            wanted = {value.lower() for _, _, value in conditions}
            found = [work for doi, work in self.works.items() if doi in wanted]
        if "query.bibliographic" in params:
            words = _words(params["query.bibliographic"])
            found = sorted(found, key=lambda work: -len(words & _words(str(work["title"]))))
        items = [
            {name: work[name] for name in work if not selected or name in selected}
            for work in found[: int(params.get("rows", 20))]
        ]
        message = {"total-results": len(found), "items": items}
        return httpx2.Response(200, json={"status": "ok", "message": message})


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))


def _refusal(kind: str, message: str) -> httpx2.Response:
    refusals = [{"type": kind, "value": "", "message": message}]
    body = {"status": "failed", "message-type": "validation-failure", "message": refusals}
    return httpx2.Response(400, json=body)
