"""Decides whether a record of a source describes the paper.

A title alone never decides: authors, year, venue or an identifier must support it. Cases that stay
open are for a person to review. The score of the source's own search is ignored.
"""

from __future__ import annotations

from jobrunner.matching.author_rules import AUTHOR_RULES
from jobrunner.matching.comparison import compare
from jobrunner.matching.kind_rules import DOI_RULES, KIND_RULES
from jobrunner.matching.title_comparison import compare_titles
from jobrunner.matching.title_rules import TITLE_RULES
from jobrunner.matching.title_similarity import TitleRelation
from jobrunner.matching.verdict import Verdict, first_finding, strictest
from jobrunner.matching.year_rules import YEAR_RULES
from jobrunner.models import Match, Paper, Record

RULES = 2
"""The version of the rules; increase it if a change can alter a verdict. Sessions store it."""

_GROUPS = (TITLE_RULES, AUTHOR_RULES, YEAR_RULES, KIND_RULES, DOI_RULES)
"""The groups of rules, in the order of a match's reasons. In each group the first rule that
applies counts; the strictest verdict of all groups decides."""


def judge(paper: Paper, record: Record) -> tuple[Verdict, Match]:
    """Decide by the title and the evidence that must support it.

    The match's reasons name the evidence for it ('title', 'authors', 'year', 'venue', 'doi') and
    against it ('authors-differ', 'year+7', 'number', 'generic-title', ...).
    """
    titles = compare_titles(paper.title, record.title)
    if titles.relation is TitleRelation.OTHER:
        return Verdict.NO_MATCH, Match(by="title", score=titles.score, reasons=("title-differs",))
    comparison = compare(paper, record, titles)
    applied = [first_finding(rules, comparison) for rules in _GROUPS]
    findings = list(filter(None, applied))
    reasons = [reason for _, reason in findings]
    if comparison.same_venue:
        reasons.append("venue")
    reasons += comparison.shared_schemes
    return strictest(findings), Match(by="title", score=titles.score, reasons=tuple(reasons))
