"""What the paper as given and the records of all sources state, in the order of a policy."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Raw

from jobrunner.consolidation.policy import Policy
from jobrunner.consolidation.urls import urls_of
from jobrunner.consolidation.view import INPUT
from jobrunner.identifiers.extract import identifiers_of
from jobrunner.matching.preprints import is_preprint, is_preprint_venue
from jobrunner.models import SCHEMES, Given, Link, Record

_ABSTRACTS = ("abstract", "Abstract", "summary")
"""Names under which papers hold their abstract; nothing is matched by it."""

_PLACES = {scheme: place for place, scheme in enumerate(SCHEMES)}

Ranked = list[tuple[str, Record]]
"""Sources and their records, the most trusted first."""


class RawRecord(Record, frozen=True, kw_only=True):
    """A stored record, of which a view takes some parts over whole: they are left as JSON text.

    Parts that are not there are empty, as they are in a record.
    """

    authors: Raw = ()  # type: ignore[assignment]  # a record in all but this
    citations_by_year: Raw = ()  # type: ignore[assignment]
    topics: Raw = ()  # type: ignore[assignment]
    funders: Raw = ()  # type: ignore[assignment]


class Statements:
    """All that is stated of one paper.

    ``ranked``: the records in the general order of the policy; ``published``: those of them that
    count in fields of a version; ``preprints``: the sources whose record is of the preprint of
    what the others describe; ``own``: what the paper as given states, in the form of a record;
    ``identifiers``: by scheme, all values, each with the first source that states it.
    """

    def __init__(self, given: Given, records: Mapping[str, Record], policy: Policy) -> None:
        self.given = given
        self.policy = policy
        self._records = records
        self.ranked = self._in_order(policy.order(records))
        self.preprints = _preprints(self.ranked)
        self.published = _of_published(self.ranked, self.preprints)
        self.own = Record(
            id="",
            title=given.title,
            abstract=_abstract(given.fields),
            venue=given.venue,
            year=given.year,
            links=tuple(Link(url=url) for url in urls_of(given.fields)),
        )
        self.identifiers = self._identifiers()

    def order(self, field: str, *, of_version: bool) -> Ranked:
        """Return who can state a field, and what they state, in the order that holds for it.

        ``of_version``: preprints and what was published of them are not blended in this field.
        """
        ranked = self.published if of_version else self.ranked
        if field in self.policy.fields:
            ranked = self._in_order(self.policy.order(self._records, field))
        return self.policy.place_given(field, (INPUT, self.own), ranked)

    def _identifiers(self) -> dict[str, dict[str, str]]:
        given = identifiers_of(self.given.fields)
        own = [(scheme, value) for scheme, values in given.items() for value in values]
        stated: dict[str, dict[str, str]] = {}
        for source, record in self.order("identifiers", of_version=False):
            pairs = own if source == INPUT else record.identifiers.items()
            for scheme, value in pairs:
                stated.setdefault(scheme, {}).setdefault(value, source)
        return {scheme: stated[scheme] for scheme in sorted(stated, key=_place)}

    def _in_order(self, sources: list[str]) -> Ranked:
        return [(source, self._records[source]) for source in sources if source in self._records]


def _place(scheme: str) -> tuple[int, str]:
    return _PLACES.get(scheme, len(_PLACES)), scheme


def _preprints(ranked: Ranked) -> frozenset[str]:
    """Return the sources whose record is of a preprint, if others have what was published of it."""
    if len(ranked) < 2:
        return frozenset()
    preprints = frozenset(source for source, record in ranked if is_preprint(record))
    return preprints if len(preprints) < len(ranked) else frozenset()


def _of_published(ranked: Ranked, preprints: frozenset[str]) -> Ranked:
    """Return the records of the published version.

    Last come preprints that name a journal or a conference: some services give them the venue, and
    more, of what was published.
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
