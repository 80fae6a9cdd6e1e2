"""Ids, paths and numbers in a database or a snapshot are checked where they are read."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from jobrunner.operations.delete import delete_leftovers
from jobrunner.operations.load import delete_abandoned
from tests.support import made_up_papers
from tests.support.program import Program, load, opened

DAMAGE = 6
HUGE = 2**63 - 1


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """A session that has not been run yet, beside a directory that is precious."""
    program = Program(tmp_path / "work")
    load(program, [made_up_papers.by_doi(number) for number in range(3)])
    (program.directory / "precious").mkdir()
    (program.directory / "precious" / "thesis.tex").write_text("all of it", encoding="utf-8")
    return program


def execute(program: Program, *statements: str) -> None:
    with closing(sqlite3.connect(program.database)) as connection, connection:
        connection.execute("PRAGMA writable_schema = ON")
        for statement in statements:
            connection.execute(statement)


def renamed(to: str) -> list[str]:
    tables = ("paper", "source_state", "snapshot", "event", "run")
    sql = [f"UPDATE {table} SET session_id = {to}" for table in tables]  # noqa: S608 - constants
    return [*sql, f"UPDATE session SET id = {to}"]  # noqa: S608


@pytest.mark.parametrize(
    "name",
    [
        "../precious",
        "precious",
        "../work/precious",
        "20261124-013000-3F9A",
        "20261124-013000-3f9a/../../precious",
        "20261124-013000-3f9a\n",
        "２０２６1124-013000-3f9a",
        "",
    ],
)
@pytest.mark.parametrize("status", ["completed", "loading"])
def test_an_id_that_is_none_deletes_no_directory(name: str, status: str, program: Program) -> None:
    # `work/.jobrunner/../precious` is the precious directory.
    quoted = name.replace("'", "''")
    execute(
        program,
        "PRAGMA foreign_keys = OFF",
        *renamed(f"'{quoted}'"),
        f"UPDATE session SET status = '{status}', updated_at = '2020-01-01T00:00:00.000Z'",  # noqa: S608
    )
    for command in (
        ("sessions", "delete", name or "2", "--yes"),
        ("sessions", "clean", "--older-than", "0", "--yes"),
        ("sessions", "list"),
    ):
        said = program.call(*command, code=None)
        assert "this is a bug" not in said.stderr
    with opened(program) as database:
        delete_abandoned(database)
        delete_leftovers(database)
    assert (program.directory / "precious" / "thesis.tex").read_text() == "all of it"


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE paper SET position = 99999999 WHERE position = 2",
        "UPDATE paper SET position = :huge WHERE position = 2",
        "UPDATE paper SET position = -1 WHERE position = 0",
        "UPDATE session SET revision = :huge",
        "UPDATE session SET revision = -1",
        "UPDATE source_state SET ordinal = :huge",
        "UPDATE session SET run_id = :huge",
    ],
)
def test_a_number_that_cannot_be_right_is_damage(change: str, program: Program) -> None:
    execute(program, change.replace(":huge", str(HUGE)))
    for command in ("status", "resume"):
        said = program.call(command, code=DAMAGE)
        assert "99999999" not in said.stdout
        assert "this is a bug" not in said.stderr


def test_a_snapshot_outside_the_session_is_damage(program: Program) -> None:
    columns = "session_id, number, path, sha256, bytes, papers, revision, reason, seconds"
    for path in ("../precious/thesis.tex", "20200101-000000-aaaa/snapshots/000001.json"):
        execute(
            program,
            "DELETE FROM snapshot",
            f"INSERT INTO snapshot ({columns}, created_at)"  # noqa: S608
            f" SELECT id, 1, '{path}', '', 1, 1, 1, '', 0.1, created_at FROM session",
        )
        program.call("status", code=DAMAGE)
        program.call("snapshot", code=DAMAGE)
    assert (program.directory / "precious" / "thesis.tex").exists()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"session":"', '"session":"../../precious'),
        ('"position":2', '"position":99999999'),
        ('"position":2', f'"position":{HUGE}'),
        ('"position":0', '"position":-1'),
        ('"revision":', '"revision":9'),
    ],
)
def test_a_snapshot_with_other_numbers_is_refused_whole(
    before: str, after: str, program: Program, tmp_path: Path
) -> None:
    program.call("snapshot", "-o", "copy.json")
    copy = program.directory / "copy.json"
    text = copy.read_text(encoding="utf-8")
    revision = json.loads(text)["revision"]
    after = f'"revision":{HUGE},"x":' if before == '"revision":' else after
    assert before in text, revision
    content = text.replace(before, after, 1).encode()
    copy.write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    copy.with_name("copy.json.sha256").write_text(f"{digest}  copy.json\n", encoding="utf-8")
    said = program.call("restore", "copy.json", "--db", tmp_path / "new" / "state.db", code=DAMAGE)
    assert "this is a bug" not in said.stderr
    assert not (tmp_path / "precious").exists()
