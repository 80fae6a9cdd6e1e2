"""The rules about authors, in order of application."""

from __future__ import annotations

from jobrunner.matching.comparison import Comparison
from jobrunner.matching.title_similarity import SUPPORTED_TITLE_WORDS, TitleRelation
from jobrunner.matching.verdict import Finding, Rule, Verdict


def _unknown(comparison: Comparison) -> Finding | None:
    """Accept a long title without authors if other evidence supports it."""
    if comparison.authors.known:
        return None
    if comparison.titles.words >= SUPPORTED_TITLE_WORDS and _is_supported(comparison):
        return Verdict.MATCH, "no-authors"
    return Verdict.REVIEW, "no-authors"


def _agreeing(comparison: Comparison) -> Finding | None:
    """Accept authors that agree; a weaker title needs more of them in common."""
    if not comparison.authors.agree:
        return None
    if _agree_too_little(comparison):
        return Verdict.REVIEW, "authors"
    return Verdict.MATCH, "authors"


def _agree_too_little(comparison: Comparison) -> bool:
    titles, authors = comparison.titles, comparison.authors
    if titles.relation is TitleRelation.WORD and not authors.most_agree:
        return True
    if authors.half_agree or _is_supported(comparison):
        return False
    return titles.short or titles.relation is TitleRelation.SUBTITLE


def _few(comparison: Comparison) -> Finding | None:
    """Send to review if only a few of many authors are in common."""
    if not comparison.authors.shared:
        return None
    return Verdict.REVIEW, "few-authors"


def _others(comparison: Comparison) -> Finding:
    """Reject other authors, but review them under the same title: sources can have errors."""
    if comparison.titles.relation is TitleRelation.SAME and _is_supported(comparison):
        return Verdict.REVIEW, "authors-differ"
    return Verdict.NO_MATCH, "authors-differ"


AUTHOR_RULES: tuple[Rule, ...] = (_unknown, _agreeing, _few, _others)


def _is_supported(comparison: Comparison) -> bool:
    """Return whether both share an identifier, or the venue and the year."""
    if comparison.shared_schemes:
        return True
    return comparison.same_venue and comparison.lag == 0
