"""What the rows of the state say, as plain values; times are UTC text."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

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
