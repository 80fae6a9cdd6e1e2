"""Readers for JSON fields, which often differ from a service's documentation.

Most readers take an object and the name of a field. A scalar of the wrong type counts as absent.
A container of the wrong type makes the record unreadable, because nothing in it can be trusted.
Readers whose names begin with ``as_`` take the value itself: an element of a list, or a whole
answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from jobrunner.errors import UnreadableError
from jobrunner.identifiers.schemes import normalise
from jobrunner.sources.markup import without_label, without_markup

Fields = dict[str, object]
"""A JSON object: values by field name."""

LARGEST_COUNT = 2**53
"""Larger counts are errors; JSON readers with double precision cannot hold them either."""

_MOST_DIGITS = len(str(LARGEST_COUNT))

_DATE = re.compile(r"[12]\d{3}(?:-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12]\d|3[01]))?)?")
_ORCID = re.compile(r"\d{4}-\d{4}-\d{4}-\d{3}[\dX]")


# ---- containers


def fields(data: Fields, name: str) -> Fields:
    """Return the object in a field, {} for null; raise :class:`UnreadableError` otherwise."""
    value = data.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise UnreadableError(f"{name} is not an object")
    return value


def rows(data: Fields, name: str) -> list[Fields]:
    """Return the objects in a list, [] for null; other elements are skipped."""
    return [item for item in _list(data, name) if isinstance(item, dict)]


def texts(data: Fields, name: str) -> list[str]:
    """Return the texts in a list, [] for null; empty texts and other elements are skipped."""
    cleaned = map(as_text, _list(data, name))
    return [value for value in cleaned if value]


def _list(data: Fields, name: str) -> list[object]:
    value = data.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise UnreadableError(f"{name} is not a list")
    return value


def as_fields(value: object) -> Fields:
    """Return a JSON object, {} for anything else: for fields that a record does not need."""
    return value if isinstance(value, dict) else {}


# ---- texts


def text(data: Fields, name: str) -> str | None:
    """Return a text with its white space collapsed, None if there is none."""
    return as_text(data.get(name))


def as_text(value: object) -> str | None:
    """Return a value as :func:`text` returns a field."""
    if not isinstance(value, str):
        return None
    return " ".join(value.split()) or None


def plain(data: Fields, name: str) -> str | None:
    """Return a text without markup and entities, None if there is none."""
    return as_plain(data.get(name))


def as_plain(value: object) -> str | None:
    """Return a value as :func:`plain` returns a field."""
    if not isinstance(value, str):
        return None
    if "<" in value or "&" in value:  # most texts have neither: skipping them is faster
        value = without_markup(value)
    return " ".join(value.split()) or None


def plain_title(data: Fields, *names: str) -> str:
    """Return the first non-empty field of these, without markup; '' if all are empty.

    A title that is not a text makes the record unreadable, because matching needs titles.
    """
    value: object = None
    for name in names:
        value = data.get(name)
        if value:
            break
    if value is not None and not isinstance(value, str):
        raise UnreadableError("title is not text")
    return as_plain(value) or ""


def abstract(data: Fields, name: str) -> str | None:
    """Return an abstract as plain text, without a leading 'Abstract'."""
    return as_abstract(data.get(name))


def as_abstract(value: object) -> str | None:
    """Return a value as :func:`abstract` returns a field."""
    words = as_plain(value)
    return as_text(without_label(words)) if words else None


def unique(values: Iterable[str | None]) -> tuple[str, ...]:
    """Return the distinct non-empty values, in order."""
    return tuple(dict.fromkeys(value for value in values if value))


# ---- identifiers


def identifier(data: Fields, name: str, scheme: str) -> str | None:
    """Return an identifier in canonical form, None if it is invalid."""
    return as_identifier(data.get(name), scheme)


def as_identifier(value: object, scheme: str) -> str | None:
    """Return a value as :func:`identifier` returns a field."""
    written = as_text(value)
    return normalise(scheme, written) if written else None


def orcid(data: Fields, name: str) -> str | None:
    """Return the bare ORCID iD in a text, such as its URL."""
    match = _ORCID.search(text(data, name) or "")
    return match[0] if match else None


def present(identifiers: Mapping[str, str | None]) -> dict[str, str]:
    """Return the non-empty identifiers by scheme."""
    return {scheme: value for scheme, value in identifiers.items() if value}


def distinct(identifiers: Iterable[object]) -> int:
    """Count distinct records by identifier; each record without one counts separately."""
    named, nameless = set[str](), 0
    for value in identifiers:
        written = as_text(value)
        if written is None:
            nameless += 1
        else:
            named.add(written.lower())
    return len(named) + nameless


# ---- numbers and dates


def number(data: Fields, name: str) -> int | None:
    """Return a non-negative whole number; it may be written as text or as 3.0."""
    return as_number(data.get(name))


def as_number(value: object) -> int | None:
    """Return a value as :func:`number` returns a field."""
    if isinstance(value, str):
        value = _in_digits(value)
    elif isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value < LARGEST_COUNT else None


def _in_digits(value: str) -> int | None:
    """Return a text of digits as a number, None for other texts and for too many digits."""
    if len(value) > _MOST_DIGITS or not value.isascii() or not value.isdigit():
        return None
    return int(value)


def year(data: Fields, name: str) -> int | None:
    """Return a plausible year of publication: 1000 to 2999."""
    return as_year(data.get(name))


def as_year(value: object) -> int | None:
    """Return a value as :func:`year` returns a field."""
    found = as_number(value)
    return found if found is not None and 1000 <= found <= 2999 else None


def date(data: Fields, name: str) -> str | None:
    """Return a date as ``2024``, ``2024-05`` or ``2024-05-01``, None if it is not a date."""
    match = _DATE.match(text(data, name) or "")
    return match[0] if match else None
