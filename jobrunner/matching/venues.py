"""Compares names of venues."""

from __future__ import annotations

import re

from rapidfuzz import fuzz

from jobrunner.matching.preprints import is_preprint_venue
from jobrunner.matching.title_normalisation import normalise_title

_JOURNAL = re.compile(
    r"\b(?:journal|j|trans|transactions|letters|lett|annals|magazine|rev|review|bulletin|bull"
    r"|communications|commun|record|rec|zeitschrift|revista|revue)\b"
)

SAME_VENUE_RATIO = 90
"""Least ratio (of 100, as in rapidfuzz) of two names of one venue, misspelt or with words in
another order. Tuned on the labelled pairs, like the thresholds of titles."""


def other_venue(left: str | None, right: str | None) -> bool:
    """Return whether only one of the names is a journal's, by words such as "Trans."."""
    names = _words(left), _words(right)
    # A preprint server is not another venue: its preprints are also published elsewhere.
    if not all(names) or any(map(is_preprint_venue, names)):
        return False
    journals = list(filter(_JOURNAL.search, names))
    if len(journals) != 1:
        return False
    # "TODS" is a journal without such a word: ACM Trans. on Database Systems.
    return _initials(journals[0]) not in names


def same_venue(left: str | None, right: str | None) -> bool:
    """Return whether two names are evidently of the same venue."""
    one, two = _words(left), _words(right)
    if one == two:
        return bool(one)
    return fuzz.token_sort_ratio(one, two) >= SAME_VENUE_RATIO


def _words(name: str | None) -> str:
    return normalise_title(name or "")


def _initials(words: str) -> str:
    return "".join(word[0] for word in words.split())
