"""What the rows of the state say, as plain values; times are UTC text."""

from __future__ import annotations

from typing import Any

from msgspec import Raw, Struct

from jobrunner.consolidation.policy import DEFAULT, Policy
from jobrunner.models import RunEnding, SessionStatus, SourceStatus


class Options(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a session remembers of how it was asked for; never a key.

    ``sources``, ``in_order`` (each waits for those named before it) and ``rules`` (the version of
    the matching rules) decide results; the others only pace and place. ``checkpoint_interval`` is
    in minutes, 0 for none but the last snapshot. ``policy`` makes the view, which can be made again
    under another one at any time. ``budgets`` (micro-USD) and ``max_requests`` are by source, for
    all runs together.
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
    """A session as its row says."""

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
    """One process that worked, or works, on a session."""

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
    """What a committed batch counts: columns of its row, and in this order part of snapshots.

    Older snapshots are read too: a new figure stands at the end and has a default. ``papers`` is
    the sum of the outcomes and of ``passed_on``, what a lookup left to the search. ``fields`` is a
    JSON object: in how many records each field has a value.
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
    """A batch of a session; ``run`` is the place of its run among the session's, from 0.

    The figures are named when one is made, and stand behind these fields in a snapshot.
    """

    source: str
    number: int
    kind: str
    run: int


class SnapshotRow(Struct, frozen=True, kw_only=True):
    """A snapshot that was written whole; ``seconds`` is how long that took."""

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
