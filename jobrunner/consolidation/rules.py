"""Rules: how the value of a field is chosen, and the sentence that explains the choice.

``RULES`` in :mod:`jobrunner.consolidation.merge` says which field has which rule. A rule chooses
and explains, so that both change together. The rules of fields that are combined from all sources
(links, relations, identifiers) are in :mod:`jobrunner.consolidation.unions`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable

from msgspec import structs

from jobrunner.consolidation.policy import MAXIMUM, Order, Policy, place_given
from jobrunner.consolidation.statements import Ranked, Statements
from jobrunner.consolidation.view import (
    INPUT,
    Retraction,
    Sourced,
    SourcedAccess,
    SourcedAuthors,
    SourcedCount,
)
from jobrunner.models import Author, Record

_MOST_AUTHORS = 10_000


class Rule(ABC):
    """How the value of one field is chosen.

    ``of_version``: the field differs between a preprint and the published version, so their
    records are not mixed.
    """

    choice: str
    """The chosen value, in words."""

    def __init__(self, field: str, *, of_version: bool = False) -> None:
        self.field = field
        self._of_version = of_version

    def order(self, policy: Policy) -> Order:
        """Return the order in which sources are consulted."""
        return policy.order_of(self.field, of_version=self._of_version)

    @abstractmethod
    def choose(self, order: Ranked, paper: Statements) -> object:
        """Return the field of the view: None or empty if no source has it.

        ``order``: the sources (and the paper as given) with their records, in the :meth:`order` of
        the policy.
        """

    def sentence(self, policy: Policy, sources: Iterable[str]) -> str:
        """Describe how the value is chosen among ``sources``."""
        versions = ""
        if self.order(policy).of_version:
            versions = "; the published version is preferred to a preprint"
        return f"{self.choice} in the order {self._names(policy, sources)}{versions}"

    def _names(self, policy: Policy, sources: Iterable[str]) -> str:
        names = policy.order(sources, self.field)
        return ", ".join(place_given(policy.order_of(self.field).given_first, INPUT, names))


class FirstValue(Rule):
    """The first value that is not blank; the field has the same name in a record."""

    choice = "the first value"

    def choose(self, order: Ranked, paper: Statements) -> Sourced[object] | None:
        """Return the first value that is not blank."""
        field = self.field
        for source, record in order:
            value = getattr(record, field)
            if value:
                return Sourced(value, source)
        return None


class FirstCount(FirstValue):
    """The first count above zero, or zero if no source has a higher count."""

    def choose(self, order: Ranked, paper: Statements) -> Sourced[object] | None:
        """Return the first count above zero, else the first zero."""
        return super().choose(order, paper) or _first_zero(order, self.field)


class Citations(Rule):
    """The highest count or the first one, depending on the policy."""

    choice = "the first count above zero"

    def choose(self, order: Ranked, paper: Statements) -> SourcedCount | None:
        """Return the count that wins, and all others."""
        counts = {s: r.citations for s, r in paper.ranked if r.citations is not None}
        if not counts:
            return None
        if paper.policy.citations == MAXIMUM:
            source = max(counts, key=counts.__getitem__)
        else:
            source = _first_count(order, counts)
        return SourcedCount(counts[source], source, counts)

    def sentence(self, policy: Policy, sources: Iterable[str]) -> str:
        """Describe how the count is chosen."""
        if policy.citations == MAXIMUM:
            return "the highest count of all sources"
        return super().sentence(policy, sources)


class CompleteAuthors(Rule):
    """The whole list of one source; a complete list comes before one that was cut."""

    choice = "the first complete list of authors"

    def order(self, policy: Policy) -> Order:
        """Return the order of the sources alone.

        The given names do not compete with the sources' lists.
        """
        return structs.replace(super().order(policy), given_first=None)

    def choose(self, order: Ranked, paper: Statements) -> SourcedAuthors | None:
        """Return the list of one source, or that of the paper as given."""
        if self.field in paper.policy.given_first:
            return _given_authors(paper) or _authors_of_sources(order)
        return _authors_of_sources(order) or _given_authors(paper)


class FirstAccess(Rule):
    """The first open-access link, else the first open-access status."""

    choice = "the first open-access link"

    def choose(self, order: Ranked, paper: Statements) -> SourcedAccess | None:
        """Return the link with the status that the same source states."""
        stated = _first_stating(order, "open_access_url") or _first_stating(order, "open_access")
        if stated is None:
            return None
        source, record = stated
        return SourcedAccess(record.open_access_url or None, source, record.open_access or None)


class AnyRetraction(Rule):
    """A paper is retracted if any source says so."""

    choice = "retracted if any source reports a retraction"

    def choose(self, order: Ranked, paper: Statements) -> Retraction | None:
        """Return all sources that say so."""
        sources = [source for source, record in paper.ranked if record.is_retracted]
        return Retraction(True, sources[0], tuple(sources)) if sources else None

    def sentence(self, policy: Policy, sources: Iterable[str]) -> str:
        """Describe the choice, which does not depend on the order of the sources."""
        return self.choice


def _first_zero(order: Ranked, field: str) -> Sourced[object] | None:
    for source, record in order:
        if getattr(record, field) is not None:
            return Sourced(0, source)
    return None


def _first_count(order: Ranked, counts: dict[str, int]) -> str:
    sources = [source for source, _ in order if source in counts]
    above_zero = filter(counts.__getitem__, sources)
    return next(above_zero, sources[0])


def _authors_of_sources(order: Ranked) -> SourcedAuthors | None:
    cut = None
    for source, record in order:
        authors = record.authors
        if authors and not record.authors_truncated:
            return SourcedAuthors(authors, source)
        if authors and cut is None:
            cut = SourcedAuthors(authors, source, True)
    return cut


def _first_stating(order: Ranked, field: str) -> tuple[str, Record] | None:
    for entry in order:
        if getattr(entry[1], field):
            return entry
    return None


def _given_authors(paper: Statements) -> SourcedAuthors | None:
    names = paper.given.authors[:_MOST_AUTHORS]
    authors = tuple(Author(name=name) for name in names)
    return SourcedAuthors(authors, INPUT) if authors else None
