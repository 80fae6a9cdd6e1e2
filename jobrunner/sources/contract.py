"""What a source is.

A source is one class: a constructor that takes :class:`SourceSettings`, the attributes below and
two coroutines. It keeps no state between calls, knows no database and prints nothing. It is
found by the entry point group ``jobrunner.sources``.
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
    """What the user set for one source. ``api_key`` must never be logged or stored."""

    base_url: str | None = None
    api_key: str | None = None
    email: str | None = None

    def __repr__(self) -> str:
        key = "set" if self.api_key else "absent"
        return f"SourceSettings(base_url={self.base_url!r}, api_key={key}, email={self.email!r})"


class Prices(Struct, frozen=True, kw_only=True):
    """What a service takes, in micro-USD: for one request of each kind, and at most in a day.

    ``daily_micros`` is the allowance of a user with a key, or of one without; None for no limit.
    """

    lookup_micros: int = 0
    search_micros: int = 0
    daily_micros: int | None = None


class LookupResult(Struct, frozen=True):
    """What a lookup came to: its answers by ``Paper.id``. A paper without one was not found.

    ``stopped`` is the error that cut the lookup off. The answers are then those that are final:
    they have been paid for, and are committed. A paper without one stays pending.
    """

    answers: Mapping[int, Answer]
    stopped: SourceStopped | None = None


class Source(Protocol):
    """A service that knows papers.

    ``name``: lower-case word used everywhere for this source.
    ``schemes``: identifier schemes that :meth:`lookup` takes, best first.
    ``after``: names of the sources whose identifiers it wants first.
    ``lookup_size``: most papers that one :meth:`lookup` takes; ``search_size``: papers of one
    search batch.
    ``service``: how to reach it over HTTP, with its published limits.
    ``prices``: what it takes; a source without this attribute is free.
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

        Each paper has at least one identifier of ``schemes``. A paper absent from the answers was
        not found. Raises a :class:`~jobrunner.errors.SourceError`; a paper whose own record is
        broken is an ``Answer.failed``, not an exception. A SourceStopped may be raised too, where
        nothing was answered before it.
        """

    async def search(self, paper: Paper, requests: Requests) -> Answer:
        """Search one paper by title, and decide with :func:`~jobrunner.plugins.decide_by_title`."""


def sources_before(source: Source, names: Sequence[str], *, in_order: bool) -> tuple[str, ...]:
    """Return the sources that one waits for, paper by paper.

    Those are the ones it wants first or, ``in_order``, all before it. ``names`` are the session's
    sources; some that are wanted first may not be among them.
    """
    return tuple(names[: names.index(source.name)]) if in_order else tuple(source.after)
