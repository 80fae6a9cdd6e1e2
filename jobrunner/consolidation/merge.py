"""The consolidated view of a paper: one value for each field, each with the source it is from.

The view is a pure function of the paper as given, the records of the sources and a policy. It
depends on no order of records, and alters none of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import TypeVar

from msgspec import Raw

from jobrunner.consolidation.policy import DEFAULT, Policy
from jobrunner.consolidation.unions import (
    INPUT,
    View,
    united_identifiers,
    united_links,
    united_relations,
)
from jobrunner.matching.preprints import is_preprint, is_preprint_venue
from jobrunner.models import Given, Record


class Parts(Record, frozen=True, kw_only=True):
    """A stored record, of which a view takes some parts over whole: they are left as JSON text.

    Parts that are not there are empty, as they are in a record.
    """

    authors: Raw = ()  # type: ignore[assignment]  # a record in all but this
    citations_by_year: Raw = ()  # type: ignore[assignment]
    topics: Raw = ()  # type: ignore[assignment]
    funders: Raw = ()  # type: ignore[assignment]


_FIELDS = (
    "title", "abstract", "venue", "year",  # what a paper itself can say, in this order
    "type", "language", "publisher", "volume", "issue", "pages", "date", "summary",
    "influential_citations", "citations_by_year", "references", "license", "topics", "funders",
)  # fmt: skip
_COUNTS = frozenset(("influential_citations", "references"))
OF_A_VERSION = frozenset((
    "year", "date", "type", "venue", "publisher", "volume", "issue", "pages", "license",
))  # fmt: skip
"""Fields in which a preprint and what was published of it differ, and are never blended."""

_values_of = attrgetter(*_FIELDS)

_ABSTRACTS = ("abstract", "Abstract", "summary")
"""Names under which papers hold their abstract; nothing is matched by it."""

_MOST_AUTHORS = 10_000

T = TypeVar("T")
Ranked = list[tuple[str, T]]


def consolidate(given: Given, records: Mapping[str, Record], policy: Policy = DEFAULT) -> View:
    """Return the view, to be encoded: ``{"title": {"value": ..., "source": ...}, ...}``.

    ``records``, or :class:`Parts` of them, are by the name of their source. Fields that nobody
    knows are left out. Counts come with ``all``, what each source says; ``conflicts`` lists the
    identifiers in which the sources (or the paper as given) differ, with the value that was taken
    and those that were not. Where some records are of a preprint and some of what was published of
    it, fields of a version are those of the published one, and ``relations`` names the preprint.
    """
    ranked = _ranked(records, policy.priority)
    preprints = _preprints(ranked)
    view = _firsts(given, ranked, preprints, policy)
    _put(view, "authors", _authors(given, ranked, policy))
    _put(view, "citations", _citations(ranked, policy))
    _put(view, "open_access", _open_access(ranked, policy))
    links = united_links(
        given.fields, _order("links", ranked, policy), given_first="links" in policy.given_first
    )
    if links:
        view["links"] = links
    if relations := united_relations(ranked, preprints):
        view["relations"] = relations
    identifiers, conflicts = united_identifiers(
        given.fields,
        _order("identifiers", ranked, policy),
        given_first="identifiers" in policy.given_first,
    )
    view["identifiers"] = identifiers
    retracted = [source for source, record in ranked if record.is_retracted]
    if retracted:
        view["is_retracted"] = {"value": True, "source": retracted[0], "sources": retracted}
    view["conflicts"] = conflicts
    return view


def _ranked(records: Mapping[str, Record], priority: Sequence[str]) -> Ranked[Record]:
    ranked = [(source, records[source]) for source in dict.fromkeys(priority) if source in records]
    if len(ranked) < len(records):
        known = set(priority)
        ranked += sorted((s, r) for s, r in records.items() if s not in known)
    return ranked


def _preprints(ranked: Ranked[Record]) -> frozenset[str]:
    """Return the sources whose record is of a preprint, if others have what was published of it."""
    if len(ranked) < 2:
        return frozenset()
    preprints = frozenset(source for source, record in ranked if is_preprint(record))
    return preprints if len(preprints) < len(ranked) else frozenset()


def _of_published(said: Ranked[T], ranked: Ranked[Record], preprints: frozenset[str]) -> Ranked[T]:
    """Return what is said of the published version.

    Last come preprints that name a journal or a conference: some services give them the venue, and
    more, of what was published.
    """
    sure = [entry for entry in said if entry[0] not in preprints]
    mixed = {s for s, r in ranked if s in preprints and r.venue and not is_preprint_venue(r.venue)}
    return sure + [entry for entry in said if entry[0] in mixed]


def _order(name: str, ranked: Ranked[T], policy: Policy) -> Ranked[T]:
    """Return the records in the order that holds for one field."""
    wanted = policy.fields.get(name)
    if not wanted:
        return ranked
    place = {source: index for index, source in enumerate(wanted)}
    return sorted(ranked, key=lambda entry: place.get(entry[0], len(place)))


def _put(view: View, name: str, chosen: View | None) -> None:
    if chosen is not None:
        view[name] = chosen


def _firsts(
    given: Given, ranked: Ranked[Record], preprints: frozenset[str], policy: Policy
) -> View:
    """Choose for each plain field the first value that says anything, zero if none does.

    The paper as given counts first, or last.
    """
    view: View = {}
    said = [(source, _values_of(record)) for source, record in ranked]
    of_version = _of_published(said, ranked, preprints) if preprints else said
    mine = (given.title, _abstract(given.fields), given.venue, given.year)
    for index, name in enumerate(_FIELDS):
        own = mine[index] if index < len(mine) else None
        if own and name in policy.given_first:
            view[name] = {"value": own, "source": INPUT}
            continue
        ordered = of_version if name in OF_A_VERSION else said
        if name in policy.fields:
            ordered = _order(name, said, policy)
        for source, values in ordered:
            value = values[index]
            if value:
                view[name] = {"value": value, "source": source}
                break
        else:
            if own:
                view[name] = {"value": own, "source": INPUT}
            elif name in _COUNTS:
                _put(view, name, _zero(index, ordered))
    return view


def _zero(index: int, said: Ranked[tuple[object, ...]]) -> View | None:
    """Return the first count of zero: it holds where no source counts more."""
    counts = ((source, values[index]) for source, values in said)
    return next(({"value": 0, "source": s} for s, count in counts if count is not None), None)


def _citations(ranked: Ranked[Record], policy: Policy) -> View | None:
    counts = {source: r.citations for source, r in ranked if r.citations is not None}
    if not counts:
        return None
    if policy.citations == "maximum":
        source = max(counts, key=counts.__getitem__)
    else:
        order = [s for s, _ in _order("citations", ranked, policy) if s in counts]
        source = next((s for s in order if counts[s]), order[0])
    return {"value": counts[source], "source": source, "all": counts}


def _authors(given: Given, ranked: Ranked[Record], policy: Policy) -> View | None:
    """Take one source's list as a whole, a complete one before one that was cut."""
    lists = [entry for entry in _order("authors", ranked, policy) if entry[1].authors]
    if not lists or "authors" in policy.given_first:
        names = [{"name": name} for name in given.authors[:_MOST_AUTHORS]]
        if names or not lists:
            return {"value": names, "source": INPUT} if names else None
    source, record = next((e for e in lists if not e[1].authors_truncated), lists[0])
    view: View = {"value": record.authors, "source": source}
    if record.authors_truncated:
        view["truncated"] = True
    return view


def _open_access(ranked: Ranked[Record], policy: Policy) -> View | None:
    """Choose the link to read it at, else the first statement of its status."""
    status: View | None = None
    for source, record in _order("open_access", ranked, policy):
        if record.open_access_url:
            found: View = {"value": record.open_access_url, "source": source}
            if record.open_access:
                found["status"] = record.open_access
            return found
        if record.open_access and status is None:
            status = {"value": None, "source": source, "status": record.open_access}
    return status


def _abstract(fields: Mapping[str, object]) -> str:
    for key in _ABSTRACTS:
        value = fields.get(key)
        if isinstance(value, str) and (text := value.strip()):
            return text if text.isascii() else text.encode("utf-8", "replace").decode()
    return ""
