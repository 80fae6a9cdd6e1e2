"""Database rows as plain values. Times are UTC text."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Raw, Struct

from jobrunner.consolidation.policy import DEFAULT, Policy
from jobrunner.models import RunEnding, SessionStatus, SourceStatus

MOST = 1 << 53
"""No number of ours is larger: each one is still exact in JSON readers that use floating point."""

SESSION_ID_PATTERN = "[0-9]{8}-[0-9]{6}-[0-9a-f]{4,12}"

Count = Annotated[int, Meta(ge=0, le=MOST)]
SessionId = Annotated[str, Meta(pattern=rf"\A{SESSION_ID_PATTERN}\Z")]
SnapshotPath = Annotated[
    str, Meta(pattern=rf"\A{SESSION_ID_PATTERN}/snapshots/[0-9]{{6,12}}\.json\Z")
]


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

    id: SessionId
    input_path: str | None
    input_format: str
    input_sha256: str
    input_other: dict[str, Any]
    options: Options
    output: str | None
    status: SessionStatus
    revision: Count
    run_id: Count | None
    created_at: str
    updated_at: str
    version: str


class RunRow(Struct, frozen=True, kw_only=True):
    """One run of a session: a process that works, or worked, on it."""

    id: Count
    pid: Count
    host: str
    version: str
    started_at: str
    ended_at: str | None
    ending: RunEnding | None
    reason: str | None


class SourceRow(Struct, frozen=True, kw_only=True):
    """One source of a session."""

    id: Count
    name: str
    ordinal: Count
    status: SourceStatus
    error: str | None
    not_before: str | None


class BatchFigures(Struct, frozen=True, kw_only=True):
    """The counters of a committed batch: columns of its row, in the order used in snapshots.

    Add new counters at the end and with a default, so that older snapshots can still be read.
    ``papers`` is the sum of the outcomes and ``passed_on``, the papers left to the search.
    ``fields`` is a JSON object: the number of records in which each field has a value.
    """

    papers: Count
    enriched: Count
    not_found: Count
    ambiguous: Count
    failed: Count
    passed_on: Count
    requests: Count
    retries: Count
    cost_micros: Count
    fields: Raw
    started_at: str
    committed_at: str


class CommittedBatch(BatchFigures, frozen=True):
    """A batch of a session. ``run`` is the index of its run among the session's runs, from 0.

    The inherited counters are keyword-only and follow these fields in a snapshot.
    """

    source: str
    number: Count
    kind: str
    run: Count


class SnapshotRow(Struct, frozen=True, kw_only=True):
    """A completely written snapshot. ``seconds``: the time it took to write."""

    number: Count
    path: SnapshotPath
    sha256: str
    bytes: Count
    papers: Count
    revision: Count
    reason: str
    seconds: float
    created_at: str


class EventRow(Struct, frozen=True, kw_only=True):
    """One line of a session's history."""

    at: str
    kind: str
    message: str
    run_id: int | None
