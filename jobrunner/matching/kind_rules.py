"""The rules about a record's type and DOI, in order of application."""

from __future__ import annotations

from jobrunner.matching.comparison import Comparison
from jobrunner.matching.preprints import other_doi
from jobrunner.matching.title_conflicts import kinds_of
from jobrunner.matching.title_similarity import TitleRelation
from jobrunner.matching.verdict import Finding, Rule, Verdict

_NEVER_PAPERS = frozenset(("component", "journal", "journal-issue", "grant", "peer-review"))
_SELDOM_PAPERS = frozenset(
    (
        "erratum",
        "retraction",
        "editorial",
        "letter",
        "dataset",
        "paratext",
        "book",
        "reference-entry",
    )
)


def _never(comparison: Comparison) -> Finding | None:
    """Reject records that are not papers, unless the paper itself is a review or supplement."""
    kind = comparison.record.type
    if kind not in _NEVER_PAPERS or kinds_of(comparison.paper.title):
        return None
    return Verdict.NO_MATCH, f"type-{kind}"


def _seldom(comparison: Comparison) -> Finding | None:
    kind = comparison.record.type
    if kind not in _SELDOM_PAPERS or comparison.titles.relation is TitleRelation.SAME:
        return None
    return Verdict.REVIEW, f"type-{kind}"


KIND_RULES: tuple[Rule, ...] = (_never, _seldom)


def _other_doi(comparison: Comparison) -> Finding | None:
    """Send a second published DOI to review: two works can share title, authors and year."""
    if comparison.shared_schemes or not other_doi(comparison.paper, comparison.record):
        return None
    return Verdict.REVIEW, "other-doi"


DOI_RULES: tuple[Rule, ...] = (_other_doi,)
