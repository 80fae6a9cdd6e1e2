"""Database rows as plain values. Times are UTC text."""

from __future__ import annotations

from typing import Any

from msgspec import Raw, Struct

from jobrunner.consolidation.policy import DEFAULT, Policy
from jobrunner.models import RunEnding, SessionStatus, SourceStatus


class Options(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The options that a session remembers; never a key.

    ``sources``, ``in_order`` (each source waits for those named before it) and ``rules`` (the
    version of the matching rules) affect results. The others affect only pace and output.
    ``checkpoint_interval`` is in minutes; with 0 only the last snapshot is taken. ``policy``
    controls the consolidated view, which can be rebuilt with another policy at any time.
    ``budgets`` (micro-USD) and ``max_requests`` are by source and cover all runs together.
    """

    sources: tuple[str, ...]
    rules: int
    base_urls: dict[str, str] = {}
    in_order: bool = False
    batch_size: int | None = None
    checkpoint_interval: float = 5.0
    budgets: dict[str, int] = {}
    max_requests: dict[str, int] = {}
    policy: Policy = DEFAULT


class SessionRow(Struct, frozen=True, kw_only=True):
    """A session."""

    id: str
    input_path: str | None
    input_format: str
    input_sha256: str
    input_other: dict[str, Any]
    options: Options
    output: str | None
    status: SessionStatus
    revision: int
    run_id: int | None
    created_at: str
    updated_at: str
    version: str


class RunRow(Struct, frozen=True, kw_only=True):
    """One run of a session: a process that works, or worked, on it."""

    id: int
    pid: int
    host: str
    version: str
    started_at: str
    ended_at: str | None
    ending: RunEnding | None
    reason: str | None


class SourceRow(Struct, frozen=True, kw_only=True):
    """One source of a session."""

    id: int
    name: str
    ordinal: int
    status: SourceStatus
    error: str | None
    not_before: str | None


class BatchFigures(Struct, frozen=True, kw_only=True):
    """The counters of a committed batch: columns of its row, in the order used in snapshots.

    Add new counters at the end and with a default, so that older snapshots can still be read.
    ``papers`` is the sum of the outcomes and ``passed_on``, the papers left to the search.
    ``fields`` is a JSON object: the number of records in which each field has a value.
    """

    papers: int
    enriched: int
    not_found: int
    ambiguous: int
    failed: int
    passed_on: int
    requests: int
    retries: int
    cost_micros: int
    fields: Raw
    started_at: str
    committed_at: str


class CommittedBatch(BatchFigures, frozen=True):
    """A batch of a session. ``run`` is the index of its run among the session's runs, from 0.

    The inherited counters are keyword-only and follow these fields in a snapshot.
    """

    source: str
    number: int
    kind: str
    run: int


class SnapshotRow(Struct, frozen=True, kw_only=True):
    """A completely written snapshot. ``seconds``: the time it took to write."""

    number: int
    path: str
    sha256: str
    bytes: int
    papers: int
    revision: int
    reason: str
    seconds: float
    created_at: str


class EventRow(Struct, frozen=True, kw_only=True):
    """One line of a session's history."""

    at: str
    kind: str
    message: str
    run_id: int | None
