"""The similarity of two titles, with all its thresholds.

The thresholds were tuned together on labelled pairs, so that hardly any pair of two works is taken
for one: the training parts of DBLP-ACM and DBLP-GoogleScholar, Cora, and the recorded works of the
three sources. ``benchmarks/matching.py`` measures them; ``docs/explanation/matching.md``
has the results. A threshold with another origin says so. A likeness is between 0 and 1, as in
``Match``; a ratio is between 0 and 100, as in rapidfuzz.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from rapidfuzz import fuzz

from jobrunner.matching.title_normalisation import main_title, normalise_title

# ---- whether a title identifies a work

SHORT_TITLE_LETTERS = 12
"""A title with fewer letters ("Attention") is too short to decide alone."""

SHORT_TITLE_WORDS = 3
"""A title with fewer words is too short as well, unless its script has no spaces."""

SUPPORTED_TITLE_WORDS = 5
"""Fewest words of a title that needs no authors if venue and year, or an identifier, agree."""

# ---- how two titles relate

NEAR_LIKENESS = 0.9
"""Least likeness of a title and its misspelling."""

ODD_WORDS_RATIO = 82
"""Least ratio of misspellings: of the joined words that only one side has."""

ODD_WORDS_SAME_START_RATIO = 75
"""The same if these begin alike: they can differ in their endings ("querys", "queries")."""

ODD_WORDS_START = 4
"""Letters that must be equal for that."""

ODD_WORDS_MORE = 1
"""Most extra odd words on one side: one, for "data base" and "database"."""

SHORTEST_STEM = 4
"""Fewest letters of a word without its prefix; shorter stems agree too often by chance."""

ONE_WORD_MORE_OF = 6
"""Fewest words of a title in which one extra word can be an omission. In a shorter title it means
another work: "Off-diagonal book Ramsey numbers"."""

SUBTITLE_LIKENESS = 0.9
"""Least likeness reported for a title with and without its subtitle, of any length."""

PART_LIKENESS = 0.8
"""Least likeness of titles that overlap but are neither misspelt nor shortened."""

PART_REVIEW_LIKENESS = 0.8
"""Least likeness at which such titles are sent to review."""

CONTAINED_LIKENESS = 0.5
"""Least likeness of a title and a part of it, if the longer one contains the part's words."""

CONTAINED_RATIO = 95
"""Least ratio of the word sets at which one title counts as containing the other."""

# ---- whether an identifier is right

SAME_LIKENESS = 0.6
"""Least likeness at which an identifier is accepted without further evidence."""

RENAMED_LIKENESS = 0.5
"""Titles of the same authors below this likeness count as two works. Measured: 99.5 % of random
pairs of titles in the recorded works of the three sources are below it."""

CONTAINED_WORDS = 3
"""Fewest words of a contained title that raises the likeness: many titles share one or two."""

CONTAINED_WEIGHT = 0.95
"""Factor for the ratio of a contained title, so that it is below that of an equal title."""

MAIN_TITLE_RATIO = 90.0
"""Least ratio of two titles with the same main title and any subtitles."""

_STOP_WORDS = frozenset(
    ("a", "an", "the", "of", "for", "in", "on", "and", "to", "with", "by", "at")
)
_OPPOSING = ("un", "non", "in", "im", "anti", "dis", "de", "semi", "sub", "super", "hyper", "hypo",
             "pre", "post", "re", "inter", "intra", "multi", "co", "micro", "macro", "fe",
             "down", "up", "endo", "exo", "homo", "hetero", "mono", "poly", "a")  # fmt: skip
"""Prefixes that change what a word means."""


class TitleRelation(StrEnum):
    """How two titles relate."""

    SAME = "same"
    NEAR = "near"
    """One title is misspelt."""
    SUBTITLE = "subtitle"
    """One title lacks its subtitle."""
    WORD = "word"
    """One title has one extra word."""
    PART = "part"
    """They overlap, but more than one word differs."""
    OTHER = "other"


def is_short(words: str) -> bool:
    """Return whether a normalised title is too short to decide alone."""
    if len(words.replace(" ", "")) < SHORT_TITLE_LETTERS:
        return True
    return words.isascii() and words.count(" ") + 1 < SHORT_TITLE_WORDS


def relate(left: str, right: str) -> tuple[TitleRelation, float]:
    """Return the relation and the likeness (0..1) of two titles; both must have words."""
    one, two = normalise_title(left), normalise_title(right)
    if one == two or one.replace(" ", "") == two.replace(" ", ""):
        return TitleRelation.SAME, 1.0
    likeness = _ratio(one, two) / 100
    relation = _relation(left, right, likeness)
    if relation is TitleRelation.SUBTITLE:
        likeness = max(likeness, SUBTITLE_LIKENESS)
    return relation, round(likeness, 4)


def _ratio(one: str, two: str) -> float:
    # The second ratio covers words in another order.
    return max(fuzz.ratio(one, two), fuzz.token_sort_ratio(one, two))


def _relation(left: str, right: str, likeness: float) -> TitleRelation:
    """Return the relation of two different titles; the closest relation is tested first."""
    one, two = normalise_title(left), normalise_title(right)
    words = one.split(), two.split()
    if likeness >= NEAR_LIKENESS and _are_misspellings(*words):
        return TitleRelation.NEAR
    main_one, main_two = main_title(left), main_title(right)
    if one == main_two or two == main_one:
        return TitleRelation.SUBTITLE
    # Same main title, two subtitles: one extra word is not an omission here.
    if main_one == main_two:
        return TitleRelation.PART
    if _has_one_word_more(*words):
        return TitleRelation.WORD
    if likeness >= PART_LIKENESS or _is_contained(one, two, likeness):
        return TitleRelation.PART
    return TitleRelation.OTHER


def _is_contained(one: str, two: str, likeness: float) -> bool:
    return likeness >= CONTAINED_LIKENESS and fuzz.token_set_ratio(one, two) >= CONTAINED_RATIO


def _has_one_word_more(one: Sequence[str], two: Sequence[str]) -> bool:
    shorter, longer = sorted((one, two), key=len)
    if len(shorter) < ONE_WORD_MORE_OF or len(longer) != len(shorter) + 1:
        return False
    return set(shorter) <= set(longer)


def _are_misspellings(one: Sequence[str], two: Sequence[str]) -> bool:
    """Return whether titles differ only by misspellings and missing stop words."""
    left, right = _words_without(one, two), _words_without(two, one)
    if not left and not right:
        return True
    if abs(len(left) - len(right)) > ODD_WORDS_MORE:
        return False
    return _look_alike("".join(left), "".join(right)) and not _are_opposed(left, right)


def _words_without(words: Sequence[str], others: Sequence[str]) -> list[str]:
    excluded = _STOP_WORDS.union(others)
    return [word for word in words if word not in excluded]


def _look_alike(left: str, right: str) -> bool:
    same_start = left[:ODD_WORDS_START] == right[:ODD_WORDS_START]
    least = ODD_WORDS_SAME_START_RATIO if same_start else ODD_WORDS_RATIO
    return fuzz.ratio(left, right) >= least


def _are_opposed(left: Sequence[str], right: Sequence[str]) -> bool:
    """Return whether two words differ only by a prefix: "supervised" and "unsupervised".

    Such words look alike but mean the opposite.
    """
    return any(not _stems(one).isdisjoint(_stems(two)) for one in left for two in right)


def _stems(word: str) -> set[str]:
    """Return a word, and the word without each prefix that changes its meaning."""
    stems = {word}
    for prefix in filter(word.startswith, _OPPOSING):
        stem = word[len(prefix) :]
        if len(stem) >= SHORTEST_STEM:
            stems.add(stem)
    return stems


def similarity(left: str, right: str) -> float:
    """Return the likeness of two titles, 0..1; a title is like its part before the colon."""
    one, two = normalise_title(left), normalise_title(right)
    if one == two:
        return 1.0
    ratios = [_ratio(one, two)]
    contained = fuzz.token_set_ratio(one, two)
    least_words = min(one.count(" "), two.count(" ")) + 1
    if contained >= CONTAINED_RATIO and least_words >= CONTAINED_WORDS:
        ratios.append(contained * CONTAINED_WEIGHT)
    if main_title(left) == main_title(right):
        ratios.append(MAIN_TITLE_RATIO)
    return round(max(ratios) / 100, 4)
