"""The interface of a source.

A source is one class: a constructor that takes :class:`SourceSettings`, the attributes below and
two coroutines. It keeps no state between calls, has no access to the database and prints nothing.
It is registered in the entry point group ``jobrunner.sources``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from jobrunner.errors import SourceStopped
from jobrunner.http.batch_requests import Requests
from jobrunner.http.service import Service
from jobrunner.models import Answer, Paper


class SourceSettings(Struct, frozen=True, kw_only=True):
    """The user's settings for one source. ``api_key`` must never be logged or stored."""

    base_url: str | None = None
    api_key: str | None = None
    email: str | None = None

    def __repr__(self) -> str:
        key = "set" if self.api_key else "absent"
        return f"SourceSettings(base_url={self.base_url!r}, api_key={key}, email={self.email!r})"


class Prices(Struct, frozen=True, kw_only=True):
    """A service's prices in micro-USD per request, and its daily allowance.

    ``daily_micros`` is the most that the user can spend per day, with or without a key; None means
    no limit.
    """

    lookup_micros: int = 0
    search_micros: int = 0
    daily_micros: int | None = None


class LookupResult(Struct, frozen=True):
    """The result of a lookup: answers by ``Paper.id``. A paper without an answer was not found.

    ``stopped`` is the error that ended the lookup early. The answers are then the final ones: they
    may have cost money, so they are committed. A paper without an answer stays pending.
    """

    answers: Mapping[int, Answer]
    stopped: SourceStopped | None = None


class Source(Protocol):
    """A service with data about papers.

    ``name``: the source's name everywhere, one word in lower case.
    ``schemes``: identifier schemes that :meth:`lookup` supports, best first.
    ``after``: names of the sources that must process a paper first, to find its identifiers.
    ``lookup_size``: most papers in one :meth:`lookup`; ``search_size``: papers in one search batch.
    ``service``: how to reach it over HTTP, with its published limits.
    ``prices``: its :class:`Prices`; a source without this attribute is free.
    """

    name: str
    schemes: tuple[str, ...]
    after: tuple[str, ...]
    lookup_size: int
    search_size: int
    service: Service

    def __init__(self, settings: SourceSettings) -> None: ...

    async def lookup(self, papers: Sequence[Paper], requests: Requests) -> LookupResult:
        """Look papers up by identifier, in bulk.

        Each paper has at least one identifier in ``schemes``. A paper without an answer was not
        found. Raises a :class:`~jobrunner.errors.SourceError`, but returns ``Answer.failed`` for a
        paper whose own record is broken. May raise SourceStopped if there is no answer to keep.
        """

    async def search(self, paper: Paper, requests: Requests) -> Answer:
        """Search for a paper by title; decide with :func:`~jobrunner.plugins.decide_by_title`."""


def sources_before(source: Source, names: Sequence[str], *, in_order: bool) -> tuple[str, ...]:
    """Return the sources that must process a paper before this one.

    With ``in_order`` these are all sources before it in ``names``, the session's sources.
    Otherwise they are the source's own ``after``, which may name sources outside the session.
    """
    return tuple(names[: names.index(source.name)]) if in_order else tuple(source.after)
