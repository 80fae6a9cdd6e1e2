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


def other_venue(left: str | None, right: str | None) -> bool:
    """Tell a journal from what is none; a name says so by words such as "Trans." or "Journal"."""
    one, two = normalise_title(left or ""), normalise_title(right or "")
    if not one or not two or is_preprint_venue(one) or is_preprint_venue(two):
        return False
    first, second = bool(_JOURNAL.search(one)), bool(_JOURNAL.search(two))
    return first != second and "".join(w[0] for w in (one if first else two).split()) not in (
        one,
        two,
    )


def same_venue(left: str | None, right: str | None) -> bool:
    """Tell whether two names of venues are evidently of one."""
    one, two = normalise_title(left or ""), normalise_title(right or "")
    return bool(one and two) and (one == two or fuzz.token_sort_ratio(one, two) >= 90)
