"""What the years say of a record, in the order in which it is asked."""

from __future__ import annotations

from jobrunner.matching.comparison import Comparison
from jobrunner.matching.preprints import is_preprint, may_be_preprint
from jobrunner.matching.title_similarity import TitleRelation
from jobrunner.matching.venues import other_venue
from jobrunner.matching.verdict import Finding, Rule, Verdict

ADJACENT_YEARS = 1
"""Years between what is online first and in print, or submitted and published: often one work."""

PREPRINT_LAG = 4
"""Most years between a preprint and what was published of it. Settled on the labelled pairs, as
the thresholds of titles were."""

_LOOSE = frozenset((TitleRelation.SUBTITLE, TitleRelation.WORD))
_CLOSE = frozenset((TitleRelation.SAME, TitleRelation.NEAR))


def _unknown(comparison: Comparison) -> Finding | None:
    """Do without a year, unless the title is weak and the venue does not help either."""
    if comparison.lag is not None:
        return None
    if comparison.same_venue or not _has_loose_title(comparison):
        return Verdict.MATCH, "no-year"
    return Verdict.REVIEW, "no-year"


def _has_loose_title(comparison: Comparison) -> bool:
    return comparison.titles.short or comparison.titles.relation in _LOOSE


def _same(comparison: Comparison) -> Finding | None:
    if comparison.lag != 0:
        return None
    return Verdict.MATCH, "year"


def _elsewhere(comparison: Comparison) -> Finding | None:
    """Leave a paper of a conference and its later version in a journal to a person."""
    if _distance(comparison) > PREPRINT_LAG:
        return None
    if not other_venue(comparison.paper.venue, comparison.record.venue):
        return None
    return Verdict.REVIEW, f"{_reason(comparison)}-other-venue"


def _adjacent(comparison: Comparison) -> Finding | None:
    """Accept the year before or after; annual papers, though, differ in a word and a year."""
    if _distance(comparison) > ADJACENT_YEARS:
        return None
    if comparison.titles.relation is TitleRelation.WORD:
        return Verdict.REVIEW, _reason(comparison)
    return Verdict.MATCH, _reason(comparison)


def _far(comparison: Comparison) -> Finding | None:
    """Refuse what is too far away for versions of one work; the same title may be a reprint's."""
    if _distance(comparison) <= PREPRINT_LAG:
        return None
    titles = comparison.titles
    if titles.relation is TitleRelation.SAME and not titles.short:
        return Verdict.REVIEW, _reason(comparison)
    return Verdict.NO_MATCH, _reason(comparison)


def _versions(comparison: Comparison) -> Finding:
    """Accept years that a preprint and its publication have between them, under a close title."""
    titles = comparison.titles
    if titles.short or titles.relation not in _CLOSE:
        return Verdict.REVIEW, _reason(comparison)
    if is_preprint(comparison.record) or may_be_preprint(comparison.paper):
        return Verdict.MATCH, _reason(comparison)
    return Verdict.REVIEW, _reason(comparison)


YEAR_RULES: tuple[Rule, ...] = (_unknown, _same, _elsewhere, _adjacent, _far, _versions)


def _distance(comparison: Comparison) -> int:
    # The first rule has dealt with unknown years.
    return abs(comparison.lag or 0)


def _reason(comparison: Comparison) -> str:
    return f"year{comparison.lag:+d}"
