"""The papers that the local Semantic Scholar holds: found by identifier, cut to the fields asked.

Identifiers and fields: https://api.semanticscholar.org/api-docs/graph.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

from jobrunner.demo.record_files import Fields
from jobrunner.demo.title_index import TitleIndex

PREFIXES = {
    "corpusid": "CorpusId",
    "doi": "DOI",
    "arxiv": "ArXiv",
    "mag": "MAG",
    "acl": "ACL",
    "pmid": "PubMed",
    "pmcid": "PubMedCentral",
}
"""What can stand before an identifier, in any case, and the name of that scheme in a paper."""

FIELDS = {
    "abstract", "authors", "citationCount", "citationStyles", "citations", "corpusId", "embedding",
    "externalIds", "fieldsOfStudy", "influentialCitationCount", "isOpenAccess", "journal",
    "openAccessPdf", "paperId", "publicationDate", "publicationTypes", "publicationVenue",
    "referenceCount", "references", "s2FieldsOfStudy", "textAvailability", "title", "tldr", "url",
    "venue", "year",
}  # fmt: skip
AUTHOR_FIELDS = {
    "affiliations", "aliases", "authorId", "citationCount", "externalIds", "hIndex", "homepage",
    "name", "paperCount", "url",
}  # fmt: skip
USUAL_FIELDS = ("title",)

_SHA = re.compile(r"[0-9a-f]{40}")
_ARXIV_PAGE = re.compile(r"arxiv\.org/(?:abs|pdf)/(.+?)(?:\.pdf)?$", re.IGNORECASE)
_EVERY_AUTHOR = {"authorId", "name"}


class BadFieldsError(Exception):
    """Fields that the service does not know."""


class Papers:
    """All papers with a ``paperId``; of several with one identifier the first is found by it."""

    def __init__(self, papers: Iterable[Fields]) -> None:
        self.papers = [paper for paper in papers if paper.get("paperId")]
        self._by: dict[tuple[str, str], int] = {}
        self._guard = threading.Lock()
        for place, paper in enumerate(self.papers):
            for key in _keys(paper):
                self._by.setdefault(key, place)

    def find(self, identifier: str) -> int | None:
        """Return the place of the paper with an identifier as clients write it."""
        key = key_of(identifier)
        return None if key is None else self._by.get(key)

    @property
    def titles(self) -> TitleIndex:
        """The index of the titles, built when it is first needed."""
        with self._guard:
            return self._titles

    @cached_property
    def _titles(self) -> TitleIndex:
        return TitleIndex(paper.get("title") or "" for paper in self.papers)


def _keys(paper: Fields) -> Iterator[tuple[str, str]]:
    external = paper.get("externalIds") or {}
    yield "", str(paper["paperId"]).lower()
    if paper.get("corpusId"):
        yield "CorpusId", str(paper["corpusId"])
    for name in PREFIXES.values():
        if external.get(name):
            yield name, str(external[name]).lower()


def key_of(identifier: str) -> tuple[str, str] | None:
    """Return the key of an identifier, None for one in a form that the service does not know."""
    prefix, colon, value = identifier.partition(":")
    if prefix.upper() == "URL" and colon:
        return _key_of_url(value)
    name = PREFIXES.get(prefix.lower()) if colon else None
    if name is not None:
        return name, value.lower()
    if identifier.startswith("10."):
        return "DOI", identifier.lower()
    return ("", identifier.lower()) if _SHA.fullmatch(identifier.lower()) else None


def _key_of_url(url: str) -> tuple[str, str] | None:
    page = _ARXIV_PAGE.search(url)
    if page:
        return "ArXiv", page[1].lower()
    sha = _SHA.search(url)
    return ("", sha[0]) if sha and "semanticscholar.org/" in url else None


def is_malformed(identifier: object) -> bool:
    """Return whether an identifier makes the batch that it is in fail."""
    if not isinstance(identifier, str) or not identifier.strip():
        return True
    prefix, colon, value = identifier.partition(":")
    known = prefix.lower() in PREFIXES or prefix.upper() == "URL"
    if not colon:
        return False
    return not known or not value.strip() or (prefix.upper() != "URL" and "://" in value)


def check_fields(text: str | None) -> tuple[str, ...]:
    """Return the fields that are asked for. Raises :class:`BadFieldsError`."""
    names = tuple(name.strip() for name in text.split(",")) if text else USUAL_FIELDS
    wrong = [name for name in names if not _is_field(name)]
    if wrong:
        raise BadFieldsError(f"Unrecognized or unsupported fields: [{', '.join(wrong)}]")
    return names


def _is_field(name: str) -> bool:
    root, dot, rest = name.partition(".")
    if root == "authors" and dot:
        return rest in AUTHOR_FIELDS
    return root in FIELDS and name != "citationStyles.bibtex" and "." not in rest


def cut(paper: Fields, names: Sequence[str]) -> Fields:
    """Return the fields of a paper that are asked for, null where it has none."""
    found: Fields = {"paperId": paper["paperId"]}
    inner: dict[str, set[str]] = {}
    for name in names:
        root, _, rest = name.partition(".")
        found[root] = paper.get(root)
        inner.setdefault(root, set()).add(rest)
    if isinstance(found.get("authors"), list):
        wanted = inner["authors"] | _EVERY_AUTHOR
        found["authors"] = [
            {key: value for key, value in author.items() if key in wanted}
            for author in found["authors"]
        ]
    return found
