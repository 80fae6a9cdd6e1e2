"""How alike two titles are, and every threshold for it.

The figures were settled together on labelled pairs: the training parts of DBLP-ACM and
DBLP-GoogleScholar, Cora, and the recorded works of the three sources, so that hardly any pair of
two works is taken for one. ``benchmarks/matching.py`` measures them, ``docs/matching.md`` says what
they achieve. Where a figure has another origin, its comment says so. A likeness is of 1, as a
``Match`` states it; a ratio is of 100, as rapidfuzz gives it.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from rapidfuzz import fuzz

from jobrunner.matching.title_normalisation import main_title, normalise_title

# ---- what a title needs to tell its work

SHORT_TITLE_LETTERS = 12
"""A title of fewer letters ("Attention") is too short to decide by itself."""

SHORT_TITLE_WORDS = 3
"""So is one of fewer words, unless its script writes no spaces between them."""

SUPPORTED_TITLE_WORDS = 5
"""Words from which a title, with venue and year or an identifier, does without authors."""

# ---- how two titles relate

NEAR_LIKENESS = 0.9
"""Likeness from which two titles may be one, misspelt."""

ODD_WORDS_RATIO = 82
"""Ratio from which the words that only one side has, strung together, are misspellings."""

ODD_WORDS_SAME_START_RATIO = 75
"""The same where they begin alike: plurals and endings ("querys", "queries") differ there."""

ODD_WORDS_START = 4
"""Letters in which they begin alike then."""

ODD_WORDS_MORE = 1
"""How many more odd words a side may have: one, for "data base" and "database"."""

SHORTEST_STEM = 4
"""Letters that are left of a word without its prefix; of fewer, chance makes too many."""

ONE_WORD_MORE_OF = 6
"""Words of a title from which one word more can be an omission. In shorter ones it makes another
work: "Off-diagonal book Ramsey numbers"."""

SUBTITLE_LIKENESS = 0.9
"""Least likeness of a title and the same one without its subtitle, however long that is."""

PART_LIKENESS = 0.8
"""Likeness from which titles that are neither misspelt nor cut still have to do with each other."""

PART_REVIEW_LIKENESS = 0.8
"""Likeness from which such titles are worth a person's look."""

CONTAINED_LIKENESS = 0.5
"""Likeness from which a title of which the other holds the words counts as its part."""

CONTAINED_RATIO = 95
"""Ratio of the sets of words from which one title's words count as held by the other."""

# ---- whether an identifier is believed

SAME_LIKENESS = 0.6
"""Likeness from which an identifier is believed without further support."""

RENAMED_LIKENESS = 0.5
"""Likeness below which titles of the same authors are taken for two works'. Of random pairs of
titles in the recorded works of the three sources, 99.5 % are less alike (measured)."""

CONTAINED_WORDS = 3
"""Words that a contained title needs to raise the likeness: one or two stand in many titles."""

CONTAINED_WEIGHT = 0.95
"""What a contained title's ratio is worth: never as much as an equal title's."""

MAIN_TITLE_RATIO = 90.0
"""Least ratio of two titles with one main title, whatever their subtitles are."""

_STOP_WORDS = frozenset(
    ("a", "an", "the", "of", "for", "in", "on", "and", "to", "with", "by", "at")
)
_OPPOSING = ("un", "non", "in", "im", "anti", "dis", "de", "semi", "sub", "super", "hyper", "hypo",
             "pre", "post", "re", "inter", "intra", "multi", "co", "micro", "macro", "fe",
             "down", "up", "endo", "exo", "homo", "hetero", "mono", "poly", "a")  # fmt: skip


class TitleRelation(StrEnum):
    """How two titles relate."""

    SAME = "same"
    NEAR = "near"
    """One of them is misspelt."""
    SUBTITLE = "subtitle"
    """One of them lacks its subtitle."""
    WORD = "word"
    """One of them has one word more."""
    PART = "part"
    """They have to do with each other, but more than one word is different."""
    OTHER = "other"


def is_short(words: str) -> bool:
    """Tell whether a normalised title is too short to decide by itself."""
    if len(words.replace(" ", "")) < SHORT_TITLE_LETTERS:
        return True
    return words.isascii() and words.count(" ") + 1 < SHORT_TITLE_WORDS


def relate(left: str, right: str) -> tuple[TitleRelation, float]:
    """Return how two titles relate and how alike they are, 0..1. Neither is without words."""
    one, two = normalise_title(left), normalise_title(right)
    if one == two or one.replace(" ", "") == two.replace(" ", ""):
        return TitleRelation.SAME, 1.0
    likeness = _ratio(one, two) / 100
    relation = _relation(left, right, likeness)
    if relation is TitleRelation.SUBTITLE:
        likeness = max(likeness, SUBTITLE_LIKENESS)
    return relation, round(likeness, 4)


def _ratio(one: str, two: str) -> float:
    # The second ratio is for words in another order.
    return max(fuzz.ratio(one, two), fuzz.token_sort_ratio(one, two))


def _relation(left: str, right: str, likeness: float) -> TitleRelation:
    """Tell how two titles relate that are not the same; the closest relation comes first."""
    one, two = normalise_title(left), normalise_title(right)
    words = one.split(), two.split()
    if likeness >= NEAR_LIKENESS and _are_misspellings(*words):
        return TitleRelation.NEAR
    main_one, main_two = main_title(left), main_title(right)
    if one == main_two or two == main_one:
        return TitleRelation.SUBTITLE
    # One main title with two subtitles: there, one word more is no omission.
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
    """Tell misspellings and lost stop words from other words: each odd word has a look-alike."""
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
    """Tell whether a word is another's of the other side but for its prefix ("supervised").

    Such words look alike, and mean the opposite.
    """
    return any(not _stems(one).isdisjoint(_stems(two)) for one in left for two in right)


def _stems(word: str) -> set[str]:
    """Return a word, and what it is without a prefix that changes what it means."""
    stems = {word}
    for prefix in filter(word.startswith, _OPPOSING):
        stem = word[len(prefix) :]
        if len(stem) >= SHORTEST_STEM:
            stems.add(stem)
    return stems


def similarity(left: str, right: str) -> float:
    """Return how alike two titles are, 0..1; a title and its part before the colon are alike."""
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
