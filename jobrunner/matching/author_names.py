"""Makes author names comparable."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import chain

from jobrunner.matching.latex import without_latex
from jobrunner.matching.title_normalisation import without_accents

LONGEST = 200
"""Most characters of a name that are compared."""

_MOST_WORDS = 8
"""Most words of a name that are compared; longer texts are a sentence or a list."""

_MOST_INITIALS = 3
"""Most letters of a word without vowels that counts as initials, as in "Ullman JDK"."""

_NOT_NAMES = frozenset(
    (
        "jr", "sr", "ii", "iii", "iv", "phd", "md", "dr", "prof", "msc", "esq", "mr", "mrs", "sir",
        "van", "von", "der", "den", "de", "del", "della", "di", "da", "do", "dos", "das", "du",
        "des", "la", "le", "los", "las", "el", "al", "bin", "ibn", "ben", "ter", "ten", "zu", "zur",
        "vom", "af", "av", "e", "y", "och", "und", "and", "the", "st",
    )
)  # fmt: skip
"""Generational suffixes, titles and particles: some spellings of a name omit them."""

_GROUPS = frozenset(
    (
        "collaboration", "consortium", "group", "team", "committee", "project", "network",
        "university", "institute", "society", "association", "investigators", "agency",
        "organization", "organisation", "center", "centre", "council", "department", "initiative",
    )
)  # fmt: skip
"""A name with such a word is a group's: it has no surname and is compared as a whole."""

_NOBODY = frozenset(
    ("", "et", "et al", "and others", "others", "anonymous", "unknown", "n a", "none", "na")
)

_HOMONYM = re.compile(r"\s+[0-9]{4}$")
_PART = re.compile(r"[^\W\d_]+(?:[-‐‑–][^\W\d_]+)*")
_HYPHEN = re.compile(r"[-‐‑–]")
_APOSTROPHE = re.compile(r"(?<=\w)['’`´ʼ‘](?=\w)")
_IDEOGRAPH = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_VOWEL = re.compile("[aeiouyàáäåèéêìíïòóöøùúü]|[^\x00-\u024f]")
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"})


def surname_keys(name: str) -> frozenset[str]:
    """Return the possible surnames in a name; two names share a key if they can be one person.

    Handles both name orders ("Chen Xing", "Xing Chen", "Chen, Xing"), hyphens, accents, particles,
    initials, generational suffixes and the numbers that DBLP appends to homonyms. A given name
    alone is not a key: if the order is unknown, a key includes the initial of the other part.
    """
    return _keys(name[:LONGEST]) if isinstance(name, str) else frozenset()


# The same names recur in many papers of a list.
@lru_cache(maxsize=16384)
def _keys(name: str) -> frozenset[str]:
    name = _HOMONYM.sub("", _APOSTROPHE.sub("", without_latex(name)))
    # Sources write "Müller" as "Muller" or as "Mueller".
    spellings = {name, name.translate(_UMLAUTS)}
    return frozenset(chain.from_iterable(map(_keys_of_spelling, spellings)))


def _keys_of_spelling(name: str) -> Iterable[str]:
    if _IDEOGRAPH.search(name):
        # Such names are short and have a fixed order: the whole name is the key.
        return ("".join(filter(str.isalpha, name)),)
    family, given = _family_and_given(name)
    folded = " ".join(map(_fold, family + given))
    if folded in _NOBODY:
        return ()
    if not _GROUPS.isdisjoint(folded.split()):
        return (folded,)
    if family:
        return _keys_of_parts(family, given)
    return _keys_of_unknown_order(given)


def _family_and_given(name: str) -> tuple[list[str], list[str]]:
    """Return the words of both parts; if the order is unknown, all are in the second part."""
    last, comma, first = name.partition(",")
    given = _words(first)
    if comma and _may_be_given_names(given):
        return _words(last), given
    return [], _words(f"{last} {first}")


def _may_be_given_names(words: list[str]) -> bool:
    """Return whether the words after a comma can be given names, not a lower-case remark."""
    if len(words) == 1:
        return True
    return any(len(word) > 1 or word.isupper() for word in words)


def _words(text: str) -> list[str]:
    words = _PART.findall(text)
    kept = [word for word in words if _fold(word) not in _NOT_NAMES]
    return (kept or words)[:_MOST_WORDS]


def _fold(word: str) -> str:
    return without_accents(word.casefold())


def _keys_of_parts(family: list[str], given: list[str]) -> set[str]:
    """Return the surname as one word, its words and halves, each also with initials."""
    surnames = {_fold("".join(family)).replace("-", ""), *map(_joined, family)}
    for word in family:
        surnames.update(_fold(part) for part in _HYPHEN.split(word) if len(part) > 1)
    keys = set(surnames)
    for initial in _initials(given):
        keys.update(f"{surname} {initial}" for surname in surnames)
    return keys


def _keys_of_unknown_order(words: list[str]) -> set[str]:
    full = [word for word in words if not _is_initials(word)] or words
    last = full[-1]
    keys = _keys_of_parts([last], [word for word in words if word is not last])
    # The first word can be the surname ("Xing Chen"), or the last but one ("García Márquez").
    for word in {full[0], *full[-2:-1]} - {last}:
        others = [other for other in words if other is not word]
        keys.update(f"{_joined(word)} {initial}" for initial in _initials(others))
    return keys


def _joined(word: str) -> str:
    return _HYPHEN.sub("", _fold(word))


def _initials(words: list[str]) -> set[str]:
    return {_fold(word)[:1] for word in words}


def _is_initials(word: str) -> bool:
    """Return whether a word is initials ("J", "JD", "jd") and not a name ("Li", "Xu", "Ng")."""
    if len(word) == 1:
        return True
    folded = word.casefold()
    if len(word) > _MOST_INITIALS or folded == "ng":
        return False
    return not _VOWEL.search(folded)
