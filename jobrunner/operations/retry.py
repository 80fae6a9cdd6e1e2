"""Retries papers: sets their answers aside so that they become pending again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from msgspec import Struct

from jobrunner import crash_points
from jobrunner.errors import SessionError
from jobrunner.models import EventKind, Outcome, SourceStatus
from jobrunner.store.database import Database
from jobrunner.store.lease import Lease
from jobrunner.store.progress import SourceProgress, read_progress
from jobrunner.store.retired_records import retire_records
from jobrunner.store.rows import SessionRow, SourceRow
from jobrunner.store.run_lifecycle import reopen
from jobrunner.store.source_states import list_sources

Named = TypeVar("Named", SourceRow, SourceProgress)


class Retries(Struct, frozen=True, kw_only=True):
    """Which papers to retry, by outcome and source; empty ``sources`` means all sources."""

    outcomes: tuple[Outcome, ...]
    sources: tuple[str, ...] = ()


def retire(database: Database, lease: Lease, retries: Retries) -> int:
    """Make papers of a leased session pending again; return how many answers were set aside."""
    chosen = _chosen(list_sources(database, lease.session_id), retries.sources)
    answers = " and ".join(retries.outcomes).replace("_", " ")
    # Reopen first: if the process dies below, a session with pending papers must not be completed.
    reopen(database, lease, kind=EventKind.RETRY, message=f"retrying {answers} papers")
    count = 0
    for source in chosen:
        for outcome in retries.outcomes:
            count += retire_records(database, lease, source, outcome)
            crash_points.point("retry.between")
    crash_points.point("retry.retired")
    return count


class Retried(Struct, frozen=True, kw_only=True):
    """The number of papers with one outcome that one source would retry."""

    source: str
    outcome: Outcome
    papers: int


def count_retried(database: Database, session: SessionRow, retries: Retries) -> list[Retried]:
    """Count the papers that a retry would make pending."""
    sources = read_progress(database, session.id).sources
    return [
        Retried(source=source.name, outcome=outcome, papers=getattr(source, outcome.value))
        for source in _chosen(sources, retries.sources)
        for outcome in retries.outcomes
    ]


def _chosen(sources: Sequence[Named], names: tuple[str, ...]) -> list[Named]:
    """Return the sources to retry. Dropped ones are left out: no run would query them again."""
    active = [source for source in sources if source.status is not SourceStatus.DROPPED]
    if not names:
        return active
    chosen = [source for source in active if source.name in names]
    unknown = set(names) - {source.name for source in chosen}
    if unknown:
        raise SessionError(
            f"the session does not use the source {', '.join(sorted(unknown))}",
            hint="set the session's sources with `jobrunner resume SESSION --source NAME`",
        )
    return chosen
