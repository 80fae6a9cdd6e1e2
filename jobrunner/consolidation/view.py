"""The consolidated view of a paper: its fields, each value with its source.

Snapshots contain the view as JSON in the order of :class:`ConsolidatedPaper`; unknown fields are
left out. It can be read back: ``msgspec.json.decode(text, type=ConsolidatedPaper)``.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from msgspec import Struct

from jobrunner.models import Author

INPUT = "input"
"""The name under which the paper as given counts as a source."""

T = TypeVar("T")


class Sourced(Struct, Generic[T], frozen=True, gc=False):
    """A value and its source."""

    value: T
    source: str


class SourcedAuthors(Struct, frozen=True, omit_defaults=True, gc=False):
    """The list of one source; ``truncated`` if the source cut it."""

    value: tuple[Author, ...]
    source: str
    truncated: bool = False


class SourcedCount(Struct, frozen=True, gc=False):
    """A count, with ``all``: the count of each source, by its name."""

    value: int
    source: str
    all: dict[str, int]


class SourcedAccess(Struct, frozen=True, omit_defaults=True, gc=False):
    """The URL at which a paper can be read, if one is known, and the status, such as 'gold'."""

    value: str | None
    source: str
    status: str | None = None


class SourcedLink(Struct, frozen=True, omit_defaults=True, gc=False):
    """A URL; ``kind`` is 'landing' or 'pdf', and None for a URL of the paper as given."""

    value: str
    source: str
    kind: str | None = None
    open_access: bool = False
    license: str | None = None
    version: str | None = None


class SourcedRelation(Struct, frozen=True, gc=False):
    """A relation to another work: ``kind`` is a word such as 'has-preprint', 'retraction'."""

    kind: str
    scheme: str
    value: str
    source: str


class Retraction(Struct, frozen=True, gc=False):
    """The paper is retracted: the first source that says so, and all ``sources`` that do."""

    value: bool
    source: str
    sources: tuple[str, ...]


class Conflict(Struct, frozen=True, gc=False):
    """An identifier on which the sources differ: the value chosen, and the others.

    ``field`` is the scheme of the identifier.
    """

    field: str
    value: str
    source: str
    others: tuple[Sourced[str], ...]


class ConsolidatedPaper(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One value for each field, each with its source. Unknown fields are None or empty.

    The view of stored records (:class:`~jobrunner.consolidation.statements.RawRecord`) has
    ``msgspec.Raw`` in place of authors, citations by year, topics and funders: it is meant to be
    encoded.
    """

    title: Sourced[str] | None = None
    abstract: Sourced[str] | None = None
    venue: Sourced[str] | None = None
    year: Sourced[int] | None = None
    type: Sourced[str] | None = None
    language: Sourced[str] | None = None
    publisher: Sourced[str] | None = None
    volume: Sourced[str] | None = None
    issue: Sourced[str] | None = None
    pages: Sourced[str] | None = None
    date: Sourced[str] | None = None
    summary: Sourced[str] | None = None
    influential_citations: Sourced[int] | None = None
    citations_by_year: Sourced[dict[int, int]] | None = None
    references: Sourced[int] | None = None
    license: Sourced[str] | None = None
    topics: Sourced[tuple[str, ...]] | None = None
    funders: Sourced[tuple[str, ...]] | None = None
    authors: SourcedAuthors | None = None
    citations: SourcedCount | None = None
    open_access: SourcedAccess | None = None
    links: tuple[SourcedLink, ...] = ()
    relations: tuple[SourcedRelation, ...] = ()
    identifiers: dict[str, Sourced[str]]
    is_retracted: Retraction | None = None
    conflicts: tuple[Conflict, ...]
