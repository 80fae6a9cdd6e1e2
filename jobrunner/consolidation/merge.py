"""Makes the consolidated view of a paper from the records of all sources."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobrunner.consolidation.policy import DEFAULT, Order, Policy
from jobrunner.consolidation.rules import (
    AnyRetraction,
    Citations,
    CompleteAuthors,
    FirstAccess,
    FirstCount,
    FirstValue,
    Rule,
)
from jobrunner.consolidation.statements import Statements
from jobrunner.consolidation.unions import Identifiers, Links, Relations, conflicts_of
from jobrunner.consolidation.view import ConsolidatedPaper
from jobrunner.models import Given, Record

_RULES: tuple[Rule, ...] = (
    FirstValue("title"),
    FirstValue("abstract"),
    FirstValue("venue", of_version=True),
    FirstValue("year", of_version=True),
    FirstValue("type", of_version=True),
    FirstValue("language"),
    FirstValue("publisher", of_version=True),
    FirstValue("volume", of_version=True),
    FirstValue("issue", of_version=True),
    FirstValue("pages", of_version=True),
    FirstValue("date", of_version=True),
    FirstValue("summary"),
    FirstCount("influential_citations"),
    FirstValue("citations_by_year"),
    FirstCount("references"),
    FirstValue("license", of_version=True),
    FirstValue("topics"),
    FirstValue("funders"),
    CompleteAuthors("authors"),
    Citations("citations"),
    FirstAccess("open_access"),
    Links("links"),
    Relations("relations"),
    Identifiers("identifiers"),
    AnyRetraction("is_retracted"),
)
RULES = {rule.field: rule for rule in _RULES}
"""The rule of each field of :class:`ConsolidatedPaper`. Conflicts have no rule: they
come with the identifiers."""


class Consolidator:
    """Makes the views of papers under one policy."""

    def __init__(self, policy: Policy = DEFAULT) -> None:
        self._policy = policy
        self._identifiers = RULES["identifiers"].order(policy)
        # Most fields share their order with others: a paper's records are sorted once for each.
        self._rules: dict[Order, list[Rule]] = {}
        for rule in RULES.values():
            self._rules.setdefault(rule.order(policy), []).append(rule)

    def consolidate(self, given: Given, records: Mapping[str, Record]) -> ConsolidatedPaper:
        """Return the view of a paper: it depends on the paper as given, its records, the policy.

        ``records``: by the name of the source, as records or
        :class:`~jobrunner.consolidation.statements.RawRecord`. Their order makes no difference, and
        they are not changed. If some are of a preprint and some of the published version, the
        fields that differ between them are those of the published version, and ``relations`` names
        the preprint.
        """
        paper = Statements(given, records, self._policy, self._identifiers)
        fields: dict[str, Any] = {"conflicts": conflicts_of(paper)}
        for order, rules in self._rules.items():
            ranked = paper.order(order)
            for rule in rules:
                fields[rule.field] = rule.choose(ranked, paper)
        return ConsolidatedPaper(**fields)
