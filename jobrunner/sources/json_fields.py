"""Reading fields of JSON that services promise less firmly than their documentation says.

A scalar of the wrong type counts as absent. A container of the wrong type makes the record
unreadable: then nothing in it can be trusted.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

from jobrunner.errors import UnreadableError

Fields = dict[str, object]

LARGEST_COUNT = 2**53
"""Counts beyond this are errors; JSON readers elsewhere could not hold them either."""

_TAG = re.compile(
    r"</?(?:[a-z]+\d?:[\w-]+|i|b|em|emph|strong|bold|italic|roman|sub|sup|sc|scp|tt|u|a|p|br|span|"
    r"div|title|sec|list|list-item|ul|ol|li|h[1-6]|font|inf|label|inline-formula|inline-graphic|"
    r"disp-formula|alternatives|tex-math|"
    r"math|m[ionsx]|mrow|msub|msup|msubsup|mfrac|mtext|mspace|mover|munder|msqrt|mstyle|mfenced)"
    r"(?:\s+[\w:-]+\s*=[^<>]*)?\s*/?>"
    r"|<\?[^<>]*>",
    re.IGNORECASE,
)
_BLOCK = re.compile(r"</?(?:\w+:)?(?:p|br|div|title|sec|list-item|li|h[1-6])\b", re.IGNORECASE)
_FORMULA = re.compile(r"<(/?)(?:\w+:)?math\b", re.IGNORECASE)
_TEX_BESIDE_MATHML = re.compile(
    r"<((?:\w+:)?tex-math)\b[^<>]*>.{0,2000}?</\1>(?=\s*<(?:\w+:)?math\b)",
    re.IGNORECASE | re.DOTALL,
)
_ABSTRACT = re.compile(
    r"^\W*(?:(?:abstract|ABSTRACT|Abstract)"
    r"(?:\s*[:.\-–—]\s*|\s+(?=[^a-z\s]|[a-z]{1,3}[A-Z0-9])|(?<=[a-z])(?=[A-Z])))+"
)
_MOST_ESCAPES = 3


def fields(value: object, name: str) -> Fields:
    """Return an object of JSON, {} for null."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise UnreadableError(f"{name} is not an object")
    return value


def rows(value: object, name: str) -> list[Fields]:
    """Return the objects in a list, [] for null; other elements are left out."""
    return [item for item in _list(value, name) if isinstance(item, dict)]


def texts(value: object, name: str) -> list[str]:
    """Return the non-empty texts in a list, [] for null."""
    return [found for item in _list(value, name) if (found := text(item))]


def _list(value: object, name: str) -> list[object]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise UnreadableError(f"{name} is not a list")
    return value


def text(value: object) -> str | None:
    """Return text without spaces around it and line breaks in it, None if there is none."""
    if not isinstance(value, str):
        return None
    return " ".join(value.split()) or None


def plain(value: object) -> str | None:
    """Return text without markup and entities (which Crossref members escape up to thrice)."""
    if not isinstance(value, str):
        return None
    found = value
    for _ in range(_MOST_ESCAPES):
        if "&" in found:
            found = html.unescape(found)
    if "<" in found:
        found = _TAG.sub(_without_tag, _TEX_BESIDE_MATHML.sub("", found))
    return text(found)


def _without_tag(tag: re.Match[str]) -> str:
    """Return what stands for a tag: a space where leaving it out would join words."""
    formula = _FORMULA.match(tag[0])
    if formula is None:
        return " " if _BLOCK.match(tag[0]) else ""
    start, end = tag.span()
    before, after = tag.string[max(0, start - 2) : start], tag.string[end : end + 1]
    joins = (
        after.isalpha()
        if formula[1]
        else len(before) == 2 and before.isalpha() and before.islower()
    )
    return " " if joins else ""


def abstract(value: object) -> str | None:
    """Return an abstract as plain text without the word 'Abstract' in front."""
    found = plain(value)
    return text(_ABSTRACT.sub("", found, count=1)) if found else None


def number(value: object) -> int | None:
    """Return a non-negative whole number, also one that is written as text or as 3.0."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 17:
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and 0 <= value < LARGEST_COUNT else None


def year(value: object) -> int | None:
    """Return a year that a paper can have."""
    found = number(value)
    return found if found is not None and 1000 <= found <= 2999 else None


def unique(values: Iterable[str | None]) -> tuple[str, ...]:
    """Return the values that are there, each once, in order."""
    return tuple(dict.fromkeys(value for value in values if value))


def distinct(identifiers: Iterable[object]) -> int:
    """Count records by their identifiers, those without one each for itself."""
    named, nameless = set[str](), 0
    for identifier in identifiers:
        found = text(identifier)
        if found is None:
            nameless += 1
        else:
            named.add(found.lower())
    return len(named) + nameless


def date(value: object) -> str | None:
    """Return a date as ``2024``, ``2024-05`` or ``2024-05-01``, None if it is none."""
    found = text(value)
    match = re.match(r"[12]\d{3}(?:-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12]\d|3[01]))?)?", found or "")
    return match[0] if match else None
