"""Compares two titles: their relation, and conflicts that exclude one work."""

from __future__ import annotations

from functools import lru_cache

from msgspec import Struct

from jobrunner.matching.title_conflicts import conflict_between
from jobrunner.matching.title_normalisation import is_generic, normalise_title
from jobrunner.matching.title_similarity import TitleRelation, is_short, relate


class TitleComparison(Struct, frozen=True):
    """How two titles relate.

    ``score``: their similarity, 0..1. ``conflict``: what excludes that both are titles of one work,
    '' if nothing does. ``short`` and ``words`` describe the shorter title. ``generic``: one of them
    is the title of many works.
    """

    relation: TitleRelation
    score: float
    conflict: str = ""
    short: bool = False
    words: int = 0
    generic: bool = False


# Search results for one paper repeat the same few titles.
@lru_cache(maxsize=4096)
def compare_titles(left: str, right: str) -> TitleComparison:
    """Compare two titles as given."""
    one, two = normalise_title(left), normalise_title(right)
    if not one or not two:
        return TitleComparison(TitleRelation.OTHER, 0.0)
    relation, score = relate(left, right)
    # Unrelated titles need no further comparison; this saves most of the time.
    if relation is TitleRelation.OTHER:
        return TitleComparison(relation, score)
    shorter = min(one, two, key=len)
    return TitleComparison(
        relation,
        score,
        conflict_between(left, right, relation),
        is_short(shorter),
        shorter.count(" ") + 1,
        is_generic(left) or is_generic(right),
    )
