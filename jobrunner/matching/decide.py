"""Deciding whether a source's record is of the paper that was asked for.

A title alone never decides: authors, year, container or an identifier have to support it, and what
they leave open is for a person to review. An API's own score is not looked at.
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
"""The version of these rules; it grows whenever the same records would be judged differently."""

_SUBJECTS = (TITLE_RULES, AUTHOR_RULES, YEAR_RULES, KIND_RULES, DOI_RULES)
"""What is looked at, in the order of a match's reasons. In each, the first rule that applies
speaks; of all that speak, the strictest decides."""


def judge(paper: Paper, record: Record) -> tuple[Verdict, Match]:
    """Decide by title, and by everything that has to support it.

    The match's reasons name what supported ('title', 'authors', 'year', 'venue', 'doi') and what
    stood against it ('authors-differ', 'year+7', 'number', 'generic-title', ...).
    """
    titles = compare_titles(paper.title, record.title)
    if titles.relation is TitleRelation.OTHER:
        return Verdict.NO_MATCH, Match(by="title", score=titles.score, reasons=("title-differs",))
    comparison = compare(paper, record, titles)
    answers = [first_finding(rules, comparison) for rules in _SUBJECTS]
    findings = list(filter(None, answers))
    reasons = [reason for _, reason in findings]
    if comparison.same_venue:
        reasons.append("venue")
    reasons += comparison.shared_schemes
    return strictest(findings), Match(by="title", score=titles.score, reasons=tuple(reasons))
