"""What a run and ``status`` ask the database: always by an index, and never more than before."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from sqlalchemy import Engine, event

from jobrunner.demo.openalex import OpenAlex
from jobrunner.demo.server import LocalServer
from jobrunner.store import database
from tests.support import made_up_papers
from tests.support.program import Program
from tests.support.three_sources import CROSSREF, OPENALEX, serving_library, sources

MAY_BE_SCANNED = {"session", "sqlite_schema", "alembic_version"}
"""Tables of which there are as many rows as sessions, or fewer; and arrays of JSON."""


class Statement(NamedTuple):
    """A statement as it was sent."""

    text: str
    values: Any


@contextmanager
def listening() -> Iterator[list[Statement]]:
    """Collect the statements that are sent to any database during the block."""
    sent: list[Statement] = []

    def note(_c: Any, _cursor: Any, text: str, values: Any, _context: Any, many: bool) -> None:
        sent.append(Statement(text, values[0] if many else values))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def plan(path: Path, statement: Statement) -> list[str]:
    """Return SQLite's plan, a line a step."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute(f"EXPLAIN QUERY PLAN {statement.text}", statement.values)
        return [str(row[3]) for row in rows]


def scanned(path: Path, statement: Statement) -> list[str]:
    """Return the steps that read all rows of a table that grows."""
    return [
        step
        for step in plan(path, statement)
        if step.startswith("SCAN")
        and "VIRTUAL TABLE" not in step
        and not re.fullmatch(r"SCAN (\d+ )?CONSTANT ROWS?", step)  # the values of an insertion
        and step.split()[1] not in MAY_BE_SCANNED
    ]


def asked(sent: list[Statement]) -> dict[str, Statement]:
    """Return one statement of each wording that has a plan, the last."""
    verbs = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")
    return {s.text: s for s in sent if s.text.split()[0].upper() in verbs}


class Heard(NamedTuple):
    """What a run and the questions after it have sent."""

    path: Path
    run: dict[str, Statement]
    status: dict[str, Statement]


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Heard]:
    with serving_library() as trio:
        papers = made_up_papers.papers(lookups=30, searches=6)
        program = trio.program(tmp_path_factory.mktemp("heard"), papers)
        with listening() as run:
            chosen = sources(OPENALEX, CROSSREF)  # the second waits for the first
            program.call("run", "papers.json", *chosen, "--batch-size", 5)
        with listening() as status:
            program.call("status")
            program.call("status", "--json")
        assert program.query("SELECT count(*) FROM batch")[0][0] > 10
        yield Heard(program.database, asked(run), asked(status))


def test_every_statement_of_a_run_uses_an_index(heard: Heard) -> None:
    assert any("INTO batch" in text for text in heard.run)
    assert any("lookup_miss" in text for text in heard.run)
    assert {s.text: found for s in heard.run.values() if (found := scanned(heard.path, s))} == {}


def test_every_question_of_status_uses_an_index(heard: Heard) -> None:
    assert any("FROM batch" in text for text in heard.status)
    assert {s.text: found for s in heard.status.values() if (found := scanned(heard.path, s))} == {}


def test_the_rate_is_found_in_the_last_batches_alone(heard: Heard) -> None:
    (last,) = (s for s in heard.status.values() if "LIMIT" in s.text and "started_at" in s.text)
    assert not [step for step in plan(heard.path, last) if "TEMP B-TREE" in step]


def test_a_scan_would_be_seen(heard: Heard) -> None:
    whole = Statement("SELECT count(*) FROM record r WHERE r.error IS NOT NULL", ())
    assert scanned(heard.path, whole) == ["SCAN r"]


# ---- what a batch costs


class Work(NamedTuple):
    """What the database had done when a batch was written."""

    statements: int
    steps: int


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count the instructions that SQLite's virtual machine carries out, in tens."""
    count = [0]

    def tick() -> None:
        count[0] += 1

    connect = database._connect

    def counting(*arguments: Any) -> sqlite3.Connection:
        connection = connect(*arguments)
        connection.set_progress_handler(tick, 10)
        return connection

    monkeypatch.setattr(database, "_connect", counting)
    return count


def work_of_batches(program: Program, steps: list[int], *options: object) -> list[Work]:
    """Run a list; return what each batch took, from the one before it on."""
    moments: list[Work] = []
    with listening() as sent:

        def note(_c: Any, _cursor: Any, text: str, *_: Any) -> None:
            if "INTO batch" in text:
                moments.append(Work(len(sent), steps[0]))

        event.listen(Engine, "before_cursor_execute", note)
        try:
            program.call("run", "papers.json", *options)
        finally:
            event.remove(Engine, "before_cursor_execute", note)
    return [Work(b.statements - a.statements, b.steps - a.steps) for a, b in pairwise(moments)]


def test_a_batch_costs_the_same_however_much_is_done(tmp_path: Path, steps: list[int]) -> None:
    with LocalServer(OpenAlex(made_up_papers.works(600))) as server:
        program = Program(tmp_path, server.base_url)
        program.input([made_up_papers.by_doi(number) for number in range(600)])
        work = work_of_batches(program, steps, "--batch-size", 5, "--checkpoint-interval", 0)
    assert len(work) == 119
    early, late = work[10:40], work[50:80]  # before the next window of papers is looked for
    assert sum(w.statements for w in late) < 1.05 * sum(w.statements for w in early)
    assert sum(w.steps for w in late) < 1.05 * sum(w.steps for w in early)
