"""Splits author names in one string, with any of the usual separators and name orders."""

from __future__ import annotations

import re

_SEMICOLON = re.compile(r"\s*;\s*(?:and\s+|&\s*)?")
_AND = re.compile(r",?\s+(?:and|&)\s+", re.IGNORECASE)
_OTHERS = re.compile(r"[,;]?\s*\b(?:et\.? al\b\.?|and others)\s*$", re.IGNORECASE)
_SUFFIX = re.compile(r"(?:jr|sr|ii|iii|iv|v|inc|ltd|llc|ph\.?d|m\.?d)\.?", re.IGNORECASE)
_INITIALS = re.compile(r"(?:\w\.?[ -]?){1,4}", re.ASCII)


def split_names(text: str) -> list[str]:
    """Split the authors of a paper, given as one string, into display names.

    Separators are ';', 'and' (as in BibTeX) or ','. "Last, First" is one name and becomes
    "First Last". If commas are ambiguous, parts with several words are separate names.
    """
    text = _OTHERS.sub("", text)
    if ";" in text:
        return _display_names(_SEMICOLON.split(text))
    parts = [part for part in _AND.split(text) if part.strip(" ,")]
    have_one_comma_each = all(part.count(",") == 1 for part in parts)
    if have_one_comma_each and len(parts) > 1:
        return _display_names(parts)
    names: list[str] = []
    for part in parts:
        names += _split_commas(part)
    return names


def display_name(name: str) -> str:
    """Turn "Last, First" into "First Last", and "Last, Jr., First" into "First Last Jr."."""
    if "," not in name:
        return name.strip()
    parts = [part.strip() for part in name.split(",")]
    if len(parts) == 2:
        last, first = parts
        is_reversed = bool(last and first) and not _is_suffix(first)
        if is_reversed:
            return f"{first} {last}"
    if len(parts) == 3:
        last, second, third = parts
        if _is_suffix(second):
            return f"{third} {last} {second}"
        if _is_suffix(third):
            return f"{second} {last} {third}"
    return name.strip(" ,")


def _display_names(parts: list[str]) -> list[str]:
    return [display_name(part) for part in parts if part.strip()]


def _is_suffix(word: str) -> bool:
    return _SUFFIX.fullmatch(word) is not None


def _split_commas(text: str) -> list[str]:
    """Split a list of names that are separated only by commas."""
    stripped = map(str.strip, text.split(","))
    parts = list(filter(None, stripped))
    if _is_one_name(parts):
        return [display_name(", ".join(parts))]
    if _alternates(parts):
        pairs = zip(parts[::2], parts[1::2], strict=True)
        return [f"{first} {last}" for last, first in pairs]
    return parts


def _is_one_name(parts: list[str]) -> bool:
    """Return whether the parts are one name: "Doe, Jane" or "King, Jr., Martin"."""
    if len(parts) == 2:
        return _is_surname_first(*parts)
    if len(parts) == 3:
        return any(map(_is_suffix, parts[1:]))
    return False


def _is_surname_first(last: str, first: str) -> bool:
    """Return True for "Doe, Jane" and "van den Berg, Jan Peter", not for "John Smith, Jane Doe"."""
    several_words = " " in last and " " in first
    if not several_words:
        return True
    return last[0].islower() or _INITIALS.fullmatch(first) is not None


def _alternates(parts: list[str]) -> bool:
    """Return whether surnames and given names alternate, as in "Smith, J., Doe, A."."""
    if len(parts) <= 2 or len(parts) % 2 == 1:
        return False
    if all(map(_INITIALS.fullmatch, parts[1::2])):
        return True
    return not any(" " in part for part in parts)
