"""The data types that all other modules share: papers, records, answers.

They are plain values without I/O. ``Record`` and its parts are stored as JSON, so a new field needs
a default: otherwise stored records cannot be read.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct

SCHEMES = ("doi", "arxiv", "pmid", "pmcid", "openalex", "s2", "corpusid", "mag", "acl", "dblp")
"""Supported identifier schemes, the most trusted for matching first."""

Identifiers = dict[str, tuple[str, ...]]
"""Maps schemes to normalised values (see :mod:`jobrunner.identifiers.extract`), the most trusted
value first."""


class Outcome(StrEnum):
    """The outcome of querying a source for one paper."""

    ENRICHED = "enriched"
    NOT_FOUND = "not_found"
    AMBIGUOUS = "ambiguous"
    FAILED = "failed"


class SessionStatus(StrEnum):
    """The status stored in the row of a session."""

    LOADING = "loading"
    PENDING = "pending"
    RUNNING = "running"
    INTERRUPTED = "interrupted"
    FAILED = "failed"
    COMPLETED = "completed"


class SessionState(StrEnum):
    """The state of a session as shown to users: its status and whether its runner is alive."""

    PENDING = "pending"
    RUNNING = "running"
    CRASHED = "crashed"
    INTERRUPTED = "interrupted"
    FAILED = "failed"
    COMPLETED = "completed"


class RunEnding(StrEnum):
    """How a run ended. ``crashed`` is recorded by the next run."""

    COMPLETED = "completed"
    INTERRUPTED = "interrupted"
    FAILED = "failed"
    CRASHED = "crashed"


class SourceStatus(StrEnum):
    """The status stored in the row of a session's source."""

    ACTIVE = "active"
    STOPPED = "stopped"
    DROPPED = "dropped"


class SourceState(StrEnum):
    """The state of a source as shown to users.

    ``done``: nothing is pending. ``open``: papers are pending and no run is active.
    """

    ACTIVE = "active"
    OPEN = "open"
    DONE = "done"
    STOPPED = "stopped"
    DROPPED = "dropped"


class BatchKind(StrEnum):
    """How a batch was answered: by identifier, by title, or by a person's decision."""

    LOOKUP = "lookup"
    SEARCH = "search"
    REVIEW = "review"


class EventKind(StrEnum):
    """The kind of an event in a session's history."""

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
    """One input record, reduced to the fields that lookup, search and matching need.

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
    """A paper as given: all its ``fields``, and the values extracted from them for matching.

    The extracted values do not depend on the field names of the input format.
    """

    fields: Mapping[str, object] = {}
    title: str = ""
    authors: tuple[str, ...] = ()
    year: int | None = None
    venue: str = ""


class Affiliation(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An affiliation of an author, according to one source."""

    name: str
    ror: str | None = None
    country: str | None = None


class Author(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One author of a record. ``orcid`` has no URL prefix; ``id`` is the source's own."""

    name: str
    id: str | None = None
    orcid: str | None = None
    affiliations: tuple[Affiliation, ...] = ()


class Link(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A URL of a record. ``kind`` is 'landing' or 'pdf'."""

    url: str
    kind: str = "landing"
    open_access: bool = False
    license: str | None = None
    version: str | None = None


class Relation(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A relation to another work, such as the ``kind`` 'is-preprint-of' or 'retraction'."""

    kind: str
    scheme: str
    value: str


class Record(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A source's normalised metadata of one paper.

    ``id`` is the source's own identifier. ``identifiers`` has one normalised value per scheme.
    Counts are non-negative; ``None`` means that the source gives none. Dates are ISO 8601.
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
    """How a record was matched to a paper.

    ``by`` is an identifier scheme or 'title'; ``score`` is the title similarity, 0 to 1;
    ``reasons`` are short codes of the evidence for or against it, such as 'authors' or 'year+1'.
    """

    by: str
    score: float
    reasons: tuple[str, ...] = ()


class Candidate(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A record that may be the paper, kept for review."""

    record: Record
    match: Match


class Answer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One source's answer for one paper."""

    outcome: Outcome
    record: Record | None = None
    match: Match | None = None
    candidates: tuple[Candidate, ...] = ()
    error: str | None = None

    @classmethod
    def found(cls, record: Record, match: Match) -> Answer:
        """Build the answer for a paper that was matched to a record."""
        return cls(outcome=Outcome.ENRICHED, record=record, match=match)

    @classmethod
    def not_found(cls) -> Answer:
        """Build the answer for a paper that the source does not have."""
        return cls(outcome=Outcome.NOT_FOUND)

    @classmethod
    def ambiguous(cls, candidates: tuple[Candidate, ...], reason: str) -> Answer:
        """Build the answer for a paper that needs a person's decision."""
        return cls(outcome=Outcome.AMBIGUOUS, candidates=candidates, error=reason)

    @classmethod
    def failed(cls, error: str) -> Answer:
        """Build the answer for a paper that could not be queried or whose answer is unusable."""
        return cls(outcome=Outcome.FAILED, error=error)


class Usage(Struct):
    """The usage of a batch: all HTTP requests, those among them that were retries, micro-USD."""

    requests: int = 0
    retries: int = 0
    cost_micros: int = 0


class InputPaper(Struct, frozen=True, kw_only=True):
    """One element of the input, usable or not.

    ``position`` counts from 0 and includes unusable elements. ``given`` is the element's own JSON
    text on one line, safe to insert into another document. Key order, number formats, escapes and
    duplicate keys are as in the input; only line breaks and indentation are removed. An element
    that is not safe JSON is represented by a JSON string of its (truncated) text. ``unusable`` is
    the reason why the paper cannot be queried; the other fields then hold what could be read.
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
