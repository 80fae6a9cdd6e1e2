"""A stand-in for Semantic Scholar's Graph API: https://api.semanticscholar.org/api-docs/graph."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

import httpx2
import msgspec

from jobrunner.sources.json_fields import Fields

BASE = "/graph/v1"
PREFIXED = {
    "DOI": "DOI",
    "ARXIV": "ArXiv",
    "PMID": "PubMed",
    "PMCID": "PubMedCentral",
    "MAG": "MAG",
    "ACL": "ACL",
}
FIELDS = {
    "paperId", "corpusId", "externalIds", "url", "title", "abstract", "venue", "publicationVenue",
    "year", "publicationDate", "publicationTypes", "journal", "referenceCount", "citationCount",
    "influentialCitationCount", "isOpenAccess", "openAccessPdf", "fieldsOfStudy", "s2FieldsOfStudy",
    "authors", "tldr",
}  # fmt: skip


def sha(number: int) -> str:
    """Return a paperId."""
    return f"{number:040x}"


def held(number: int, title: str, **external: object) -> Fields:
    """Return a paper as the service holds it."""
    return {
        "paperId": sha(number),
        "externalIds": {"CorpusId": number, **external},
        "title": title,
        "authors": [{"authorId": "1", "name": "Ann Lee"}, {"authorId": "2", "name": "Bo Chen"}],
        "year": 2020,
    }


class SemanticScholarServer:
    """Answers from some papers; an id for which ``malformed`` is true spoils its whole batch."""

    def __init__(
        self, papers: Sequence[Fields], malformed: Callable[[str], bool] = lambda _: False
    ) -> None:
        self.papers = papers
        self.malformed = malformed
        self.by_id: dict[str, Fields] = {}
        for paper in papers:
            for identifier in _ids(paper):
                self.by_id.setdefault(identifier, paper)

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        names = {name.partition(".")[0] for name in request.url.params.get("fields", "").split(",")}
        if names - FIELDS:
            return _error(400, f"Unrecognized or unsupported fields: {sorted(names - FIELDS)}")
        if (request.method, request.url.path) == ("POST", f"{BASE}/paper/batch"):
            return self._batch(msgspec.json.decode(request.content)["ids"])
        if (request.method, request.url.path) == ("GET", f"{BASE}/paper/search/match"):
            return self._match(request.url.params["query"])
        return httpx2.Response(404, json={"message": "Not Found"})

    def _batch(self, ids: Sequence[str]) -> httpx2.Response:
        if len(ids) > 500:
            return _error(400, "Too many ids")
        found = [self.by_id.get(identifier.lower()) for identifier in ids]
        if not any(found) or any(map(self.malformed, ids)):
            return _error(400, "No valid paper ids given")
        return httpx2.Response(200, json=found)

    def _match(self, query: str) -> httpx2.Response:
        words = _words(query)
        ranked = sorted(self.papers, key=lambda p: -len(words & _words(str(p["title"]))))
        if not ranked or not words & _words(str(ranked[0]["title"])):
            return _error(404, "Title match not found")
        return httpx2.Response(200, json={"data": [{**ranked[0], "matchScore": 131.8}]})


def _ids(paper: Fields) -> list[str]:
    external = paper.get("externalIds")
    known: Mapping[str, object] = external if isinstance(external, dict) else {}
    named = [f"{prefix}:{known[name]}" for prefix, name in PREFIXED.items() if known.get(name)]
    return [found.lower() for found in (str(paper["paperId"]), *named, _corpus(known))]


def _corpus(known: Mapping[str, object]) -> str:
    return f"CorpusId:{known.get('CorpusId')}"


def _words(title: str) -> set[str]:
    return set(re.findall(r"\w+", title.lower()))


def _error(status: int, message: str) -> httpx2.Response:
    return httpx2.Response(status, json={"error": message})
