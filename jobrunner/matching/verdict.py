"""The verdict on a record, and how rules reach it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum

from jobrunner.matching.comparison import Comparison


class Verdict(StrEnum):
    """Whether a record describes a paper; REVIEW: a person must decide."""

    MATCH = "match"
    REVIEW = "review"
    NO_MATCH = "no_match"


STRICTNESS = {Verdict.MATCH: 0, Verdict.REVIEW: 1, Verdict.NO_MATCH: 2}
"""The order of verdicts by strictness."""

Finding = tuple[Verdict, str]
"""The result of a rule: the verdict and its reason as a short code. Codes are stored."""

Rule = Callable[[Comparison], Finding | None]
"""Checks one aspect; returns None if it does not apply, so that the next rule is tried."""


def first_finding(rules: Sequence[Rule], comparison: Comparison) -> Finding | None:
    """Return the finding of the first rule that applies."""
    for rule in rules:
        finding = rule(comparison)
        if finding is not None:
            return finding
    return None


def strictest(findings: Iterable[Finding]) -> Verdict:
    """Return the strictest verdict: one doubt outweighs all supporting evidence."""
    return max((finding[0] for finding in findings), key=STRICTNESS.__getitem__)
