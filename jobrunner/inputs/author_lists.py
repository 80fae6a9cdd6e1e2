"""Author names out of one string, in the orders and separators that people use."""

from __future__ import annotations

import re

_SEMICOLON = re.compile(r"\s*;\s*(?:and\s+|&\s*)?")
_AND = re.compile(r",?\s+(?:and|&)\s+", re.IGNORECASE)
_OTHERS = re.compile(r"[,;]?\s*\b(?:et\.? al\b\.?|and others)\s*$", re.IGNORECASE)
_SUFFIX = re.compile(r"(?:jr|sr|ii|iii|iv|v|inc|ltd|llc|ph\.?d|m\.?d)\.?", re.IGNORECASE)
_INITIALS = re.compile(r"(?:\w\.?[ -]?){1,4}", re.ASCII)


def split_names(text: str) -> list[str]:
    """Split the authors of a paper, given as one string, into display names.

    Separators are ';', 'and' (as BibTeX has it), or ','. "Last, First" is one name and becomes
    "First Last". Where commas alone leave it open, pieces of several words are names of their own.
    """
    text = _OTHERS.sub("", text)
    if ";" in text:
        return [display_name(part) for part in _SEMICOLON.split(text) if part.strip()]
    parts = [part for part in _AND.split(text) if part.strip(" ,")]
    if len(parts) > 1 and all(part.count(",") == 1 for part in parts):
        return [display_name(part) for part in parts]
    return [name for part in parts for name in _split_commas(part)]


def display_name(name: str) -> str:
    """Turn "Last, First" into "First Last", and "Last, Jr., First" likewise."""
    if "," not in name:
        return name.strip()
    match [part.strip() for part in name.split(",")]:
        case [last, first] if last and first and not _SUFFIX.fullmatch(first):
            return f"{first} {last}"
        case [last, suffix, first] if _SUFFIX.fullmatch(suffix):
            return f"{first} {last} {suffix}"
        case [last, first, suffix] if _SUFFIX.fullmatch(suffix):
            return f"{first} {last} {suffix}"
    return name.strip(" ,")


def _split_commas(text: str) -> list[str]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if len(parts) == 2 and _is_one_name(*parts):
        return [display_name(", ".join(parts))]
    if len(parts) == 3 and any(_SUFFIX.fullmatch(part) for part in parts[1:]):
        return [display_name(", ".join(parts))]
    if len(parts) > 2 and len(parts) % 2 == 0 and _alternates(parts):
        return [f"{first} {last}" for last, first in zip(parts[::2], parts[1::2], strict=True)]
    return parts


def _is_one_name(last: str, first: str) -> bool:
    """Tell "Doe, Jane" from "John Smith, Jane Doe"; "van den Berg, Jan Peter" is one name."""
    several_words = " " in last and " " in first
    return not several_words or last[0].islower() or bool(_INITIALS.fullmatch(first))


def _alternates(parts: list[str]) -> bool:
    """Tell "Smith, J., Doe, A." (surnames and initials in turn) from a list of full names."""
    return all(_INITIALS.fullmatch(first) for first in parts[1::2]) or not any(
        " " in part for part in parts
    )
