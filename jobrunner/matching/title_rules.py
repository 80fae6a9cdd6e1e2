"""The rules about titles, in order of application."""

from __future__ import annotations

from jobrunner.matching.comparison import Comparison
from jobrunner.matching.title_similarity import PART_REVIEW_LIKENESS, TitleRelation
from jobrunner.matching.verdict import Finding, Rule, Verdict

_REASONS = {
    TitleRelation.SAME: "title",
    TitleRelation.NEAR: "title~",
    TitleRelation.SUBTITLE: "subtitle",
    TitleRelation.WORD: "title+word",
}


def _conflict(comparison: Comparison) -> Finding | None:
    """Reject titles in conflict: erratum and paper, part one and two, "with" and "without"."""
    conflict = comparison.titles.conflict
    if not conflict:
        return None
    return Verdict.NO_MATCH, conflict


def _part(comparison: Comparison) -> Finding | None:
    """Reject titles that only overlap, unless they are close or share an identifier."""
    titles = comparison.titles
    if titles.relation is not TitleRelation.PART:
        return None
    if titles.score >= PART_REVIEW_LIKENESS or comparison.shared_schemes:
        return Verdict.REVIEW, "title-part"
    return Verdict.NO_MATCH, "title-part"


def _generic(comparison: Comparison) -> Finding | None:
    """Send "Editorial" to review: only an identifier shows which one it is."""
    if not comparison.titles.generic:
        return None
    if comparison.shared_schemes:
        return Verdict.MATCH, "generic-title"
    return Verdict.REVIEW, "generic-title"


def _short(comparison: Comparison) -> Finding | None:
    """Accept a short title only if it is the same: one other word means another work."""
    titles = comparison.titles
    if not titles.short or titles.relation is TitleRelation.SAME:
        return None
    if titles.relation is TitleRelation.SUBTITLE:
        return Verdict.REVIEW, "short-subtitle"
    return Verdict.NO_MATCH, f"short-{titles.relation}"


def _alike(comparison: Comparison) -> Finding:
    return Verdict.MATCH, _REASONS[comparison.titles.relation]


TITLE_RULES: tuple[Rule, ...] = (_conflict, _part, _generic, _short, _alike)
