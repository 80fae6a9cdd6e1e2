"""The works of the local OpenAlex, indexed by identifier and encoded only once."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

import msgspec
from msgspec import Raw, Struct

from jobrunner.demo.record_files import Fields
from jobrunner.demo.title_index import TitleIndex

MOST_AUTHORS = 100
"""Maximum number of authors of a work in a list; a single work has all of them."""

SELECTABLE = (
    "id", "doi", "title", "display_name", "relevance_score", "publication_year",
    "publication_date", "ids", "language", "primary_location", "sources", "type", "type_crossref",
    "indexed_in", "open_access", "authorships", "institution_assertions", "institutions",
    "countries_distinct_count", "institutions_distinct_count", "corresponding_author_ids",
    "corresponding_institution_ids", "apc_list", "apc_paid", "fwci", "is_authors_truncated",
    "has_fulltext", "fulltext_origin", "cited_by_count", "citation_normalized_percentile",
    "cited_by_percentile_year", "biblio", "is_retracted", "is_paratext", "is_xpac",
    "primary_topic", "topics", "keywords", "concepts", "mesh", "locations_count", "locations",
    "best_oa_location", "sustainable_development_goals", "awards", "funders", "datasets",
    "versions", "has_content", "content_urls", "referenced_works_count", "referenced_works",
    "related_works", "abstract_inverted_index", "cited_by_api_url", "counts_by_year",
    "updated_date", "created_date",
)  # fmt: skip
"""The root fields of a work that ``select`` accepts."""

_WORK_ID = re.compile(r"W\d{2,}", re.IGNORECASE)
_ARRAY = msgspec.json.Decoder(list[Raw])
_OBJECT = msgspec.json.Decoder(dict[str, Raw])


class _Entry(Struct, frozen=True, kw_only=True):
    """A stored work. ``keys`` holds the index and value of every identifier that finds it."""

    id: str
    title: str
    year: int | None
    cited_by_count: int
    is_xpac: bool
    keys: set[tuple[str, str]]
    body: bytes


class Works:
    """All works in list order, most cited first.

    ``merged`` maps retired ids to the ids that replaced them. ``xpac`` holds the positions of works
    that lists omit by default.
    """

    def __init__(self, works: Iterable[Fields], merged: Mapping[str, str] | None = None) -> None:
        self.merged = {old.upper(): new.upper() for old, new in (merged or {}).items()}
        self.ids: list[str] = []
        self.xpac: set[int] = set()
        self.years: list[int | None] = []
        self._all_titles: list[str] = []
        self._bodies: list[bytes] = []
        self._by: dict[str, dict[str, list[int]]] = {}
        self._cut: dict[tuple[tuple[str, ...], bool], dict[int, bytes]] = {}
        self._guard = threading.Lock()
        for entry in sorted(self._entries(works), key=lambda e: (-e.cited_by_count, e.id)):
            self._add(entry)

    def _entries(self, works: Iterable[Fields]) -> Iterable[_Entry]:
        """Return the works with a valid id; the last one wins if an id is repeated."""
        entries: dict[str, _Entry] = {}
        for work in works:
            identifier = work_id(str(work.get("id")))
            if identifier and identifier not in self.merged:
                entries[identifier] = _entry(identifier, work)
        return entries.values()

    def _add(self, entry: _Entry) -> None:
        place = len(self.ids)
        self.ids.append(entry.id)
        self.years.append(entry.year)
        self._all_titles.append(entry.title)
        if entry.is_xpac:
            self.xpac.add(place)
        self._bodies.append(entry.body)
        for field, value in entry.keys:
            self._by.setdefault(field, {}).setdefault(value, []).append(place)

    def __len__(self) -> int:
        return len(self.ids)

    def at(self, field: str, value: str) -> list[int]:
        """Return the positions of the works with an identifier, in list order."""
        return self._by.get(field, {}).get(value, [])

    @property
    def titles(self) -> TitleIndex:
        """The index of the titles, built on first use."""
        with self._guard:
            return self._titles

    @cached_property
    def _titles(self) -> TitleIndex:
        return TitleIndex(self._all_titles)

    def encoded(self, place: int, select: tuple[str, ...], *, listed: bool) -> bytes:
        """Return the selected fields of a work as JSON; an empty ``select`` means all fields."""
        bodies = self._cut.setdefault((select, listed), {})
        body = bodies.get(place)
        if body is None:
            body = bodies[place] = _cut(self._bodies[place], select, listed=listed)
        return body


def work_id(text: str) -> str | None:
    """Return the first id of a work in a text ('W2741809807'), in upper case."""
    match = _WORK_ID.search(text)
    return match[0].upper() if match else None


def with_score(body: bytes, score: float) -> bytes:
    """Return an encoded work with its relevance score added."""
    comma = b"," if len(body) > 2 else b""
    return b'%b%b"relevance_score":%g}' % (body[:-1], comma, 1000 * score)


def _cut(body: bytes, select: tuple[str, ...], *, listed: bool) -> bytes:
    fields = _OBJECT.decode(body)
    if listed and "authorships" in fields:
        authors = msgspec.json.decode(fields["authorships"])
        if isinstance(authors, list) and len(authors) > MOST_AUTHORS:
            fields["authorships"] = Raw(msgspec.json.encode(authors[:MOST_AUTHORS]))
            fields["is_authors_truncated"] = Raw(b"true")
    if select:
        fields = {name: fields[name] for name in select if name in fields}
    return msgspec.json.encode(fields)


def _entry(identifier: str, work: Fields) -> _Entry:
    known = {name: work[name] for name in SELECTABLE if name in work}
    known.pop("relevance_score", None)
    return _Entry(
        id=identifier,
        title=_title_of(work),
        year=_number(work, "publication_year"),
        cited_by_count=_number(work, "cited_by_count") or 0,
        is_xpac=bool(work.get("is_xpac")),
        keys={("openalex", identifier), *_keys(work)},
        body=msgspec.json.encode(known),
    )


def _number(work: Fields, name: str) -> int | None:
    value = work.get(name)
    return value if isinstance(value, int) else None


def _title_of(work: Fields) -> str:
    title = work.get("title")
    return title if isinstance(title, str) else ""


def _keys(work: Fields) -> Iterator[tuple[str, str]]:
    """Yield every identifier by which a filter can find a work, as the index spells it."""
    ids = work.get("ids") or {}
    for doi in filter(None, (work.get("doi"), ids.get("doi"))):
        yield "doi", full_doi(str(doi))
    for field in ids.keys() & {"pmid", "pmcid", "mag"}:
        yield field, str(ids[field]).lower()
    for location in filter(None, (work.get("primary_location"), *(work.get("locations") or []))):
        yield "location", (location.get("landing_page_url") or "").lower()


def full_doi(value: str) -> str:
    """Return a DOI in the form that works use: a URL in lower case."""
    value = value.lower()
    return value if "doi.org" in value else f"https://doi.org/{value}"
