"""The rules about years, in order of application."""

from __future__ import annotations

from jobrunner.matching.comparison import Comparison
from jobrunner.matching.preprints import is_preprint, may_be_preprint
from jobrunner.matching.title_similarity import TitleRelation
from jobrunner.matching.venues import other_venue
from jobrunner.matching.verdict import Finding, Rule, Verdict

ADJACENT_YEARS = 1
"""Years between online and print, or submission and publication: often the same work."""

PREPRINT_LAG = 4
"""Most years between a preprint and its publication. Tuned on the labelled pairs, like the
thresholds of titles."""

_LOOSE = frozenset((TitleRelation.SUBTITLE, TitleRelation.WORD))
_CLOSE = frozenset((TitleRelation.SAME, TitleRelation.NEAR))


def _unknown(comparison: Comparison) -> Finding | None:
    """Accept a missing year, unless the title is weak and the venue is not the same."""
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
    """Send a conference paper and its later journal version to review."""
    if _distance(comparison) > PREPRINT_LAG:
        return None
    if not other_venue(comparison.paper.venue, comparison.record.venue):
        return None
    return Verdict.REVIEW, f"{_reason(comparison)}-other-venue"


def _adjacent(comparison: Comparison) -> Finding | None:
    """Accept adjacent years, except with an extra word: annual papers differ in just these."""
    if _distance(comparison) > ADJACENT_YEARS:
        return None
    if comparison.titles.relation is TitleRelation.WORD:
        return Verdict.REVIEW, _reason(comparison)
    return Verdict.MATCH, _reason(comparison)


def _far(comparison: Comparison) -> Finding | None:
    """Reject years too far apart for versions of one work; review the same title: a reprint."""
    if _distance(comparison) <= PREPRINT_LAG:
        return None
    titles = comparison.titles
    if titles.relation is TitleRelation.SAME and not titles.short:
        return Verdict.REVIEW, _reason(comparison)
    return Verdict.NO_MATCH, _reason(comparison)


def _versions(comparison: Comparison) -> Finding:
    """Accept the lag of a preprint's publication if the titles are close."""
    titles = comparison.titles
    if titles.short or titles.relation not in _CLOSE:
        return Verdict.REVIEW, _reason(comparison)
    if is_preprint(comparison.record) or may_be_preprint(comparison.paper):
        return Verdict.MATCH, _reason(comparison)
    return Verdict.REVIEW, _reason(comparison)


YEAR_RULES: tuple[Rule, ...] = (_unknown, _same, _elsewhere, _adjacent, _far, _versions)


def _distance(comparison: Comparison) -> int:
    # The first rule has handled unknown years.
    return abs(comparison.lag or 0)


def _reason(comparison: Comparison) -> str:
    return f"year{comparison.lag:+d}"
