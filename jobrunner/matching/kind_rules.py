"""What a record's type and DOI say against it, in the order in which it is asked."""

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
    """Refuse what is no paper, unless the paper's title asks for a review or a supplement."""
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
    """Doubt a second published DOI: two works may share title, authors and year."""
    if comparison.shared_schemes or not other_doi(comparison.paper, comparison.record):
        return None
    return Verdict.REVIEW, "other-doi"


DOI_RULES: tuple[Rule, ...] = (_other_doi,)
