"""The tables. A test checks that the migrations create the same ones.

Only ``batch`` has counters, written once in the commit that they count. Every figure shown is a sum
over committed rows. The papers pending for a source are those without a row in ``record``.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.types import REAL

from jobrunner.models import BatchKind, Outcome, RunEnding, SessionStatus, SourceStatus

HEAD = "0001"
"""The schema revision that this version of jobrunner requires."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _is_one_of(column: str, words: Iterable[str]) -> CheckConstraint:
    quoted = ", ".join(f"'{word}'" for word in words)
    return CheckConstraint(f"{column} IN ({quoted})", name=column)


session = Table(
    "session",
    metadata,
    Column("id", Text, primary_key=True, nullable=False),
    Column("input_path", Text),
    Column("input_format", Text, nullable=False),
    Column("input_sha256", Text, nullable=False),
    Column("input_other", Text, nullable=False),
    Column("options", Text, nullable=False),
    Column("output", Text),
    Column("status", Text, nullable=False),
    # Incremented in every transaction that changes the content of the next snapshot.
    Column("revision", Integer, nullable=False),
    # The run that holds the lease. Every write checks it: a run that lost the lease cannot write.
    Column("run_id", Integer),
    Column("created_at", Text, nullable=False),
    Column("updated_at", Text, nullable=False),
    Column("version", Text, nullable=False),
    _is_one_of("status", SessionStatus),
    sqlite_strict=True,
)

run = Table(
    "run",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("session_id", Text, ForeignKey("session.id"), nullable=False),
    Column("pid", Integer, nullable=False),
    Column("host", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("started_at", Text, nullable=False),
    Column("ended_at", Text),
    Column("ending", Text),
    Column("reason", Text),
    _is_one_of("ending", RunEnding),
    Index("ix_run_session_id", "session_id"),
    sqlite_strict=True,
)

paper = Table(
    "paper",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("session_id", Text, ForeignKey("session.id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("key", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("authors", Text, nullable=False),
    Column("year", Integer),
    Column("venue", Text, nullable=False),
    Column("unusable", Text),
    Column("given", Text, nullable=False),
    UniqueConstraint("session_id", "position"),
    Index("ix_paper_unusable", "session_id", sqlite_where=Column("unusable").is_not(None)),
    sqlite_strict=True,
)

identifier = Table(
    "identifier",
    metadata,
    Column("paper_id", Integer, ForeignKey("paper.id"), primary_key=True, nullable=False),
    Column("scheme", Text, primary_key=True, nullable=False),
    Column("value", Text, primary_key=True, nullable=False),
    # 'input' or the name of the source that returned it.
    Column("origin", Text, primary_key=True, nullable=False),
    # The index among the origin's values of this scheme; 0 is the most trusted.
    Column("ordinal", Integer, nullable=False),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

source_state = Table(
    "source_state",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("session_id", Text, ForeignKey("session.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("error", Text),
    Column("not_before", Text),
    Column("updated_at", Text, nullable=False),
    UniqueConstraint("session_id", "name"),
    _is_one_of("status", SourceStatus),
    sqlite_strict=True,
)

batch = Table(
    "batch",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("source_id", Integer, ForeignKey("source_state.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("run_id", Integer, ForeignKey("run.id"), nullable=False),
    Column("papers", Integer, nullable=False),
    Column("enriched", Integer, nullable=False),
    Column("not_found", Integer, nullable=False),
    Column("ambiguous", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    # Papers that the lookup did not find and left to the search.
    Column("passed_on", Integer, nullable=False),
    Column("requests", Integer, nullable=False),
    Column("retries", Integer, nullable=False),
    Column("cost_micros", Integer, nullable=False),
    Column("fields", Text, nullable=False),
    Column("started_at", Text, nullable=False),
    Column("committed_at", Text, nullable=False),
    UniqueConstraint("source_id", "number"),
    _is_one_of("kind", BatchKind),
    CheckConstraint(
        "papers = enriched + not_found + ambiguous + failed + passed_on", name="adds_up"
    ),
    Index("ix_batch_run_id", "run_id"),
    sqlite_strict=True,
)


def _record_columns() -> list[Column[object]]:
    return [
        Column("id", Integer, primary_key=True),
        # No foreign key: `verify` compares it with the source of the batch.
        Column("source_id", Integer, nullable=False),
        Column("paper_id", Integer, ForeignKey("paper.id"), nullable=False),
        Column("batch_id", Integer, ForeignKey("batch.id"), nullable=False),
        Column("outcome", Text, nullable=False),
        Column("match", Text),
        Column("retrieved_at", Text, nullable=False),
        Column("error", Text),
        Column("data", Text),
    ]


record = Table(
    "record",
    metadata,
    *_record_columns(),
    UniqueConstraint("paper_id", "source_id"),
    _is_one_of("outcome", Outcome),
    Index("ix_record_batch_id", "batch_id"),
    sqlite_strict=True,
)

lookup_miss = Table(
    "lookup_miss",
    metadata,
    Column("paper_id", Integer, ForeignKey("paper.id"), primary_key=True, nullable=False),
    Column("source_id", Integer, primary_key=True, nullable=False),
    Column("batch_id", Integer, ForeignKey("batch.id"), nullable=False),
    Index("ix_lookup_miss_batch_id", "batch_id"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

retired_record = Table(
    "retired_record",
    metadata,
    *_record_columns(),
    Column("retired_at", Text, nullable=False),
    _is_one_of("outcome", [*Outcome, "passed_on"]),
    Index("ix_retired_record_paper_id", "paper_id", "source_id"),
    Index("ix_retired_record_source_id", "source_id", "outcome"),
    Index("ix_retired_record_batch_id", "batch_id"),
    sqlite_strict=True,
)

snapshot = Table(
    "snapshot",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("session_id", Text, ForeignKey("session.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("path", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("bytes", Integer, nullable=False),
    Column("papers", Integer, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("seconds", REAL, nullable=False),
    Column("created_at", Text, nullable=False),
    UniqueConstraint("session_id", "number"),
    sqlite_strict=True,
)

event = Table(
    "event",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("session_id", Text, ForeignKey("session.id"), nullable=False),
    Column("run_id", Integer),
    Column("at", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("message", Text, nullable=False),
    Index("ix_event_session_id", "session_id"),
    sqlite_strict=True,
)
