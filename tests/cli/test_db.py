"""``db``: the schema of the database, told and upgraded."""

from __future__ import annotations

import pytest

from jobrunner.store.schema import HEAD
from tests.support import made_up_papers
from tests.support.program import Program, change, leave_a_journal, load


def test_the_revision_of_a_database_is_told(program: Program) -> None:
    load(program, [made_up_papers.by_doi(1)])
    said = program.call("db", "current").stdout
    assert said == f".jobrunner/state.db: {HEAD} (this version uses {HEAD})\n"


def test_a_database_of_this_version_needs_no_upgrade(program: Program) -> None:
    load(program, [made_up_papers.by_doi(1)])
    assert program.call("db", "upgrade").stdout == f".jobrunner/state.db: {HEAD}, already current\n"


@pytest.mark.parametrize("command", ["db current", "db upgrade", "doctor", "status"])
def test_what_a_kill_before_the_first_commit_left_is_rolled_back(
    program: Program, command: str
) -> None:
    load(program, [made_up_papers.by_doi(1)])
    leave_a_journal(program.database)
    program.call(*command.split())
    tables = program.query("SELECT name FROM sqlite_schema WHERE type = 'table'")
    assert ("session",) in tables
    assert ("unfinished",) not in tables


def test_the_revision_of_a_newer_database_can_be_looked_at(program: Program) -> None:
    load(program, [made_up_papers.by_doi(1)])
    change(program, "UPDATE alembic_version SET version_num = '9999'")
    said = program.call("db", "current").stdout
    assert said == f".jobrunner/state.db: 9999 (this version uses {HEAD})\n"
