"""The commit of a batch: work counts as done only after it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import chain
from operator import attrgetter

from msgspec import Raw, Struct, field
from sqlalchemy import Connection

from jobrunner import clock, crash_points
from jobrunner.models import Answer, BatchKind, Outcome, Record, Usage
from jobrunner.store import schema
from jobrunner.store.bulk_insert import Insertion, next_id
from jobrunner.store.database import Database
from jobrunner.store.json_columns import to_json
from jobrunner.store.lease import Lease
from jobrunner.store.retired_records import retire_reviewed
from jobrunner.store.rows import BatchFigures, SourceRow
from jobrunner.store.transactions import fence

COUNTED = (
    "title", "authors", "year", "venue", "abstract", "summary", "citations", "references", "links",
    "open_access_url", "topics", "relations",
)  # fmt: skip
"""Record fields for which a batch counts the records that have a value."""


FIGURES = BatchFigures.__struct_fields__
"""The counter columns, in the order of the row."""


class Batch(Struct, frozen=True, kw_only=True):
    """The answers for some papers, committed together.

    ``answers`` are by paper id. None means that the lookup did not find the paper; it is searched
    next. Answers of a review replace the source's answers, which are kept as retired records.
    """

    kind: BatchKind
    answers: Mapping[int, Answer | None]
    started_at: str
    usage: Usage = field(default_factory=Usage)


def commit_batch(database: Database, lease: Lease, source: SourceRow, batch: Batch) -> int:
    """Write a batch, its records, their identifiers and its counters in one transaction.

    Return its number among the batches of its source.

    Raises :class:`~jobrunner.errors.LeaseLost` or :class:`~jobrunner.errors.StoreError`; nothing is
    written then.
    """
    with database.write() as connection:
        fence(connection, lease.session_id, lease.run_id)
        moment = clock.now()
        batch_id = next_id(connection, schema.batch)
        number = connection.exec_driver_sql(_NEXT_NUMBER, (source.id,)).scalar_one()
        figures = figure_columns(_figures(batch, moment))
        identity = (batch_id, source.id, number, batch.kind, lease.run_id)
        _BATCH.insert(connection, [(*identity, *figures.values())])
        crash_points.point("commit.inside")
        # Before the insert: a paper has at most one record per source.
        if batch.kind is BatchKind.REVIEW:
            retire_reviewed(connection, source, batch.answers, moment)
        _insert_records(connection, source, batch, batch_id, moment)
        _insert_misses(connection, source, batch, batch_id)
        crash_points.point("commit.before")
    crash_points.point("commit.after")
    return int(number)


_NEXT_NUMBER = "SELECT coalesce(max(number), -1) + 1 FROM batch WHERE source_id = ?"
_BATCH = Insertion(schema.batch, "id", "source_id", "number", "kind", "run_id", *FIGURES)
_RECORD = Insertion(
    schema.record, "source_id", "paper_id", "batch_id", "outcome", "match", "retrieved_at", "error",
    "data",
)  # fmt: skip
_IDENTIFIER = Insertion(
    schema.identifier, "paper_id", "scheme", "value", "origin", "ordinal", verb="INSERT OR IGNORE"
)
_MISS = Insertion(schema.lookup_miss, "paper_id", "source_id", "batch_id")


def _figures(batch: Batch, moment: str) -> BatchFigures:
    answers = [answer for answer in batch.answers.values() if answer is not None]
    outcomes = Counter(answer.outcome for answer in answers)
    fields = field_counts(a.record for a in answers if a.record is not None)
    return BatchFigures(
        papers=len(batch.answers),
        enriched=outcomes[Outcome.ENRICHED],
        not_found=outcomes[Outcome.NOT_FOUND],
        ambiguous=outcomes[Outcome.AMBIGUOUS],
        failed=outcomes[Outcome.FAILED],
        passed_on=len(batch.answers) - len(answers),
        requests=batch.usage.requests,
        retries=batch.usage.retries,
        cost_micros=batch.usage.cost_micros,
        fields=Raw(to_json(fields).encode()),
        started_at=batch.started_at,
        committed_at=moment,
    )


def figure_columns(figures: BatchFigures) -> dict[str, object]:
    """Return the figures of a batch as the columns of its row."""
    columns: dict[str, object] = {name: getattr(figures, name) for name in FIGURES}
    return columns | {"fields": bytes(figures.fields).decode()}


_counted = attrgetter(*COUNTED)


def field_counts(records: Iterable[Record]) -> dict[str, int]:
    """Return the number of records in which each field has a value."""
    # By column: this runs in every commit, and a loop over fields of each record is slower.
    rows = list(records)
    columns = zip(COUNTED, zip(*map(_counted, rows), strict=True), strict=True) if rows else ()
    counts = Counter({name: len(rows) - _blanks(column) for name, column in columns})
    counts.update(chain.from_iterable(record.identifiers for record in rows))
    return {name: count for name, count in sorted(counts.items()) if count}


def _blanks(column: tuple[object, ...]) -> int:
    return column.count(None) + column.count("") + column.count(())


def _insert_records(
    connection: Connection, source: SourceRow, batch: Batch, batch_id: int, moment: str
) -> None:
    answers = [(id_, answer) for id_, answer in batch.answers.items() if answer is not None]
    rows = [_record_row(source.id, id_, batch_id, answer, moment) for id_, answer in answers]
    _RECORD.insert(connection, rows)
    identifiers = [
        (paper_id, scheme, value, source.name, 0)
        for paper_id, answer in answers
        if answer.record is not None
        for scheme, value in answer.record.identifiers.items()
    ]
    _IDENTIFIER.insert(connection, identifiers)


def _record_row(
    source_id: int, paper_id: int, batch_id: int, answer: Answer, moment: str
) -> tuple[object, ...]:
    match = to_json(answer.match) if answer.match else None
    outcome = answer.outcome.value
    return source_id, paper_id, batch_id, outcome, match, moment, answer.error, _data(answer)


def _data(answer: Answer) -> str | None:
    """Return the JSON column: the record, or the candidates of an ambiguous answer."""
    if answer.record is not None:
        return to_json(answer.record)
    return to_json(answer.candidates) if answer.candidates else None


def _insert_misses(connection: Connection, source: SourceRow, batch: Batch, batch_id: int) -> None:
    missed = [paper_id for paper_id, answer in batch.answers.items() if answer is None]
    _MISS.insert(connection, [(paper_id, source.id, batch_id) for paper_id in missed])
