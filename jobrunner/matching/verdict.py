"""The verdict on a record, and how rules come to it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum

from jobrunner.matching.comparison import Comparison


class Verdict(StrEnum):
    """Whether a record is of a paper; REVIEW: a person has to look."""

    MATCH = "match"
    REVIEW = "review"
    NO_MATCH = "no_match"


STRICTNESS = {Verdict.MATCH: 0, Verdict.REVIEW: 1, Verdict.NO_MATCH: 2}
"""How much each verdict doubts that the record is of the paper."""

Finding = tuple[Verdict, str]
"""What a rule says: the verdict, and the reason for it as a short code."""

Rule = Callable[[Comparison], Finding | None]
"""Looks at one thing; None if it has nothing to say, so that the next rule is asked."""


def first_finding(rules: Sequence[Rule], comparison: Comparison) -> Finding | None:
    """Return what the first rule says that has something to say."""
    for rule in rules:
        finding = rule(comparison)
        if finding is not None:
            return finding
    return None


def strictest(findings: Iterable[Finding]) -> Verdict:
    """Return the verdict that doubts most: one doubt outweighs all support."""
    return max((finding[0] for finding in findings), key=STRICTNESS.__getitem__)
