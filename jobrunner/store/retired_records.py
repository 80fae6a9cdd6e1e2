"""Retired records: no longer the answer of a source, but kept so that batch counters add up."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, text

from jobrunner import clock, crash_points
from jobrunner.models import Outcome
from jobrunner.store.database import Database
from jobrunner.store.lease import Lease
from jobrunner.store.rows import SourceRow
from jobrunner.store.transactions import fence


def retire_reviewed(
    connection: Connection, source: SourceRow, paper_ids: Iterable[int], moment: str
) -> None:
    """Retire the source's records of papers that a person decided on, with their identifiers."""
    pairs = [(source.id, paper_id) for paper_id in paper_ids]
    connection.exec_driver_sql(_RETIRE_REVIEWED, [(moment, *pair) for pair in pairs])
    connection.exec_driver_sql(_DELETE_REVIEWED, pairs)
    named = [(source.name, paper_id) for _, paper_id in pairs]
    connection.exec_driver_sql(_DELETE_IDENTIFIERS, named)


_RETIRE_REVIEWED = """
    INSERT INTO retired_record
        (source_id, paper_id, batch_id, outcome, match, retrieved_at, error, data, retired_at)
    SELECT source_id, paper_id, batch_id, outcome, match, retrieved_at, error, data, ?
    FROM record WHERE source_id = ? AND paper_id = ?
"""
_DELETE_REVIEWED = "DELETE FROM record WHERE source_id = ? AND paper_id = ?"
_DELETE_IDENTIFIERS = "DELETE FROM identifier WHERE origin = ? AND paper_id = ?"

_RETIRE = (
    """
    INSERT INTO retired_record
        (source_id, paper_id, batch_id, outcome, match, retrieved_at, error, data, retired_at)
    SELECT m.source_id, m.paper_id, m.batch_id, 'passed_on', NULL, b.committed_at, NULL, NULL, :now
    FROM record r
    JOIN lookup_miss m ON m.paper_id = r.paper_id AND m.source_id = r.source_id
    JOIN batch b ON b.id = m.batch_id
    WHERE r.source_id = :source AND r.outcome = :outcome
    """,
    """
    DELETE FROM lookup_miss WHERE source_id = :source AND paper_id IN
        (SELECT paper_id FROM record WHERE source_id = :source AND outcome = :outcome)
    """,
    """
    INSERT INTO retired_record
        (source_id, paper_id, batch_id, outcome, match, retrieved_at, error, data, retired_at)
    SELECT source_id, paper_id, batch_id, outcome, match, retrieved_at, error, data, :now
    FROM record WHERE source_id = :source AND outcome = :outcome
    """,
)
_DELETE_RETIRED = text("DELETE FROM record WHERE source_id = :source AND outcome = :outcome")


def retire_records(database: Database, lease: Lease, source: SourceRow, outcome: Outcome) -> int:
    """Make the papers with one outcome pending again. Return their number.

    Their records are retired, not deleted, so that the counters of their batches still add up.
    """
    parameters = {"source": source.id, "outcome": outcome.value, "now": clock.now()}
    with database.write() as connection:
        fence(connection, lease.session_id, lease.run_id)
        for statement in _RETIRE:
            connection.execute(text(statement), parameters)
        crash_points.point("retry.inside")
        return int(connection.execute(_DELETE_RETIRED, parameters).rowcount)
