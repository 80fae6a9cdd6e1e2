"""Which value of a field wins, and the sentence that says why: a table with one rule for each.

A rule chooses, and tells how it chooses; both change together. Fields that are added up from all
sources (links, relations, identifiers) have theirs in :mod:`jobrunner.consolidation.unions`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable

from jobrunner.consolidation.policy import GIVEN, MAXIMUM, Policy
from jobrunner.consolidation.statements import Ranked, Statements
from jobrunner.consolidation.view import (
    INPUT,
    Retraction,
    Sourced,
    SourcedAccess,
    SourcedAuthors,
    SourcedCount,
)
from jobrunner.models import Author

_MOST_AUTHORS = 10_000


class Rule(ABC):
    """How the value of one field is chosen.

    ``of_version``: a preprint and what was published of it differ in this field, and are never
    blended.
    """

    choice: str
    """What is chosen, in words."""

    def __init__(self, field: str, *, of_version: bool = False) -> None:
        self.field = field
        self._of_version = of_version
        self._can_be_given = field in GIVEN

    @abstractmethod
    def choose(self, paper: Statements) -> object:
        """Return the field of the view; nothing (None, or empty) if nobody states it."""

    def sentence(self, policy: Policy, sources: Iterable[str]) -> str:
        """Say how the value is chosen among ``sources``."""
        versions = ""
        if self._of_version and self.field not in policy.fields:
            versions = " (of the published version before a preprint)"
        return f"{self.choice}{versions} of {self._names(policy, sources)}"

    def order(self, paper: Statements) -> Ranked:
        """Return who can state the field, and what they state, in the order that holds for it."""
        if self._can_be_given or self.field in paper.policy.fields:
            return paper.order(self.field, of_version=self._of_version)
        return paper.published if self._of_version else paper.ranked

    def _names(self, policy: Policy, sources: Iterable[str]) -> str:
        names = policy.order(sources, self.field)
        return ", ".join(policy.place_given(self.field, INPUT, names))


class FirstValue(Rule):
    """The first value that is not blank; the field has the same name in a record."""

    choice = "the first that says anything"

    def choose(self, paper: Statements) -> Sourced[object] | None:
        """Return the first value that is not blank."""
        field = self.field
        # Most fields of most papers take this way: it spares a call for each.
        order = paper.published if self._of_version else paper.ranked
        if self._can_be_given or field in paper.policy.fields:
            order = self.order(paper)
        for source, record in order:
            value = getattr(record, field)
            if value:
                return Sourced(value, source)
        return None


class FirstCount(FirstValue):
    """The first count above zero; zero holds where no source counts more."""

    def choose(self, paper: Statements) -> Sourced[object] | None:
        """Return the first count above zero, else the first zero."""
        return super().choose(paper) or self._zero(paper)

    def _zero(self, paper: Statements) -> Sourced[object] | None:
        for source, record in self.order(paper):
            if getattr(record, self.field) is not None:
                return Sourced(0, source)
        return None


class Citations(Rule):
    """The greatest count of all, or the first, as the policy says."""

    choice = "the first that counts any"

    def choose(self, paper: Statements) -> SourcedCount | None:
        """Return the count that wins, and all others."""
        counts = {s: r.citations for s, r in paper.ranked if r.citations is not None}
        if not counts:
            return None
        if paper.policy.citations == MAXIMUM:
            source = max(counts, key=counts.__getitem__)
        else:
            source = self._first(paper, counts)
        return SourcedCount(counts[source], source, counts)

    def _first(self, paper: Statements, counts: dict[str, int]) -> str:
        order = [source for source, _ in self.order(paper) if source in counts]
        above_zero = (source for source in order if counts[source])
        return next(above_zero, order[0])

    def sentence(self, policy: Policy, sources: Iterable[str]) -> str:
        """Say how the count is chosen."""
        if policy.citations == MAXIMUM:
            return "the greatest count of all"
        return super().sentence(policy, sources)


class CompleteAuthors(Rule):
    """One source's list as a whole, a complete one before one that was cut."""

    choice = "the first complete list"

    def choose(self, paper: Statements) -> SourcedAuthors | None:
        """Return the list of one source, or that of the paper as given."""
        if self.field in paper.policy.given_first:
            return _given_authors(paper) or self._of_sources(paper)
        return self._of_sources(paper) or _given_authors(paper)

    def _of_sources(self, paper: Statements) -> SourcedAuthors | None:
        lists = [(source, record) for source, record in self.order(paper) if record.authors]
        if not lists:
            return None
        complete = (entry for entry in lists if not entry[1].authors_truncated)
        source, record = next(complete, lists[0])
        return SourcedAuthors(record.authors, source, record.authors_truncated)


class FirstAccess(Rule):
    """The first link to read a paper at, else the first statement of its status."""

    choice = "the first link"

    def choose(self, paper: Statements) -> SourcedAccess | None:
        """Return the link with the status that the same source states."""
        order = self.order(paper)
        stated = _stating(order, "open_access_url") or _stating(order, "open_access")
        if not stated:
            return None
        source, record = stated[0]
        return SourcedAccess(record.open_access_url or None, source, record.open_access or None)


class AnyRetraction(Rule):
    """A paper is retracted if any source says so."""

    choice = "what any source says"

    def choose(self, paper: Statements) -> Retraction | None:
        """Return all sources that say so."""
        sources = [source for source, record in paper.ranked if record.is_retracted]
        return Retraction(True, sources[0], tuple(sources)) if sources else None

    def sentence(self, policy: Policy, sources: Iterable[str]) -> str:
        """Say that no order of sources matters."""
        return self.choice


def _stating(order: Ranked, field: str) -> Ranked:
    """Return the records that state a field."""
    return [entry for entry in order if getattr(entry[1], field)]


def _given_authors(paper: Statements) -> SourcedAuthors | None:
    names = paper.given.authors[:_MOST_AUTHORS]
    authors = tuple(Author(name=name) for name in names)
    return SourcedAuthors(authors, INPUT) if authors else None
