"""How two names of venues relate."""

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
"""Ratio (of 100, as rapidfuzz gives it) from which two names are one venue's, misspelt or with its
words in another order. Settled on the labelled pairs, as the thresholds of titles were."""


def other_venue(left: str | None, right: str | None) -> bool:
    """Tell a journal from what is none; a name says so by words such as "Trans." or "Journal"."""
    names = _words(left), _words(right)
    # A preprint server is no other venue: what it holds is published elsewhere as well.
    if not all(names) or any(map(is_preprint_venue, names)):
        return False
    journals = list(filter(_JOURNAL.search, names))
    if len(journals) != 1:
        return False
    # "TODS" has no such word, and is a journal: ACM's Trans. on Database Systems.
    return _initials(journals[0]) not in names


def same_venue(left: str | None, right: str | None) -> bool:
    """Tell whether two names of venues are evidently of one."""
    one, two = _words(left), _words(right)
    if one == two:
        return bool(one)
    return fuzz.token_sort_ratio(one, two) >= SAME_VENUE_RATIO


def _words(name: str | None) -> str:
    return normalise_title(name or "")


def _initials(words: str) -> str:
    return "".join(word[0] for word in words.split())
