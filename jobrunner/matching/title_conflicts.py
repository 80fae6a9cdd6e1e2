"""Finds conflicts between similar titles that exclude that they are of one work."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from jobrunner.matching.title_normalisation import LONGEST, normalise_title
from jobrunner.matching.title_similarity import TitleRelation

_NUMBER = re.compile(r"[0-9]+")
_ROMAN = {"ii": "2", "iii": "3", "iv": "4", "vi": "6", "vii": "7", "viii": "8", "ix": "9"}
_ROMAN_LETTERS = {"i": "1", "v": "5", "x": "10"}
"""These can be words or symbols: they count as numbers after "part" and at the end of a title."""

_SPELT = {
    "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6",
    "first": "1", "second": "2", "third": "3", "fourth": "4", "1st": "1", "2nd": "2", "3rd": "3",
}  # fmt: skip
"""These count as numbers only after "part": titles contain "two" in other senses."""

_AFTER_PART = {**_ROMAN, **_ROMAN_LETTERS, **_SPELT}
_PARTS = frozenset(
    ("part", "volume", "vol", "chapter", "section", "no", "paper", "book", "version")
)
_NEGATIONS = frozenset(("not", "no", "non", "without", "never", "cannot", "against", "nor"))
_NEGATABLE = frozenset((TitleRelation.NEAR, TitleRelation.WORD, TitleRelation.PART))
"""Not SUBTITLE: a subtitle can contain a "not" that the main title lacks."""

_WORDS_OF_A_PART = 2
"""Words at the start of a subtitle that can name a part: "part two", "the book"."""

_KINDS = {
    "erratum": (
        r"^\W*(?:author |publisher )?(?:errat(?:um|a)|corrigend(?:um|a)|correction)\b"
        r"|\b(?:erratum|corrigendum|a correction)\W*$|[\[(](?:erratum|corrigendum|correction)"
    ),
    "retraction": (
        r"^\W*(?:retraction|withdrawal|expression of concern|notice of retraction)\b"
        r"(?:\W*$|:| (?:note|notice|of|to)\b)"
    ),
    "reply": (
        r"[\[(:—–-]\s*(?:the )?(?:authors?['’]?s?['’]? )?(?:reply|response|rejoinder)\s*"
        r"(?:[\])]|$|to\b)|^\W*(?:(?:the )?authors?['’]?s?['’]? )?"
        r"(?:reply|rejoinder|response)\W*(?:to\b|:|$)"
    ),
    "comment": (
        r"^\W*(?:comments?|discussion|commentary|remarks?|a note) (?:on|of|to)\b"
        r"|[\[(:—–-]\s*(?:comments?|discussion|commentary)\s*[\])]?\s*$"
    ),
    "review": r"^\W*(?:book review|review of)\b|[\[(:]\s*(?:book )?review\s*[\])]?\s*$",
    "supplement": (
        r"^\W*(?:supplement(?:ary|al)? (?:to|for|materials?|information|data)\b"
        r"|(?:data|code|dataset|figure|table \w+) (?:for|from)[: ])|^\W*figure \d"
    ),
}
_KIND_PATTERNS = tuple((kind, re.compile(text, re.IGNORECASE)) for kind, text in _KINDS.items())


def conflict_between(left: str, right: str, relation: TitleRelation) -> str:
    """Return what excludes that two related titles are of one work, '' if nothing does."""
    if kinds_of(left) != kinds_of(right):
        return "kind"
    one, two = normalise_title(left).split(), normalise_title(right).split()
    if _are_numbered_apart(one, two, relation):
        return "number"
    if _signs(one) != _signs(two):
        return "sign"
    if relation in _NEGATABLE and _NEGATIONS.intersection(one) != _NEGATIONS.intersection(two):
        return "negation"
    return ""


def kinds_of(title: str) -> frozenset[str]:
    """Return the kinds that a title states ('erratum', 'reply', ...); none for articles."""
    title = title[:LONGEST]
    return frozenset(kind for kind, pattern in _KIND_PATTERNS if pattern.search(title))


def _are_numbered_apart(one: Sequence[str], two: Sequence[str], relation: TitleRelation) -> bool:
    if relation is TitleRelation.SAME or numbers_of(one) == numbers_of(two):
        return False
    if relation is not TitleRelation.SUBTITLE:
        return True
    # A subtitle can contain a number ("a survey of 2020") if it does not number a part.
    shorter, longer = sorted((one, two), key=len)
    beginning = longer[len(shorter) :][:_WORDS_OF_A_PART]
    return not _PARTS.isdisjoint(beginning)


def numbers_of(words: Sequence[str]) -> tuple[str, ...]:
    """Return the numbers in a title, sorted: digits, Roman numerals and "part two"."""
    numbers: list[str] = []
    for previous, word in pairwise(("", *words)):
        names = _AFTER_PART if previous in _PARTS else _ROMAN
        if word in names:
            numbers.append(names[word])
        elif not word.isalpha():  # most words contain no digit, and the pattern is slow
            numbers += [digits.lstrip("0") or "0" for digits in _NUMBER.findall(word)]
    if len(words) > 1 and words[-2] not in _PARTS and words[-1] in _ROMAN_LETTERS:
        numbers.append(_ROMAN_LETTERS[words[-1]])
    return tuple(sorted(numbers))


def _signs(words: Sequence[str]) -> list[str]:
    """Return the words that differ from others only by a sign: "C++", "C#"."""
    return sorted(word for word in words if word.endswith(("++", "#")))
