"""The plain types that every other module speaks: papers, records, answers.

All of them are immutable values without I/O. ``Record`` and its parts are stored and written as
JSON, so a new field needs a default.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct

SCHEMES = ("doi", "arxiv", "pmid", "pmcid", "openalex", "s2", "corpusid", "mag", "acl", "dblp")
"""Identifier schemes that jobrunner knows, in the order in which they are trusted for matching."""

Identifiers = dict[str, tuple[str, ...]]
"""Scheme to normalised values (see :mod:`jobrunner.identifiers.extract`), the most trusted value
first."""


class Outcome(StrEnum):
    """What a source said of a paper; never one for another."""

    ENRICHED = "enriched"
    NOT_FOUND = "not_found"
    AMBIGUOUS = "ambiguous"
    FAILED = "failed"


class SessionStatus(StrEnum):
    """What the row of a session says of it."""

    LOADING = "loading"
    PENDING = "pending"
    RUNNING = "running"
    INTERRUPTED = "interrupted"
    FAILED = "failed"
    COMPLETED = "completed"


class SessionState(StrEnum):
    """What a session's status comes to, as users see it: also whether its runner is alive."""

    PENDING = "pending"
    RUNNING = "running"
    CRASHED = "crashed"
    INTERRUPTED = "interrupted"
    FAILED = "failed"
    COMPLETED = "completed"


class RunEnding(StrEnum):
    """How a run ended; ``crashed`` is noted by the next one."""

    COMPLETED = "completed"
    INTERRUPTED = "interrupted"
    FAILED = "failed"
    CRASHED = "crashed"


class SourceStatus(StrEnum):
    """What the row of a session's source says of it."""

    ACTIVE = "active"
    STOPPED = "stopped"
    DROPPED = "dropped"


class SourceState(StrEnum):
    """What a source's status comes to, as users see it.

    ``done``: nothing is pending. ``open``: papers are pending and no run is at work.
    """

    ACTIVE = "active"
    OPEN = "open"
    DONE = "done"
    STOPPED = "stopped"
    DROPPED = "dropped"


class BatchKind(StrEnum):
    """How the papers of a batch were answered: by identifier, by title, or by a person."""

    LOOKUP = "lookup"
    SEARCH = "search"
    REVIEW = "review"


class EventKind(StrEnum):
    """What an event in a session's history tells of."""

    STARTED = "started"
    RESUMED = "resumed"
    COMPLETED = "completed"
    INTERRUPTED = "interrupted"
    FAILED = "failed"
    CRASHED = "crashed"
    INPUT = "input"
    RETRY = "retry"
    SOURCE = "source"
    SNAPSHOT = "snapshot"
    RESTORED = "restored"
    WARNING = "warning"


class Paper(Struct, frozen=True, kw_only=True):
    """One input record, reduced to what looking it up and matching it needs.

    ``title`` is as given ('' if absent), ``authors`` are display names in order, ``venue`` is ''
    if absent. ``id`` is unique in a database, ``position`` counts from 0 in the input.
    """

    id: int
    position: int
    key: str
    title: str
    authors: tuple[str, ...] = ()
    year: int | None = None
    venue: str = ""
    identifiers: Identifiers = {}


class Given(Struct, frozen=True, kw_only=True):
    """A paper as given: all its ``fields``, and what was understood of them when it was read.

    That is what the paper is matched by, under whatever names it stood in the input.
    """

    fields: Mapping[str, object] = {}
    title: str = ""
    authors: tuple[str, ...] = ()
    year: int | None = None
    venue: str = ""


class Affiliation(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where an author works, as one source says."""

    name: str
    ror: str | None = None
    country: str | None = None


class Author(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One author of a record. ``orcid`` is bare (0000-0000-0000-000X); ``id`` is the source's."""

    name: str
    id: str | None = None
    orcid: str | None = None
    affiliations: tuple[Affiliation, ...] = ()


class Link(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A URL of a record; ``kind`` is 'landing' or 'pdf'."""

    url: str
    kind: str = "landing"
    open_access: bool = False
    license: str | None = None
    version: str | None = None


class Relation(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A stated link to another work: ``kind`` such as 'is-preprint-of', 'retraction'."""

    kind: str
    scheme: str
    value: str


class Record(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A source's normalised answer about one paper.

    ``id`` is the source's own identifier. ``identifiers`` maps scheme to one normalised value.
    Counts are non-negative; ``None`` means that the source does not say. Dates are ISO 8601.
    """

    id: str
    title: str = ""
    authors: tuple[Author, ...] = ()
    authors_truncated: bool = False
    year: int | None = None
    date: str | None = None
    venue: str | None = None
    publisher: str | None = None
    type: str | None = None
    language: str | None = None
    volume: str | None = None
    issue: str | None = None
    pages: str | None = None
    identifiers: dict[str, str] = {}
    abstract: str | None = None
    summary: str | None = None
    citations: int | None = None
    influential_citations: int | None = None
    citations_by_year: dict[int, int] = {}
    references: int | None = None
    links: tuple[Link, ...] = ()
    open_access: str | None = None
    open_access_url: str | None = None
    license: str | None = None
    topics: tuple[str, ...] = ()
    funders: tuple[str, ...] = ()
    relations: tuple[Relation, ...] = ()
    is_retracted: bool = False


class Match(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a record was tied to a paper.

    ``by`` is an identifier scheme or 'title'; ``score`` is 0..1 (title similarity); ``reasons``
    are short codes of what supported or contradicted it, such as 'title', 'authors', 'year+1'.
    """

    by: str
    score: float
    reasons: tuple[str, ...] = ()


class Candidate(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A record that may or may not be the paper, kept for review."""

    record: Record
    match: Match


class Answer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All that one source says about one paper in one go."""

    outcome: Outcome
    record: Record | None = None
    match: Match | None = None
    candidates: tuple[Candidate, ...] = ()
    error: str | None = None

    @classmethod
    def found(cls, record: Record, match: Match) -> Answer:
        """Build the answer for a paper that the source knows."""
        return cls(outcome=Outcome.ENRICHED, record=record, match=match)

    @classmethod
    def not_found(cls) -> Answer:
        """Build the answer for a paper that the source was asked about and does not have."""
        return cls(outcome=Outcome.NOT_FOUND)

    @classmethod
    def ambiguous(cls, candidates: tuple[Candidate, ...], reason: str) -> Answer:
        """Build the answer for a paper that a person must decide about."""
        return cls(outcome=Outcome.AMBIGUOUS, candidates=candidates, error=reason)

    @classmethod
    def failed(cls, error: str) -> Answer:
        """Build the answer for a paper about which nothing could be learned."""
        return cls(outcome=Outcome.FAILED, error=error)


class Usage(Struct):
    """What a batch used: all HTTP requests, how many of them were repeats, and micro-USD."""

    requests: int = 0
    retries: int = 0
    cost_micros: int = 0


class InputPaper(Struct, frozen=True, kw_only=True):
    """One element of the input, whether or not it can be looked up.

    ``position`` counts from 0 and counts unusable elements too. ``given`` is the element's own
    JSON text on one line, safe to splice into another document: key order, number spelling,
    escapes and duplicate keys are as in the input, only line breaks and indentation are dropped.
    An element that is not safe JSON is given as a JSON string of its (bounded) text.
    ``unusable`` says why nothing can be looked up; the other fields then hold what could be read.
    """

    position: int
    given: str
    key: str = ""
    title: str = ""
    authors: tuple[str, ...] = ()
    year: int | None = None
    venue: str = ""
    identifiers: Identifiers = {}
    unusable: str | None = None
