"""Restore the rows of a session from a snapshot: runs, batches, papers, records, events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct, structs
from sqlalchemy import Connection, Table, insert

from jobrunner import crash_points
from jobrunner.models import EventKind, Identifiers, InputPaper, SessionStatus, SourceStatus
from jobrunner.store import schema
from jobrunner.store.batches import figure_columns
from jobrunner.store.bulk_insert import next_id
from jobrunner.store.database import Database
from jobrunner.store.events import write_event
from jobrunner.store.json_columns import to_json
from jobrunner.store.papers import IDENTIFIER, INPUT, PAPER, identifier_rows, paper_row
from jobrunner.store.rows import CommittedBatch, EventRow, SessionRow
from jobrunner.store.session_export import StoredPaper, StoredRecord
from jobrunner.store.source_states import insert_source
from jobrunner.store.transactions import set_session


class Restored(Struct, frozen=True, kw_only=True):
    """A paper from a snapshot. ``found``: the identifiers that sources returned, by source."""

    paper: InputPaper
    stored: StoredPaper
    found: Mapping[str, Identifiers]


class _PaperRows(Struct):
    """The rows of some papers, by table."""

    papers: list[tuple[object, ...]] = []
    identifiers: list[tuple[object, ...]] = []
    records: list[dict[str, Any]] = []
    retired: list[dict[str, Any]] = []
    missed: list[dict[str, Any]] = []


class Restoration:
    """A session that is being restored. It is invisible until :meth:`seal`.

    ``runs`` are columns of the table ``run``; batches and events refer to them by index. Raises
    StoreError.
    """

    def __init__(
        self,
        database: Database,
        session: SessionRow,
        sources: Sequence[tuple[str, SourceStatus]],
        runs: Sequence[Mapping[str, Any]],
    ) -> None:
        self._database = database
        self._session_id = session.id
        self._batches: dict[tuple[str, int], int] = {}
        with database.write() as connection:
            values = structs.asdict(session)
            values |= {
                "status": SessionStatus.LOADING,
                "options": to_json(session.options),
                "input_other": to_json(session.input_other),
            }
            connection.execute(insert(schema.session).values(**values))
            self._sources = {
                name: insert_source(connection, session.id, name, ordinal, status=status)
                for ordinal, (name, status) in enumerate(sources)
            }
            first = next_id(connection, schema.run)
            self._runs = [first + place for place in range(len(runs))]
            rows = [
                {"id": run_id, "session_id": session.id, **run}
                for run_id, run in zip(self._runs, runs, strict=True)
            ]
            _insert(connection, schema.run, rows)

    def add_events(self, events: Sequence[tuple[EventRow, int | None]]) -> None:
        """Insert the history: events, each with the index of its run."""
        with self._database.write() as connection:
            for event, place in events:
                values = {"at": event.at, "kind": event.kind, "message": event.message}
                run_id = None if place is None else self._runs[place]
                connection.execute(
                    insert(schema.event).values(
                        session_id=self._session_id, run_id=run_id, **values
                    )
                )

    def add_batches(self, batches: Sequence[CommittedBatch]) -> None:
        """Insert batches. Call it before the papers are added, whose records refer to them."""
        with self._database.write() as connection:
            first = next_id(connection, schema.batch)
            rows = [self._batch(id_, batch) for id_, batch in enumerate(batches, start=first)]
            _insert(connection, schema.batch, rows)

    def _batch(self, batch_id: int, batch: CommittedBatch) -> dict[str, object]:
        self._batches[batch.source, batch.number] = batch_id
        return {
            "id": batch_id,
            "source_id": self._sources[batch.source],
            "number": batch.number,
            "kind": batch.kind,
            "run_id": self._runs[batch.run],
            **figure_columns(batch),
        }

    def add_papers(self, papers: Sequence[Restored]) -> None:
        """Insert papers with all their stored answers."""
        with self._database.write() as connection:
            rows = _PaperRows()
            for paper_id, item in enumerate(papers, start=next_id(connection, schema.paper)):
                self._add_paper(rows, paper_id, item)
            PAPER.insert(connection, rows.papers)
            IDENTIFIER.insert(connection, rows.identifiers)
            _insert(connection, schema.record, rows.records)
            _insert(connection, schema.retired_record, rows.retired)
            _insert(connection, schema.lookup_miss, rows.missed)
            crash_points.point("restore.inside")

    def _add_paper(self, rows: _PaperRows, paper_id: int, item: Restored) -> None:
        stored = item.stored
        rows.papers.append(paper_row(item.paper, self._session_id, paper_id, stored.position))
        rows.identifiers += _identifiers(paper_id, item)
        for record in stored.records:
            rows.records.append(self._record(paper_id, record))
        for record in stored.retired:
            values = self._record(paper_id, record)
            rows.retired.append({**values, "retired_at": record.retired_at})
        for source, batch in stored.missed.items():
            rows.missed.append({"paper_id": paper_id, **self._ids(source, batch)})

    def _ids(self, source: str, batch: int) -> dict[str, int]:
        return {"source_id": self._sources[source], "batch_id": self._batches[source, batch]}

    def _record(self, paper_id: int, record: StoredRecord) -> dict[str, Any]:
        return {
            "paper_id": paper_id,
            **self._ids(record.source, record.batch),
            "outcome": record.outcome,
            "match": record.match,
            "retrieved_at": record.retrieved_at,
            "error": record.error,
            "data": record.data,
        }

    def seal(self, status: SessionStatus, message: str) -> None:
        """Make the session visible."""
        with self._database.write() as connection:
            set_session(connection, self._session_id, status=status)
            write_event(connection, self._session_id, None, EventKind.RESTORED, message)
            crash_points.point("restore.sealing")


def _insert(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    # For an empty list, SQLAlchemy would insert one row of default values.
    if rows:
        connection.execute(insert(table), rows)


def _identifiers(paper_id: int, item: Restored) -> list[tuple[object, ...]]:
    rows = identifier_rows(paper_id, item.paper.identifiers, INPUT)
    for source, identifiers in item.found.items():
        rows += identifier_rows(paper_id, identifiers, source)
    return rows
