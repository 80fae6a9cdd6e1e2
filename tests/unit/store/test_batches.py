"""The commit of a batch: all of it or nothing, and every figure is a count of rows."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobrunner.errors import LeaseLost, StoreError
from jobrunner.models import (
    Answer,
    Author,
    BatchKind,
    Candidate,
    InputPaper,
    Match,
    Outcome,
    Record,
    RunEnding,
    Usage,
)
from jobrunner.store.audit import check_session
from jobrunner.store.batches import Batch, commit_batch
from jobrunner.store.database import Database, open_database
from jobrunner.store.lease import Lease, take_lease
from jobrunner.store.papers import add_papers
from jobrunner.store.progress import SourceProgress, read_progress
from jobrunner.store.retired_records import retire_records
from jobrunner.store.rows import Options, SourceRow
from jobrunner.store.run_lifecycle import end_run, start_run
from jobrunner.store.sessions import create_session, delete_session, seal_session
from jobrunner.store.source_states import list_sources

SESSION = "20261124-013000-3f9a"
MOMENT = "2026-11-24T01:30:00.000Z"
MATCH = Match(by="doi", score=1.0)
RECORD = Record(
    id="W1",
    title="Reading the ferns of Iceland",
    authors=(Author(name="Ada Almeida"),),
    citations=0,
    identifiers={"doi": "10.5555/1", "openalex": "W1"},
)
FOUND = Answer.found(RECORD, MATCH)
UNSURE = Answer.ambiguous((Candidate(record=RECORD, match=MATCH),), "two works fit")
FAILED = Answer.failed("its record is broken")
MISSED = None
"""What a lookup says of a paper that it does not find; it is searched next."""

Answers = dict[int, Answer | None]


class Desk:
    """A session of some papers, ids 1 and up, with a run at work and one source."""

    def __init__(self, database: Database, session_id: str, papers: int) -> None:
        self.database = database
        options = Options(sources=("openalex",), rules=1)
        create_session(database, session_id, input_path=None, options=options, output=None)
        listed = [InputPaper(position=n, given="{}", title=f"Study {n}") for n in range(papers)]
        add_papers(database, session_id, listed)
        seal_session(database, session_id, input_format="json", sha256="0", other={})
        self.lease: Lease = take_lease(database, session_id)
        start_run(database, self.lease)
        self.source: SourceRow = list_sources(database, session_id)[0]

    def commit(self, answers: Answers, kind: BatchKind = BatchKind.LOOKUP, **usage: int) -> None:
        batch = Batch(kind=kind, answers=answers, started_at=MOMENT, usage=Usage(**usage))
        commit_batch(self.database, self.lease, self.source, batch)

    def retire(self, outcome: Outcome) -> int:
        return retire_records(self.database, self.lease, self.source, outcome)

    def progress(self) -> SourceProgress:
        return read_progress(self.database, self.lease.session_id, fields=True).sources[0]

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with self.database.read() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(sql, values)]

    def dump(self) -> list[str]:
        with closing(sqlite3.connect(f"file:{self.database.path}?mode=ro", uri=True)) as connection:
            return list(connection.iterdump())


@pytest.fixture
def desk(database: Database) -> Iterator[Desk]:
    opened = Desk(database, SESSION, papers=6)
    with opened.lease:
        yield opened


# ---- what a commit writes


def test_each_answer_becomes_a_record_and_a_miss_none(desk: Desk) -> None:
    desk.commit({1: FOUND, 2: Answer.not_found(), 3: UNSURE, 4: FAILED, 5: MISSED})
    assert desk.rows("SELECT paper_id, outcome, error FROM record ORDER BY paper_id") == [
        (1, "enriched", None),
        (2, "not_found", None),
        (3, "ambiguous", "two works fit"),
        (4, "failed", "its record is broken"),
    ]
    assert desk.rows("SELECT paper_id FROM lookup_miss") == [(5,)]


def test_a_record_is_kept_as_it_was_answered(desk: Desk) -> None:
    desk.commit({1: FOUND})
    [(data,)] = desk.rows("SELECT data FROM record")
    assert msgspec.json.decode(data, type=Record) == RECORD


def test_a_record_s_identifiers_become_the_paper_s_with_their_origin(desk: Desk) -> None:
    desk.commit({1: FOUND, 2: UNSURE})
    assert desk.rows("SELECT paper_id, scheme, value, origin FROM identifier") == [
        (1, "doi", "10.5555/1", "openalex"),
        (1, "openalex", "W1", "openalex"),
    ]


def test_the_batch_row_counts_what_it_did_and_what_that_took(desk: Desk) -> None:
    answers = {1: FOUND, 2: FOUND, 3: Answer.not_found(), 4: UNSURE, 5: FAILED, 6: MISSED}
    desk.commit(answers, requests=3, retries=1, cost_micros=100)
    assert desk.rows(
        "SELECT papers, enriched, not_found, ambiguous, failed, passed_on FROM batch"
    ) == [(6, 2, 1, 1, 1, 1)]
    assert desk.rows("SELECT requests, retries, cost_micros FROM batch") == [(3, 1, 100)]


def test_the_fields_of_records_are_counted_where_they_hold_something(desk: Desk) -> None:
    desk.commit({1: FOUND, 2: FOUND, 3: UNSURE})
    counted = {"title": 2, "authors": 2, "citations": 2, "doi": 2, "openalex": 2}
    assert desk.progress().fields == counted


def test_batches_are_numbered_from_zero_without_gaps(desk: Desk) -> None:
    for paper in (1, 2, 3):
        desk.commit({paper: FOUND})
    assert desk.rows("SELECT number FROM batch ORDER BY id") == [(0,), (1,), (2,)]


def test_every_commit_is_a_change_that_the_next_snapshot_owes(desk: Desk) -> None:
    desk.commit({1: FOUND})
    desk.commit({2: FOUND})
    assert desk.rows("SELECT revision FROM session") == [(2,)]


def test_the_rate_is_that_of_the_latest_run(desk: Desk) -> None:
    desk.commit({1: FOUND, 2: FOUND, 3: FOUND})
    end_run(desk.database, desk.lease, ending=RunEnding.INTERRUPTED, reason="signal SIGTERM")
    start_run(desk.database, desk.lease)
    desk.commit({4: FOUND})
    desk.commit({5: FOUND, 6: MISSED})
    took = {0: ("01:00:00", "01:00:01"), 1: ("02:00:00", "02:00:03"), 2: ("02:00:02", "02:00:04")}
    with desk.database.write() as connection:
        for number, times in took.items():
            moments = (f"2026-11-24T{time}.000Z" for time in times)
            connection.exec_driver_sql(
                "UPDATE batch SET started_at = ?, committed_at = ? WHERE number = ?",
                (*moments, number),
            )
    assert desk.progress().rate == 2 / 4


# ---- all or nothing


CHILD = """
import sys
from pathlib import Path
from jobrunner.models import Answer, BatchKind, Match, Record
from jobrunner.store.batches import Batch, commit_batch
from jobrunner.store.database import open_database
from jobrunner.store.lease import take_lease
from jobrunner.store.run_lifecycle import start_run
from jobrunner.store.source_states import list_sources
database, session = open_database(Path(sys.argv[1])), sys.argv[2]
lease = take_lease(database, session)
start_run(database, lease)
found = Answer.found(Record(id="W1", identifiers={"doi": "10.5555/1"}), Match(by="doi", score=1.0))
answers = {1: found, 2: None}
batch = Batch(kind=BatchKind.LOOKUP, answers=answers, started_at="2026-11-24T01:30:00.000Z")
commit_batch(database, lease, list_sources(database, session)[0], batch)
"""
PARTS = """
SELECT (SELECT count(*) FROM batch), (SELECT count(*) FROM record),
    (SELECT count(*) FROM identifier), (SELECT count(*) FROM lookup_miss),
    (SELECT revision FROM session)
"""


@pytest.mark.parametrize(
    ("moment", "rows"), [("commit.inside", 0), ("commit.before", 0), ("commit.after", 1)]
)
def test_a_kill_leaves_all_of_a_batch_or_nothing(desk: Desk, moment: str, rows: int) -> None:
    desk.lease.release()
    killed = subprocess.run(
        [sys.executable, "-c", CHILD, str(desk.database.path), SESSION],
        env={**os.environ, "JOBRUNNER_FAULT": moment},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    assert desk.rows(PARTS) == [(rows,) * 5]


def test_a_paper_cannot_be_answered_twice_and_nothing_of_that_batch_is_there(desk: Desk) -> None:
    desk.commit({1: FOUND})
    before = desk.dump()
    with pytest.raises(StoreError):
        desk.commit({2: FOUND, 1: Answer.not_found()})
    assert desk.dump() == before


def test_after_a_failed_commit_the_next_one_succeeds(desk: Desk) -> None:
    desk.commit({1: FOUND})
    with pytest.raises(StoreError):
        desk.commit({1: FOUND})
    desk.commit({2: FOUND})
    assert check_session(desk.database, SESSION) == []


# ---- the fence


def test_whoever_lost_the_lease_writes_nothing(desk: Desk) -> None:
    with desk.database.write() as connection:
        connection.exec_driver_sql("UPDATE session SET run_id = run_id + 1")
    before = desk.dump()
    with pytest.raises(LeaseLost, match="was taken over by another run") as lost:
        desk.commit({1: FOUND})
    with pytest.raises(LeaseLost):
        desk.retire(Outcome.FAILED)
    assert lost.value.hint == f"check it with `jobrunner status {SESSION}`"
    assert desk.dump() == before


def test_a_session_that_was_deleted_meanwhile_is_not_written_to(desk: Desk) -> None:
    delete_session(desk.database, SESSION)
    before = desk.dump()
    with pytest.raises(LeaseLost):
        desk.commit({1: FOUND})
    assert desk.dump() == before


# ---- asked again


def test_retired_papers_are_pending_again_and_their_records_are_kept(desk: Desk) -> None:
    desk.commit({1: FOUND, 2: FAILED, 3: FAILED, 4: Answer.not_found()})
    assert desk.retire(Outcome.FAILED) == 2
    progress = desk.progress()
    assert (progress.done, progress.pending, progress.failed) == (2, 4, 0)
    assert desk.rows("SELECT paper_id, outcome, error FROM retired_record") == [
        (2, "failed", "its record is broken"),
        (3, "failed", "its record is broken"),
    ]
    assert check_session(desk.database, SESSION) == []


def test_a_retired_paper_that_a_lookup_had_missed_is_looked_up_again(desk: Desk) -> None:
    desk.commit({1: MISSED, 2: MISSED})
    desk.commit({1: Answer.not_found()}, kind=BatchKind.SEARCH)
    assert desk.retire(Outcome.NOT_FOUND) == 1
    assert desk.rows("SELECT paper_id FROM lookup_miss") == [(2,)]
    assert desk.rows("SELECT paper_id, outcome FROM retired_record ORDER BY id") == [
        (1, "passed_on"),
        (1, "not_found"),
    ]
    assert check_session(desk.database, SESSION) == []


def test_a_paper_can_be_retired_again_and_again(desk: Desk) -> None:
    for _ in range(3):
        desk.commit({1: FAILED})
        assert desk.retire(Outcome.FAILED) == 1
    assert desk.rows("SELECT count(*) FROM retired_record") == [(3,)]
    assert check_session(desk.database, SESSION) == []


def test_another_source_s_records_are_not_retired(desk: Desk) -> None:
    with desk.database.write() as connection:
        connection.exec_driver_sql(
            "INSERT INTO source_state (session_id, name, ordinal, status, updated_at)"
            " VALUES (?, 'crossref', 1, 'active', ?)",
            (SESSION, MOMENT),
        )
    first, second = list_sources(desk.database, SESSION)
    for source in (first, second):
        batch = Batch(kind=BatchKind.LOOKUP, answers={1: FAILED}, started_at=MOMENT)
        commit_batch(desk.database, desk.lease, source, batch)
    assert desk.retire(Outcome.FAILED) == 1
    assert desk.rows("SELECT source_id FROM record") == [(second.id,)]


# ---- the books, whatever happens


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """One database for all examples, each with a session of its own."""
    path = tmp_path_factory.mktemp("shared") / "state.db"
    with closing(open_database(path, create=True)) as opened:
        yield opened


SAID = {
    "enriched": FOUND,
    "not_found": Answer.not_found(),
    "ambiguous": UNSURE,
    "failed": FAILED,
    "passed_on": MISSED,
}
PAPERS = 8
batches = st.dictionaries(st.integers(0, PAPERS - 1), st.sampled_from(sorted(SAID)), min_size=1)
steps = st.lists(batches | st.sampled_from([Outcome.FAILED, Outcome.NOT_FOUND]), max_size=8)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(steps)
def test_figures_and_rows_agree_after_any_commits_and_retries(
    shared: Database, steps: list[dict[int, str] | Outcome]
) -> None:
    session = f"session-{len(read_sessions(shared)):06d}"
    desk = Desk(shared, session, PAPERS)
    first = desk.rows("SELECT min(id) FROM paper WHERE session_id = ?", session)[0][0]
    outcomes: dict[int, str] = {}
    missed: set[int] = set()
    with desk.lease:
        for step in steps:
            if isinstance(step, Outcome):
                again = {paper for paper, outcome in outcomes.items() if outcome == step.value}
                assert desk.retire(step) == len(again)
                missed -= again
                outcomes = {p: outcome for p, outcome in outcomes.items() if p not in again}
                continue
            # A paper is asked about while it has no record, and is missed by a lookup once.
            new = {
                paper: said
                for paper, said in step.items()
                if paper not in outcomes and not (said == "passed_on" and paper in missed)
            }
            desk.commit({first + paper: SAID[said] for paper, said in new.items()})
            missed |= {paper for paper, said in new.items() if said == "passed_on"}
            outcomes |= {paper: said for paper, said in new.items() if said != "passed_on"}
    progress, counts = desk.progress(), Counter(outcomes.values())
    assert (progress.done, progress.pending) == (len(outcomes), PAPERS - len(outcomes))
    assert {name: getattr(progress, name) for name in Outcome} == {
        name: counts[name.value] for name in Outcome
    }
    assert check_session(shared, session) == []


def read_sessions(database: Database) -> list[Any]:
    with database.read() as connection:
        return list(connection.exec_driver_sql("SELECT id FROM session"))
