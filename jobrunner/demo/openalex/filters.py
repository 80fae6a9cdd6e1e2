"""The filter language of OpenAlex: parses filters strictly and applies them to works.

Rules: https://developers.openalex.org/api-reference/works and the source of the server,
ourresearch/openalex-elastic-api. The real server knows many more fields; this one supports those
that jobrunner uses. It refuses all others, and negations.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import chain

from msgspec import Struct

from jobrunner.demo.openalex.works import Works, full_doi, work_id
from jobrunner.demo.title_index import Hit

MOST_VALUES = 100
LONGEST_SEARCH = 1500
NO_VALUES = {"", "none", "undefined"}

IDENTIFIERS = {
    "doi": "doi",
    "openalex": "openalex",
    "openalex_id": "openalex",
    "ids.openalex": "openalex",
    "pmid": "pmid",
    "ids.pmid": "pmid",
    "pmcid": "pmcid",
    "ids.pmcid": "pmcid",
    "mag": "mag",
    "ids.mag": "mag",
    "locations.landing_page_url": "location",
}
"""Filters by identifier, and the index for each."""

SEARCHES = ("title.search", "display_name.search")
YEAR = "publication_year"
FIELDS = sorted((*IDENTIFIERS, *SEARCHES, YEAR))
EXACT = 1.0
"""The score of a work that matches by identifier."""

_FIELD_INSIDE = re.compile("|".join(re.escape(f"{name}:") for name in FIELDS))
_SEGMENT = re.compile(r'(?:[^,"]|"[^"]*"?)+')
_NEGATED_WORD = re.compile(r"(?<!\S)!")
_WILDCARD = re.compile(r"[*?~]")
_BASES = {
    "pmid": "https://pubmed.ncbi.nlm.nih.gov/",
    "pmcid": "https://www.ncbi.nlm.nih.gov/pmc/articles/",
}


class BadQueryError(Exception):
    """A request that the server refuses. ``edge``: its gateway refuses it, free of charge."""

    def __init__(
        self, message: str, *, error: str = "Invalid query parameters error.", edge: bool = False
    ) -> None:
        super().__init__(message)
        self.message = message
        self.error = error
        self.edge = edge


class Condition(Struct, frozen=True, kw_only=True):
    """One part of a filter: a field that must have one of the values."""

    field: str
    values: tuple[str, ...]


def split(text: str) -> list[tuple[str, str]]:
    """Return the fields and values of a filter, split at commas outside quotes."""
    parts = []
    for segment in _SEGMENT.findall(text):
        field, colon, value = segment.partition(":")
        if not colon:
            raise BadQueryError(f"Invalid query parameter in {segment}.", edge=True)
        parts.append((field.replace("-", "_"), value))
    return parts


def parse(text: str) -> list[Condition]:
    """Return the conditions of a filter. Raises :class:`BadQueryError`."""
    return [_condition(field, value) for field, value in split(text)]


def _condition(field: str, value: str) -> Condition:
    if field not in FIELDS:
        raise BadQueryError(
            f"{field} is not a valid field. Valid fields are underscore or hyphenated versions of: "
            + ", ".join(FIELDS)
        )
    if field in SEARCHES:
        _check_search(value)
    values = tuple(value.split("|"))
    if len(values) > 1:
        _check_values(field, value, values)
    if value.startswith("!") or NO_VALUES.intersection(map(_folded, values)):
        raise BadQueryError(f"Invalid value for filter {field}: {value[:100]!r}")
    return Condition(field=field, values=values)


def _folded(value: str) -> str:
    return value.strip().lower()


def _check_values(field: str, value: str, values: Sequence[str]) -> None:
    if len(values) > MOST_VALUES:
        raise BadQueryError(
            f"Maximum number of values exceeded for {field}. Decrease values to {MOST_VALUES} or "
            "below."
        )
    if _FIELD_INSIDE.search(value):
        raise BadQueryError(
            "It looks like you're trying to do an OR query between filters and it's not supported."
            f" Problem value: {value}"
        )


def _check_search(text: str) -> None:
    """Raise :class:`BadQueryError` for a text that the search engine does not accept."""
    if len(text) > LONGEST_SEARCH:
        raise BadQueryError(
            f"The search is {len(text)} characters long.", error="Search query too long"
        )
    if _NEGATED_WORD.search(text):
        raise BadQueryError(
            f"Search filters do not support the ! operator. Problem value: {text[:100]}"
        )
    if _WILDCARD.search(text):
        raise BadQueryError(f"This form of wildcard is not supported. Problem value: {text[:100]}")


def find(works: Works, conditions: Sequence[Condition], *, with_xpac: bool) -> list[Hit]:
    """Return the works that meet all conditions, sorted by score, then by citations.

    Works of the "xpac" set are omitted unless ``with_xpac``. Raises :class:`BadQueryError`.
    """
    of_years = [condition for condition in conditions if condition.field == YEAR]
    matches = [_matches(works, condition) for condition in conditions if condition.field != YEAR]
    if not matches:
        matches = [dict.fromkeys(range(len(works)), EXACT)]
    places = set(matches[0]).intersection(*matches[1:])
    for condition in of_years:
        places &= _of_years(works, condition, places)
    if not with_xpac:
        places -= works.xpac
    hits = [Hit(place, min(match[place] for match in matches)) for place in places]
    return sorted(hits, key=lambda hit: (-hit.score, hit.place))


def _matches(works: Works, condition: Condition) -> dict[int, float]:
    """Return the positions of the works that meet a condition, with their scores."""
    if condition.field in SEARCHES:
        return _title_matches(works, condition)
    index = IDENTIFIERS[condition.field]
    places = [works.at(index, _indexed(index, value)) for value in condition.values]
    return dict.fromkeys(chain.from_iterable(places), EXACT)


def _title_matches(works: Works, condition: Condition) -> dict[int, float]:
    scores: dict[int, float] = {}
    for text in condition.values:
        for place, score in works.titles.holding_all(text):
            scores[place] = max(score, scores.get(place, 0.0))
    return scores


def _of_years(works: Works, condition: Condition, places: Iterable[int]) -> set[int]:
    """Return the positions of the works that were published in the years of a condition."""
    spans = [_span(value) for value in condition.values]
    return {place for place in places if any(works.years[place] in span for span in spans)}


def _span(value: str) -> range:
    """Return the years in a text such as '2020' or '2018-2022'."""
    first, _, last = value.partition("-")
    try:
        return range(int(first), int(last or first) + 1)
    except ValueError:
        raise BadQueryError(f"Value for param {YEAR} must be a number.") from None


def _indexed(index: str, value: str) -> str:
    """Return an identifier as the index spells it."""
    if index == "openalex":
        identifier = work_id(value)
        if identifier is None:
            raise BadQueryError(f"'{value[:100]}' is not a valid OpenAlex ID.")
        return identifier
    value = value.lower()
    if index == "doi":
        return full_doi(value)
    base = _BASES.get(index, "")
    return value if value.startswith(base) else base + value
