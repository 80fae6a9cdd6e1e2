"""The filter language of OpenAlex: parsed strictly, then applied to works.

Rules: https://developers.openalex.org/api-reference/works and the source of the server,
ourresearch/openalex-elastic-api.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from jobrunner.demo.openalex.works import Facts, Works, full_doi, work_id
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
"""Filters by identifier, and the index that answers them."""

SEARCHES = ("title.search", "display_name.search")
RANGES: dict[str, Callable[[Facts], float | None]] = {
    "publication_year": lambda facts: facts.year,
    "cited_by_count": lambda facts: facts.cited_by_count,
}
TERMS: dict[str, Callable[[Facts], str]] = {
    "type": lambda facts: facts.kind,
    "language": lambda facts: facts.language,
    "publication_date": lambda facts: facts.date,
}
PREFIXES: dict[str, Callable[[Facts], str]] = {"doi_starts_with": lambda facts: facts.doi}
BOOLEANS = (
    "has_abstract", "has_doi", "has_fulltext", "has_pmcid", "has_pmid", "has_references", "is_oa",
    "is_paratext", "is_retracted", "is_xpac",
)  # fmt: skip

FIELDS = sorted((*IDENTIFIERS, *SEARCHES, *RANGES, *TERMS, *PREFIXES, *BOOLEANS))
_FIELD_INSIDE = re.compile("|".join(re.escape(f"{name}:") for name in FIELDS))
_SEGMENT = re.compile(r'(?:[^,"]|"[^"]*"?)+')
_BASES = {
    "pmid": "https://pubmed.ncbi.nlm.nih.gov/",
    "pmcid": "https://www.ncbi.nlm.nih.gov/pmc/articles/",
}


class BadQueryError(Exception):
    """A request that the server refuses. ``edge``: already its gateway does, at no price."""

    def __init__(
        self, message: str, *, error: str = "Invalid query parameters error.", edge: bool = False
    ) -> None:
        super().__init__(message)
        self.message = message
        self.error = error
        self.edge = edge


class Condition(Struct, frozen=True, kw_only=True):
    """One part of a filter: any of the values, or with ``negated`` none of them."""

    field: str
    values: tuple[str, ...]
    negated: bool = False


def split(text: str) -> list[tuple[str, str]]:
    """Return the fields and values of a filter; a comma separates unless it is quoted."""
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
        check_search(value)
    negated = value.startswith("!")
    values = tuple(value.removeprefix("!").split("|"))
    if len(values) > 1:
        _check_values(field, value, values)
    if NO_VALUES.intersection(entry.strip().lower() for entry in values):
        raise BadQueryError(f"Invalid value for filter {field}: {value[:100]!r}")
    return Condition(field=field, values=values, negated=negated)


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


def check_search(text: str) -> None:
    """Raise :class:`BadQueryError` for a text that the search engine does not take."""
    if len(text) > LONGEST_SEARCH:
        raise BadQueryError(
            f"The search is {len(text)} characters long.", error="Search query too long"
        )
    words = text.split()
    if any(word.startswith("!") for word in words):
        raise BadQueryError(
            f"Search filters do not support the ! operator. Problem value: {text[:100]}"
        )
    if any(c in word for word in words for c in "*?~"):
        raise BadQueryError(f"This form of wildcard is not supported. Problem value: {text[:100]}")


def find(works: Works, conditions: Sequence[Condition], searches: Sequence[str]) -> list[Hit]:
    """Return the works that meet all conditions and hold all words of the searches.

    With a search the best comes first, otherwise the most cited. Raises :class:`BadQueryError`.
    """
    found: dict[int, float] | None = None
    for text in searches:
        found = _both(found, {hit.place: hit.score for hit in works.titles.holding_all(text)})
    for condition in conditions:
        if condition.field in SEARCHES:
            found = _both(found, _searched(works, condition))
    for condition in conditions:
        if condition.field in IDENTIFIERS:
            found = _identified(works, condition, found)
    ranked = found is not None and (searches or any(c.field in SEARCHES for c in conditions))
    places: Iterable[int] = range(len(works)) if found is None else found
    tests = [_test(c) for c in conditions if c.field not in IDENTIFIERS and c.field not in SEARCHES]
    hits = [
        Hit(place, (found or {}).get(place, 0.0))
        for place in places
        if all(test(works.facts[place]) for test in tests)
    ]
    return sorted(hits, key=lambda hit: (-hit.score if ranked else 0, hit.place))


def _both(first: dict[int, float] | None, second: dict[int, float]) -> dict[int, float]:
    if first is None:
        return second
    return {place: min(score, second[place]) for place, score in first.items() if place in second}


def _searched(works: Works, condition: Condition) -> dict[int, float]:
    scores: dict[int, float] = {}
    for text in condition.values:
        for place, score in works.titles.holding_all(text):
            scores[place] = max(score, scores.get(place, 0.0))
    return scores


def _identified(
    works: Works, condition: Condition, found: dict[int, float] | None
) -> dict[int, float]:
    index = IDENTIFIERS[condition.field]
    places = {
        place for value in condition.values for place in works.at(index, _indexed(index, value))
    }
    if condition.negated:
        places = set(range(len(works))) - places
    if found is None:
        return dict.fromkeys(places, 0.0)
    return {place: score for place, score in found.items() if place in places}


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


def _test(condition: Condition) -> Callable[[Facts], bool]:
    """Return the test that a condition without an index puts to a work."""
    field = condition.field
    if field in RANGES:
        tests = [_range_test(field, value) for value in condition.values]
    elif field in BOOLEANS:
        tests = [_boolean_test(field, value) for value in condition.values]
    else:
        tests = [_text_test(field, value.lower()) for value in condition.values]
    return lambda facts: any(test(facts) for test in tests) is not condition.negated


def _range_test(field: str, value: str) -> Callable[[Facts], bool]:
    lowest, highest = _bounds(field, value)
    of = RANGES[field]
    return lambda facts: (found := of(facts)) is not None and lowest <= found <= highest


def _bounds(field: str, value: str) -> tuple[float, float]:
    """Return the bounds of '2020', '2018-2022', '2018-', '-2022', '>2018' or '<2022'."""
    first, dash, last = value.partition("-")
    try:
        if value.startswith(">"):
            return float(value[1:]) + 1, float("inf")
        if value.startswith("<"):
            return float("-inf"), float(value[1:]) - 1
        lowest = float(first) if first else float("-inf")
        if not dash:
            return lowest, lowest
        return lowest, float(last) if last else float("inf")
    except ValueError:
        raise BadQueryError(f"Value for param {field} must be a number.") from None


def _boolean_test(field: str, value: str) -> Callable[[Facts], bool]:
    if value.lower() not in ("true", "false"):
        raise BadQueryError(f"Value for {field} must be true or false, not {value.lower()}.")
    wanted = value.lower() == "true"
    return lambda facts: (field in facts.true) is wanted


def _text_test(field: str, value: str) -> Callable[[Facts], bool]:
    if field in PREFIXES:
        return lambda facts: PREFIXES[field](facts).startswith(value)
    return lambda facts: TERMS[field](facts).lower() == value
