"""The commit of a batch: the one moment at which work becomes done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from msgspec import Struct
from sqlalchemy import Connection, func, insert, select, text

from jobrunner import clock, faults
from jobrunner.papers import Answer, Outcome, Record
from jobrunner.store import schema
from jobrunner.store.database import Database
from jobrunner.store.rows import SourceRow
from jobrunner.store.runs import Lease
from jobrunner.store.writing import fence, next_id, to_json

COUNTED = (
    "title", "authors", "year", "venue", "abstract", "summary", "citations", "references", "links",
    "open_access_url", "topics", "relations",
)  # fmt: skip
"""Fields of records whose presence a batch counts."""


REVIEW = "review"
"""The kind of a batch that a person decided."""


class Batch(Struct, frozen=True, kw_only=True):
    """What was learned about some papers together.

    ``answers`` are by paper id; None is a paper that the lookup did not find and that the search
    lane takes next. ``kind`` is 'lookup', 'search' or 'review'; cost is in micro-USD. Answers of a
    review take the place of the ambiguous ones, which are kept as retired records.
    """

    kind: str
    answers: Mapping[int, Answer | None]
    started_at: str
    requests: int = 0
    retries: int = 0
    cost_micros: int = 0


def commit_batch(database: Database, lease: Lease, source: SourceRow, batch: Batch) -> None:
    """Write a batch, its records, what they identify and its counts in one transaction.

    Raises :class:`~jobrunner.errors.LeaseLost` or :class:`~jobrunner.errors.StoreError`; then
    nothing of the batch is there.
    """
    with database.write() as connection:
        fence(connection, lease.session_id, lease.run_id)
        moment = clock.now()
        batch_id = next_id(connection, schema.batch)
        connection.execute(
            insert(schema.batch), _batch_row(connection, lease, source, batch, batch_id, moment)
        )
        faults.point("commit.inside")
        if batch.kind == REVIEW:
            _retire_reviewed(connection, source, batch, moment)
        _insert_records(connection, source, batch, batch_id, moment)
        _insert_misses(connection, source, batch, batch_id)
        faults.point("commit.before")
    faults.point("commit.after")


def _batch_row(
    connection: Connection,
    lease: Lease,
    source: SourceRow,
    batch: Batch,
    batch_id: int,
    moment: str,
) -> dict[str, object]:
    table = schema.batch
    last = connection.execute(
        select(func.max(table.c.number)).where(table.c.source_id == source.id)
    ).scalar()
    answers = [answer for answer in batch.answers.values() if answer is not None]
    outcomes = Counter(answer.outcome for answer in answers)
    return {
        "id": batch_id,
        "source_id": source.id,
        "number": 0 if last is None else last + 1,
        "kind": batch.kind,
        "run_id": lease.run_id,
        "papers": len(batch.answers),
        **{outcome.value: outcomes[outcome] for outcome in Outcome},
        "passed_on": len(batch.answers) - len(answers),
        "requests": batch.requests,
        "retries": batch.retries,
        "cost_micros": batch.cost_micros,
        "fields": to_json(field_counts(answer.record for answer in answers)),
        "started_at": batch.started_at,
        "committed_at": moment,
    }


def field_counts(records: Iterable[Record | None]) -> dict[str, int]:
    """Return in how many records each field holds something."""
    counts: Counter[str] = Counter()
    for record in records:
        if record is not None:
            counts.update(name for name in COUNTED if getattr(record, name) not in _BLANK)
            counts.update(list(record.identifiers))
    return dict(sorted(counts.items()))


_BLANK = (None, "", ())


def _insert_records(
    connection: Connection, source: SourceRow, batch: Batch, batch_id: int, moment: str
) -> None:
    rows = [
        {
            "source_id": source.id,
            "paper_id": paper_id,
            "batch_id": batch_id,
            "outcome": answer.outcome.value,
            "match": to_json(answer.match) if answer.match else None,
            "retrieved_at": moment,
            "error": answer.error,
            "data": _data(answer),
        }
        for paper_id, answer in batch.answers.items()
        if answer is not None
    ]
    if rows:
        connection.execute(insert(schema.record), rows)
    identifiers = [
        (paper_id, scheme, value, source.name)
        for paper_id, answer in batch.answers.items()
        if answer is not None and answer.record is not None
        for scheme, value in answer.record.identifiers.items()
    ]
    if identifiers:
        connection.exec_driver_sql(_INSERT_IDENTIFIER, identifiers)


_INSERT_IDENTIFIER = (
    "INSERT OR IGNORE INTO identifier (paper_id, scheme, value, origin, ordinal)"
    " VALUES (?, ?, ?, ?, 0)"
)


def _data(answer: Answer) -> str | None:
    """Return what is kept as JSON: the record, or the candidates of an ambiguous answer."""
    if answer.record is not None:
        return to_json(answer.record)
    return to_json(answer.candidates) if answer.candidates else None


def _insert_misses(connection: Connection, source: SourceRow, batch: Batch, batch_id: int) -> None:
    rows = [
        {"paper_id": paper_id, "source_id": source.id, "batch_id": batch_id}
        for paper_id, answer in batch.answers.items()
        if answer is None
    ]
    if rows:
        connection.execute(insert(schema.lookup_miss), rows)


def _retire_reviewed(connection: Connection, source: SourceRow, batch: Batch, moment: str) -> None:
    parameters = [(moment, source.id, paper_id) for paper_id in batch.answers]
    connection.exec_driver_sql(_RETIRE_AMBIGUOUS, parameters)
    connection.exec_driver_sql(_DELETE_AMBIGUOUS, [pair[1:] for pair in parameters])


_RETIRE_AMBIGUOUS = """
    INSERT INTO retired_record
        (source_id, paper_id, batch_id, outcome, match, retrieved_at, error, data, retired_at)
    SELECT source_id, paper_id, batch_id, outcome, match, retrieved_at, error, data, ?
    FROM record WHERE source_id = ? AND paper_id = ? AND outcome = 'ambiguous'
"""
_DELETE_AMBIGUOUS = """
    DELETE FROM record WHERE source_id = ? AND paper_id = ? AND outcome = 'ambiguous'
"""

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
    """Make the papers of one outcome pending again; return how many.

    The records are kept as retired ones, so that the counts of their batches still add up.
    """
    parameters = {"source": source.id, "outcome": outcome.value, "now": clock.now()}
    with database.write() as connection:
        fence(connection, lease.session_id, lease.run_id)
        for statement in _RETIRE:
            connection.execute(text(statement), parameters)
        return int(connection.execute(_DELETE_RETIRED, parameters).rowcount)
