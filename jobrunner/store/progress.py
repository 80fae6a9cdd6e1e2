"""The progress of a session: only sums over committed rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from msgspec import Struct
from sqlalchemy import Connection, text

from jobrunner import clock
from jobrunner.models import Outcome, Record, SourceState, SourceStatus
from jobrunner.store.batches import field_counts
from jobrunner.store.database import Database
from jobrunner.store.json_columns import from_json
from jobrunner.store.rows import SourceRow
from jobrunner.store.source_states import find_sources

RATE_BATCHES = 50
"""The current rate is averaged over at most this many of the last batches."""


class SourceProgress(Struct, frozen=True, kw_only=True):
    """The progress of one source.

    ``status`` is stored in its row; ``state`` is derived from it: done if nothing is pending,
    otherwise active, stopped or dropped. A Status without an active run shows active as open.
    ``done`` counts the papers with an outcome, ``pending`` those without. Cost is in micro-USD.
    ``rate`` is in papers per second over its last batches in the latest run, None before the first;
    ``eta_seconds`` follows from it. ``fields`` counts the records in which a field has a value.
    """

    name: str
    status: SourceStatus
    state: SourceState
    error: str | None
    not_before: str | None
    papers: int
    done: int
    pending: int
    enriched: int
    not_found: int
    ambiguous: int
    failed: int
    batches: int
    requests: int
    retries: int
    cost_micros: int
    fields: dict[str, int]
    last_commit_at: str | None
    rate: float | None
    eta_seconds: float | None


class Progress(Struct, frozen=True, kw_only=True):
    """The progress of a session at one committed moment."""

    papers: int
    unusable: int
    sources: tuple[SourceProgress, ...]

    @property
    def active(self) -> tuple[SourceProgress, ...]:
        """The sources that were not dropped. Only these count for the totals of the session."""
        return tuple(source for source in self.sources if source.status != SourceStatus.DROPPED)

    @property
    def pending(self) -> int:
        """The number of pending answers of active sources."""
        return sum(source.pending for source in self.active)

    @property
    def failed(self) -> int:
        """The number of failed answers of active sources."""
        return sum(source.failed for source in self.active)

    @property
    def ambiguous(self) -> int:
        """The number of answers of active sources that need a person's decision."""
        return sum(source.ambiguous for source in self.active)


def read_progress(database: Database, session_id: str, *, fields: bool = False) -> Progress:
    """Read the progress of a session. ``fields``: also sum the field counts of its batches."""
    with database.read() as connection:
        sources = find_sources(connection, session_id)
        papers = _scalar(connection, _PAPERS, {"session": session_id})
        unusable = _scalar(connection, _UNUSABLE, {"session": session_id})
        run_id = connection.execute(_LATEST_RUN, {"session": session_id}).scalar()
        return Progress(
            papers=papers,
            unusable=unusable,
            sources=tuple(
                _source(connection, source, papers - unusable, run_id, fields=fields)
                for source in sources
            ),
        )


# max() reads one index entry where count() reads all. Positions have no gaps: check_positions.
_PAPERS = text("SELECT coalesce(max(position) + 1, 0) FROM paper WHERE session_id = :session")
_UNUSABLE = text("SELECT count(*) FROM paper WHERE session_id = :session AND unusable IS NOT NULL")
_LATEST_RUN = text("SELECT max(id) FROM run WHERE session_id = :session")
_SUMS = text(
    """
    SELECT count(*) AS batches, coalesce(sum(enriched), 0) AS enriched,
        coalesce(sum(not_found), 0) AS not_found, coalesce(sum(ambiguous), 0) AS ambiguous,
        coalesce(sum(failed), 0) AS failed,
        coalesce(sum(requests), 0) AS requests, coalesce(sum(retries), 0) AS retries,
        coalesce(sum(cost_micros), 0) AS cost_micros, max(committed_at) AS last_commit_at
    FROM batch WHERE source_id = :source
    """
)
_RETIRED = text(
    "SELECT outcome, count(*) AS papers FROM retired_record WHERE source_id = :source"
    " GROUP BY outcome"
)
_LAST = text(
    """
    SELECT run_id, papers - passed_on AS done, started_at, committed_at FROM batch
    WHERE source_id = :source ORDER BY number DESC LIMIT :most
    """
)
_FIELDS = text("SELECT fields FROM batch WHERE source_id = :source")
_RETIRED_RECORDS = text(
    "SELECT data FROM retired_record WHERE source_id = :source AND outcome = 'enriched'"
)


def _scalar(connection: Connection, query: object, parameters: Mapping[str, object]) -> int:
    return int(connection.execute(query, parameters).scalar_one())  # type: ignore[call-overload]


def _source(
    connection: Connection, source: SourceRow, papers: int, run_id: int | None, *, fields: bool
) -> SourceProgress:
    sums = connection.execute(_SUMS, {"source": source.id}).one()
    retired = {
        row.outcome: row.papers for row in connection.execute(_RETIRED, {"source": source.id})
    }
    outcomes = {o.value: getattr(sums, o) - retired.get(o, 0) for o in Outcome}
    done = sum(outcomes.values())
    rate = _rate(connection, source, run_id)
    return SourceProgress(
        name=source.name,
        status=source.status,
        state=_state(source.status, all_done=done == papers),
        error=source.error,
        not_before=source.not_before,
        papers=papers,
        done=done,
        pending=papers - done,
        **outcomes,
        batches=sums.batches,
        requests=sums.requests,
        retries=sums.retries,
        cost_micros=sums.cost_micros,
        fields=_fields(connection, source) if fields else {},
        last_commit_at=sums.last_commit_at,
        rate=rate,
        eta_seconds=(papers - done) / rate if rate else None,
    )


def _state(status: SourceStatus, *, all_done: bool) -> SourceState:
    if status is SourceStatus.ACTIVE and all_done:
        return SourceState.DONE
    return SourceState(status)


def _rate(connection: Connection, source: SourceRow, run_id: int | None) -> float | None:
    rows = connection.execute(_LAST, {"source": source.id, "most": RATE_BATCHES})
    latest = [row for row in rows if row.run_id == run_id]
    if not latest:
        return None
    began = min(row.started_at for row in latest)
    seconds = clock.seconds_between(began, latest[0].committed_at)
    return sum(row.done for row in latest) / seconds if seconds > 0 else None


def _fields(connection: Connection, source: SourceRow) -> dict[str, int]:
    """Sum the field counts of the batches, minus those of records retired since."""
    total: Counter[str] = Counter()
    for row in connection.execute(_FIELDS, {"source": source.id}):
        total.update(
            from_json(row.fields, dict[str, int], f"the field counts of a batch of {source.name}")
        )
    records = [
        from_json(row.data, Record, f"a retired record of {source.name}")
        for row in connection.execute(_RETIRED_RECORDS, {"source": source.id})
    ]
    total.subtract(field_counts(records))
    return {name: count for name, count in sorted(total.items()) if count}
