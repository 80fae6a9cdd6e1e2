"""Asking again: papers whose answers are set aside so that they become pending."""

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
    """Which papers are to be asked about again; ``sources`` empty for all."""

    outcomes: tuple[Outcome, ...]
    sources: tuple[str, ...] = ()


def retire(database: Database, lease: Lease, retries: Retries) -> int:
    """Make papers of a leased session pending again; return how many answers that concerned."""
    chosen = _chosen(list_sources(database, lease.session_id), retries.sources)
    answers = " and ".join(retries.outcomes).replace("_", " ")
    # First: cut off in between, the session must not count as completed with papers pending.
    reopen(
        database, lease, kind=EventKind.RETRY, message=f"answers ({answers}) are asked for again"
    )
    count = 0
    for source in chosen:
        for outcome in retries.outcomes:
            count += retire_records(database, lease, source, outcome)
            crash_points.point("retry.between")
    crash_points.point("retry.retired")
    return count


class Retried(Struct, frozen=True, kw_only=True):
    """How many papers one source would be asked about again, for one outcome."""

    source: str
    outcome: Outcome
    papers: int


def count_retried(database: Database, session: SessionRow, retries: Retries) -> list[Retried]:
    """Count what a retry would ask again."""
    sources = read_progress(database, session.id).sources
    return [
        Retried(source=source.name, outcome=outcome, papers=getattr(source, outcome.value))
        for source in _chosen(sources, retries.sources)
        for outcome in retries.outcomes
    ]


def _chosen(sources: Sequence[Named], names: tuple[str, ...]) -> list[Named]:
    """Return the sources that will be asked: what a dropped one found stays as it is."""
    active = [source for source in sources if source.status is not SourceStatus.DROPPED]
    if not names:
        return active
    chosen = [source for source in active if source.name in names]
    unknown = set(names) - {source.name for source in chosen}
    if unknown:
        raise SessionError(
            f"the session has no source {', '.join(sorted(unknown))}, or it was dropped",
            hint="`jobrunner resume SESSION --source NAME` names the sources that it is to have",
        )
    return chosen
