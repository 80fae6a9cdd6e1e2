"""Audit: recount the rows and compare them with the counters written in the same commit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, Row, text

from jobrunner.decode_errors import json_fault
from jobrunner.errors import GET_BACK, DamageFound
from jobrunner.models import Candidate, Match, Outcome, Record
from jobrunner.store.batches import field_counts
from jobrunner.store.database import Database
from jobrunner.store.json_columns import from_json
from jobrunner.store.session_export import given_of, iter_given

_BATCHES = text(
    """
    SELECT b.id, s.name, b.number, b.fields,
        b.papers, b.enriched, b.not_found, b.ambiguous, b.failed, b.passed_on,
        count(r.batch_id) AS has_papers,
        count(CASE r.outcome WHEN 'enriched' THEN 1 END) AS has_enriched,
        count(CASE r.outcome WHEN 'not_found' THEN 1 END) AS has_not_found,
        count(CASE r.outcome WHEN 'ambiguous' THEN 1 END) AS has_ambiguous,
        count(CASE r.outcome WHEN 'failed' THEN 1 END) AS has_failed,
        count(CASE r.outcome WHEN 'passed_on' THEN 1 END) AS has_passed_on,
        count(CASE WHEN r.source_id != b.source_id THEN 1 END) AS strangers
    FROM source_state s CROSS JOIN batch b ON b.source_id = s.id
    LEFT JOIN (
        SELECT batch_id, source_id, outcome FROM record
        UNION ALL SELECT batch_id, source_id, outcome FROM retired_record
        UNION ALL SELECT batch_id, source_id, 'passed_on' FROM lookup_miss
    ) r ON r.batch_id = b.id
    WHERE s.session_id = :session
    GROUP BY b.id
    """
)
_COUNTED = ("papers", "enriched", "not_found", "ambiguous", "failed", "passed_on")
_POSITIONS = text(
    "SELECT count(*) AS papers, coalesce(min(position), 0) AS first,"
    " coalesce(max(position), -1) AS last FROM paper WHERE session_id = :session"
)
_STRAY = text(
    """
    SELECT count(*) FROM paper p CROSS JOIN record r ON r.paper_id = p.id
    LEFT JOIN batch b ON b.id = r.batch_id LEFT JOIN source_state s ON s.id = r.source_id
    WHERE p.session_id = :session AND (b.id IS NULL OR s.session_id IS NOT p.session_id)
    """
)
_OF_BATCH = text(
    """
    SELECT p.position, r.outcome, r.match, r.data FROM record r
    JOIN paper p ON p.id = r.paper_id WHERE r.batch_id = :batch
    UNION ALL
    SELECT p.position, r.outcome, r.match, r.data FROM retired_record r
    JOIN paper p ON p.id = r.paper_id WHERE r.batch_id = :batch
    """
)


def check_database(database: Database) -> list[str]:
    """Run SQLite's checks of pages, indexes and foreign keys. Return the problems."""
    with database.read() as connection:
        reports = connection.exec_driver_sql("PRAGMA integrity_check(20)").scalars().all()
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    problems = [f"SQLite: {line}" for line in reports if line != "ok"]
    if broken:
        problems.append(f"{len(broken)} rows refer to missing rows, the first in {broken[0][0]}")
    return problems


def check_positions(database: Database, session_id: str) -> None:
    """Raise DamageFound unless the papers of a session are numbered from 0 without a gap.

    The progress takes that for granted, and would show a wrong number of papers.
    """
    with database.read() as connection:
        for problem in _check_positions(connection, session_id):
            raise DamageFound(f"session {session_id}: {problem}", hint=GET_BACK)


def check_session(database: Database, session_id: str) -> list[str]:
    """Recount a session from its rows. Return one sentence per discrepancy."""
    with database.read() as connection:
        return [
            *_check_positions(connection, session_id),
            *_check_given(connection, session_id),
            *_check_batches(connection, session_id),
        ]


def _check_positions(connection: Connection, session_id: str) -> Iterator[str]:
    row = connection.execute(_POSITIONS, {"session": session_id}).one()
    if (row.first, row.last) != (0, row.papers - 1):
        beginning = f", the first is {row.first}" if row.first < 0 else ""
        yield f"{row.papers} papers occupy {row.last + 1} positions{beginning}"
    stray = connection.execute(_STRAY, {"session": session_id}).scalar_one()
    if stray:
        yield f"{stray} records belong to no batch or source of the session"


def _check_given(connection: Connection, session_id: str) -> Iterator[str]:
    for position, given in enumerate(iter_given(connection, session_id)):
        try:
            given_of(given)
        except (ValueError, RecursionError):
            yield f"paper {position} as given cannot be read: {json_fault(given)}"


def _check_batches(connection: Connection, session_id: str) -> Iterator[str]:
    for row in connection.execute(_BATCHES, {"session": session_id}):
        name = f"batch {row.number} of {row.name}"
        yield from _check_papers(row, name)
        if row.strangers:
            yield f"{name} contains {row.strangers} records of another source"
        try:
            counted = from_json(row.fields, dict[str, int], f"the field counts of {name}")
            actual = field_counts(_read_records(connection, row.id))
        except DamageFound as error:
            yield str(error)
        else:
            yield from _check_fields(name, counted, actual)


def _check_papers(row: Row[Any], name: str) -> Iterator[str]:
    for outcome in _COUNTED:
        counted, actual = getattr(row, outcome), getattr(row, f"has_{outcome}")
        if counted != actual:
            kind = "" if outcome == "papers" else f"{outcome.replace('_', ' ')} "
            yield f"{name} counted {counted} {kind}papers, but {actual} are stored"


def _check_fields(
    name: str, counted: Mapping[str, int], actual: Mapping[str, int]
) -> Iterator[str]:
    for field in sorted({*counted, *actual}):
        count, records = counted.get(field, 0), actual.get(field, 0)
        if count != records:
            yield f"{name} counted {count} records with {field}, but {records} have it"


def _read_records(connection: Connection, batch_id: int) -> Iterator[Record]:
    """Yield the records of a batch. Raises DamageFound if any JSON column is unreadable.

    Matches and candidates are decoded too, although only records are counted.
    """
    for row in connection.execute(_OF_BATCH, {"batch": batch_id}):
        name = f"the {row.outcome} record of paper {row.position}"
        if row.match is not None:
            from_json(row.match, Match, f"the match of {name}")
        if row.outcome == Outcome.ENRICHED:
            yield from_json(row.data or "", Record, name)
        elif row.data is not None:
            from_json(row.data, tuple[Candidate, ...], name)
