"""Reading fields of JSON that services promise less firmly than their documentation says.

Most readers take an object and the name of a field. A scalar of the wrong type counts as absent.
A container of the wrong type makes the record unreadable: then nothing in it can be trusted. The
readers whose names begin with ``as_`` take a value that stands in no field, or not in one of its
own: an element of a list, or a whole answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from jobrunner.errors import UnreadableError
from jobrunner.identifiers.schemes import normalise
from jobrunner.sources.markup import without_label, without_markup

Fields = dict[str, object]
"""An object of JSON: values by the names of its fields."""

LARGEST_COUNT = 2**53
"""Counts beyond this are errors; JSON readers elsewhere could not hold them either."""

_MOST_DIGITS = len(str(LARGEST_COUNT))

_DATE = re.compile(r"[12]\d{3}(?:-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12]\d|3[01]))?)?")
_ORCID = re.compile(r"\d{4}-\d{4}-\d{4}-\d{3}[\dX]")


# ---- containers


def fields(data: Fields, name: str) -> Fields:
    """Return the object in a field, {} for null. Raises :class:`UnreadableError` for others."""
    value = data.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise UnreadableError(f"{name} is not an object")
    return value


def rows(data: Fields, name: str) -> list[Fields]:
    """Return the objects in a list, [] for null; other elements are left out."""
    return [item for item in _list(data, name) if isinstance(item, dict)]


def texts(data: Fields, name: str) -> list[str]:
    """Return the texts in a list, [] for null; empty ones and other elements are left out."""
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
    """Return an object of JSON, {} for anything else: for what a record can be read without."""
    return value if isinstance(value, dict) else {}


# ---- texts


def text(data: Fields, name: str) -> str | None:
    """Return a text without spaces around it and line breaks in it, None if there is none."""
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
    if "<" in value or "&" in value:  # most texts have none: not to look closer is faster
        value = without_markup(value)
    return " ".join(value.split()) or None


def plain_title(data: Fields, *names: str) -> str:
    """Return the first of these fields that is filled, without markup; '' if none is.

    A title that is no text makes the record unreadable: matching rests on titles.
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
    """Return an abstract as plain text without the word 'Abstract' in front."""
    return as_abstract(data.get(name))


def as_abstract(value: object) -> str | None:
    """Return a value as :func:`abstract` returns a field."""
    words = as_plain(value)
    return as_text(without_label(words)) if words else None


def unique(values: Iterable[str | None]) -> tuple[str, ...]:
    """Return the values that are there, each once, in order."""
    return tuple(dict.fromkeys(value for value in values if value))


# ---- identifiers


def identifier(data: Fields, name: str, scheme: str) -> str | None:
    """Return an identifier as jobrunner writes those of the scheme, None if it is none."""
    return as_identifier(data.get(name), scheme)


def as_identifier(value: object, scheme: str) -> str | None:
    """Return a value as :func:`identifier` returns a field."""
    written = as_text(value)
    return normalise(scheme, written) if written else None


def orcid(data: Fields, name: str) -> str | None:
    """Return the bare ORCID in a text, such as a URL of it."""
    match = _ORCID.search(text(data, name) or "")
    return match[0] if match else None


def present(identifiers: Mapping[str, str | None]) -> dict[str, str]:
    """Return the identifiers that are there, by scheme."""
    return {scheme: value for scheme, value in identifiers.items() if value}


def distinct(identifiers: Iterable[object]) -> int:
    """Count records by their identifiers, those without one each for itself."""
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
    """Return a non-negative whole number, also one that is written as text or as 3.0."""
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
    """Return the number that a text of digits is; longer ones are not even tried."""
    if len(value) > _MOST_DIGITS or not value.isascii() or not value.isdigit():
        return None
    return int(value)


def year(data: Fields, name: str) -> int | None:
    """Return a year that a paper can have."""
    return as_year(data.get(name))


def as_year(value: object) -> int | None:
    """Return a value as :func:`year` returns a field."""
    found = as_number(value)
    return found if found is not None and 1000 <= found <= 2999 else None


def date(data: Fields, name: str) -> str | None:
    """Return a date as ``2024``, ``2024-05`` or ``2024-05-01``, None if it is none."""
    match = _DATE.match(text(data, name) or "")
    return match[0] if match else None
