"""What the paper as given and the records of all sources contain, in the order of a policy."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TypeVar

from msgspec import Raw

from jobrunner.consolidation.policy import Order, Policy, place_given
from jobrunner.consolidation.urls import urls_of
from jobrunner.consolidation.view import INPUT
from jobrunner.identifiers.extract import identifiers_of
from jobrunner.matching.preprints import is_preprint, is_preprint_doi, is_preprint_venue
from jobrunner.models import SCHEMES, Given, Link, Record

_ABSTRACTS = ("abstract", "Abstract", "summary")
"""Names of the field with the abstract in an input paper. Matching does not use it."""

T = TypeVar("T")

Ranked = list[tuple[str, Record]]
"""Sources and their records, the most trusted first."""


class RawRecord(Record, frozen=True, kw_only=True):
    """A stored record with some fields left as JSON text, because a view copies them unchanged.

    Fields without a value are empty, as in a record.
    """

    authors: Raw = ()  # type: ignore[assignment]  # a record in all but this
    citations_by_year: Raw = ()  # type: ignore[assignment]
    topics: Raw = ()  # type: ignore[assignment]
    funders: Raw = ()  # type: ignore[assignment]


class Statements:
    """Everything that is known of one paper.

    ``ranked``: the records in the general order of the policy; ``published``: those of them that
    are used for fields that differ between versions; ``preprints``: the sources whose record is of
    a preprint, while others have the published version; ``own``: the paper as given, as a record;
    ``identifiers``: for each scheme, the values with the first source of each. The first value is
    chosen; the others are conflicts.
    """

    def __init__(
        self, given: Given, records: Mapping[str, Record], policy: Policy, identifiers: Order
    ) -> None:
        """``identifiers``: the order of the policy for identifiers."""
        self.given = given
        self.policy = policy
        self._records = records
        self.ranked = in_order(dict.fromkeys(policy.priority), records)
        self.preprints = _preprints(self.ranked)
        self.published = _of_published(self.ranked, self.preprints)
        self.own = Record(
            id="",
            title=given.title,
            abstract=_abstract(given.fields),
            venue=given.venue,
            year=given.year,
            links=tuple([Link(url=url) for url in urls_of(given.fields)]),
        )
        self.identifiers = self._identifiers(self.order(identifiers))

    def order(self, order: Order) -> Ranked:
        """Return the sources (and the paper as given) with their records, in this order."""
        ranked = self.published if order.of_version else self.ranked
        if order.names is not None:
            ranked = in_order(order.names, self._records)
        return place_given(order.given_first, (INPUT, self.own), ranked)

    def _identifiers(self, order: Ranked) -> list[tuple[str, dict[str, str]]]:
        given = identifiers_of(self.given.fields)
        own = [(scheme, value) for scheme, values in given.items() for value in values]
        stated: dict[str, dict[str, str]] = {}
        for source, record in order:
            pairs = own if source == INPUT else record.identifiers.items()
            for scheme, value in pairs:
                stated.setdefault(scheme, {}).setdefault(value, source)
        if len(stated.get("doi", ())) > 1:
            stated["doi"] = _dois_of_one_version(stated["doi"])
        return in_order(SCHEMES, stated)


def in_order(names: Collection[str], values: Mapping[str, T]) -> list[tuple[str, T]]:
    """Return values with their names: first those of ``names``, then all others by name."""
    ordered = [(name, values[name]) for name in names if name in values]
    if len(ordered) < len(values):
        others = sorted(values.keys() - names)
        ordered += [(name, values[name]) for name in others]
    return ordered


def _dois_of_one_version(dois: dict[str, str]) -> dict[str, str]:
    """Return the DOIs of the published version, or else the first one of a preprint.

    A preprint's DOI does not conflict with the publisher's, nor with that of another preprint.
    """
    published = {doi: source for doi, source in dois.items() if not is_preprint_doi(doi)}
    first = next(iter(dois))
    return published or {first: dois[first]}


def _preprints(ranked: Ranked) -> frozenset[str]:
    """Return the sources whose record is of a preprint, if others have the published version."""
    if len(ranked) < 2:
        return frozenset()
    preprints = frozenset([source for source, record in ranked if is_preprint(record)])
    return preprints if len(preprints) < len(ranked) else frozenset()


def _of_published(ranked: Ranked, preprints: frozenset[str]) -> Ranked:
    """Return the records of the published version.

    Records of preprints that name a journal or a conference come last: some services give them the
    venue and other fields of the published version.
    """
    if not preprints:
        return ranked
    published = [entry for entry in ranked if entry[0] not in preprints]
    mixed = [entry for entry in ranked if entry[0] in preprints and _names_publication(entry[1])]
    return published + mixed


def _names_publication(record: Record) -> bool:
    return bool(record.venue) and not is_preprint_venue(record.venue or "")


def _abstract(fields: Mapping[str, object]) -> str:
    for name in _ABSTRACTS:
        value = fields.get(name)
        text = value.strip() if isinstance(value, str) else ""
        if text:
            # A lone surrogate, which JSON can spell, would make the whole view unwritable.
            return text.encode("utf-8", "replace").decode()
    return ""
