"""Sessions that older versions left half-done: opened, upgraded through any kill, and finished.

The databases and snapshots of all earlier schemas lie in ``tests/support/earlier_schemas``. The
next version is made here: this package, and a migration that changes the tables under it.
"""

from __future__ import annotations

import random
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from jobrunner.demo.openalex import OpenAlex
from jobrunner.demo.server import LocalServer
from jobrunner.store.schema import HEAD
from tests.support import made_up_papers
from tests.support.program import Program, change, papers_of, rows_of, was_killed

ROOT = Path(__file__).resolve().parents[3]
FIXTURES = ROOT / "tests" / "support" / "earlier_schemas"
REVISIONS = sorted(path.name[:4] for path in (ROOT / "migrations" / "versions").glob("0*.py"))
NEXT = f"{int(HEAD) + 1:04}"
PAPERS = made_up_papers.papers(lookups=24, searches=4)

MIGRATION = """
import os, signal
from alembic import op
from sqlalchemy import Column, Text

revision = "NEXT"
down_revision = "HEAD"

def die_at(moment):
    if os.environ.get("DIE") == moment:
        os.kill(os.getpid(), signal.SIGKILL)

def upgrade():
    die_at("begin")
    with op.batch_alter_table("session", recreate="always") as batch:
        batch.add_column(Column("note", Text))
    die_at("session rebuilt")
    with op.batch_alter_table("paper", recreate="always") as batch:
        batch.add_column(Column("language", Text))
    op.execute("UPDATE paper SET language = 'en'")
    die_at("papers changed")
    op.execute("DROP INDEX ix_event_session_id")
    op.execute("CREATE INDEX ix_event_session_id ON event (session_id)")
    die_at("end")
""".replace("NEXT", NEXT).replace("HEAD", HEAD)
MOMENTS = (
    "session rebuilt",
    *(pytest.param(name, marks=pytest.mark.torture) for name in ("begin", "papers changed", "end")),
)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    with LocalServer(OpenAlex(made_up_papers.works())) as server:
        program = Program(tmp_path_factory.mktemp("uninterrupted"), server.base_url)
        program.input(PAPERS)
        program.call("run", "papers.json", "-o", "out.json", "--batch-size", 5)
        return without_history(program.directory / "out.json")


def without_history(output: Path) -> list[dict[str, Any]]:
    """Return the enriched papers without what earlier runs had found of them."""
    papers = papers_of(output)
    for paper in papers:
        paper.pop("retired", None)
    return papers


@pytest.fixture(params=REVISIONS)
def old(request: pytest.FixtureRequest, program: Program) -> Program:
    """What a version of an earlier schema has left."""
    place = program.database.parent
    place.mkdir()
    with closing(sqlite3.connect(program.database)) as connection:
        script = (FIXTURES / f"schema_{request.param}.sql").read_text(encoding="utf-8")
        connection.executescript(script)
        connection.execute("PRAGMA journal_mode = WAL")  # as every version has left it
    [(session,)] = program.query("SELECT id FROM session")
    shutil.copytree(FIXTURES / f"schema_{request.param}", place / session / "snapshots")
    change(program, "UPDATE session SET output = NULL")
    return program


@pytest.fixture(scope="module")
def newer_package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The next version of jobrunner."""
    place = tmp_path_factory.mktemp("newer")
    ignore = shutil.ignore_patterns("__pycache__")
    for name in ("jobrunner", "migrations"):
        shutil.copytree(ROOT / name, place / name, ignore=ignore)
    schema = place / "jobrunner" / "store" / "schema.py"
    text = schema.read_text(encoding="utf-8")
    assert f'HEAD = "{HEAD}"' in text
    schema.write_text(text.replace(f'HEAD = "{HEAD}"', f'HEAD = "{NEXT}"'), encoding="utf-8")
    (place / "migrations" / "versions" / f"{NEXT}_next.py").write_text(MIGRATION, encoding="utf-8")
    return place


@pytest.fixture
def newer(old: Program, newer_package: Path) -> Program:
    """The next version at work in the same directory."""
    program = Program(old.directory)
    program.environment = {**old.environment, "PYTHONPATH": str(newer_package)}
    return program


def revision(program: Program) -> str:
    return str(program.query("SELECT version_num FROM alembic_version")[0][0])


def copies(program: Program) -> list[Path]:
    return sorted(program.database.parent.glob("*.bak"))


def facts(path: Path) -> list[Any]:
    """Return every fact of a session in the columns that all schemas have."""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        return [
            connection.execute(query).fetchall()
            for query in (
                "SELECT source_id, number, papers, enriched, not_found, failed, fields FROM batch",
                "SELECT paper_id, source_id, batch_id, outcome, retrieved_at, data FROM record",
                "SELECT id, paper_id, batch_id, outcome, data FROM retired_record",
                "SELECT paper_id, scheme, value, origin FROM identifier ORDER BY 1, 2, 3, 4",
                "SELECT position, key, title, given FROM paper ORDER BY 1",
                "SELECT id, pid, started_at, ended_at FROM run",
                "SELECT id, at, kind, message FROM event",
            )
        ]


def committed_papers(program: Program) -> set[str]:
    rows = program.query(
        "SELECT i.value FROM identifier i JOIN record r ON r.paper_id = i.paper_id"
        " WHERE i.scheme = 'doi' AND i.origin = 'input'"
    )
    return {f"doi:{value}" for (value,) in rows}


def pending_papers(program: Program) -> set[str]:
    rows = program.query(
        "SELECT i.value FROM identifier i WHERE i.scheme = 'doi' AND i.origin = 'input'"
        " AND NOT EXISTS (SELECT 1 FROM record r WHERE r.paper_id = i.paper_id)"
    )
    return {f"doi:{value}" for (value,) in rows}


def finish(program: Program, server: LocalServer, wanted: list[dict[str, Any]]) -> None:
    """Resume to the end: nothing that was committed is asked for, and all is there."""
    committed = committed_papers(program) - pending_papers(program)
    assert committed
    asked_before = len(server.requests)
    resume = ("resume", "--allow-changes", "-o", "out.json")
    program.run(*resume, "--base-url", f"openalex={server.base_url}")
    asked = {name for request in server.requests[asked_before:] for name in request.ids}
    assert committed.isdisjoint(asked)
    program.run("verify")
    assert without_history(program.directory / "out.json") == wanted


# ---- every earlier schema


def test_every_schema_has_its_fixtures() -> None:
    missing = [name for name in REVISIONS if not (FIXTURES / f"schema_{name}.sql").is_file()]
    assert missing == [], "python tests/support/earlier_schemas/make.py writes them"
    assert HEAD in REVISIONS


def test_a_half_done_session_of_an_earlier_schema_is_finished(
    old: Program, server: LocalServer, uninterrupted: list[dict[str, Any]]
) -> None:
    made = revision(old)
    shown = old.json("status")
    assert (shown["state"], shown["papers"]) == ("crashed", 32)
    assert shown["sources"][0]["done"] == len(old.query("SELECT 1 FROM record"))
    assert [copy.name for copy in copies(old)] == (
        [] if made == HEAD else [f"state.db.pre-{made}.bak"]
    )
    finish(old, server, uninterrupted)


def test_a_snapshot_of_an_earlier_version_is_restored_and_finished(
    old: Program, server: LocalServer
) -> None:
    [snapshot] = old.database.parent.glob("*/snapshots/*.json")
    old.call("restore", snapshot, "--db", "new/state.db")
    old.call("verify", "--db", "new/state.db")
    given = ("--db", "new/state.db", "--allow-changes")
    old.call("resume", *given, "--base-url", f"openalex={server.base_url}", code=3)
    assert server.requests == []


# ---- an upgrade, and a kill in it


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_kill_in_an_upgrade_leaves_the_database_as_it_was(
    newer: Program, old: Program, moment: str
) -> None:
    before = rows_of(old)
    newer.environment["DIE"] = moment
    assert was_killed(newer.run("status", code=None).returncode)
    assert revision(old) == HEAD
    assert rows_of(old) == before
    old.call("status")
    [copy] = copies(old)
    assert facts(copy) == facts(old.database)


def test_after_a_kill_in_an_upgrade_it_is_done_again_and_the_session_finished(
    newer: Program, old: Program, server: LocalServer, uninterrupted: list[dict[str, Any]]
) -> None:
    before = facts(old.database)
    newer.environment["DIE"] = "papers changed"
    assert was_killed(newer.run("resume", code=None).returncode)
    del newer.environment["DIE"]
    finish(newer, server, uninterrupted)
    assert revision(newer) == NEXT
    assert newer.query("SELECT DISTINCT language FROM paper") == [("en",)]
    assert [facts(copy) for copy in copies(newer)] == [before, before]


@pytest.mark.torture
def test_kills_at_random_moments_of_upgrades_lose_nothing(newer: Program, old: Program) -> None:
    chance = random.Random(20261125)
    before, kills = facts(old.database), 0
    original = old.database.read_bytes()
    for _ in range(60):
        old.database.write_bytes(original)
        child = newer.start("status")
        time.sleep(chance.uniform(0.1, 0.5))
        child.kill()
        child.communicate()
        kills += was_killed(child.returncode)
        assert revision(old) in (HEAD, NEXT)
        assert facts(old.database) == before
        assert [facts(copy) for copy in copies(old)] == [before] * len(copies(old))
    assert kills > 10


# ---- no way back


def test_an_older_version_refuses_what_a_newer_one_has_upgraded(
    newer: Program, old: Program
) -> None:
    newer.run("db", "upgrade")
    before = old.database.read_bytes()
    [session] = [path.parent.parent.name for path in old.database.parent.glob("*/snapshots/*.json")]
    commands = (
        "status", "resume", "verify", "run papers.json", f"retry {session} --failed",
        f"sessions delete {session} --yes", "sessions list", "db upgrade", "snapshot",
    )  # fmt: skip
    old.input(PAPERS)
    for command in commands:
        said = old.call(*command.split(), code=5).stderr
        assert f"was made by a newer jobrunner (schema {NEXT}; this one supports {HEAD})" in said
        assert "upgrade jobrunner" in said
    assert old.database.read_bytes() == before


def test_the_copy_of_an_upgrade_is_the_way_back(
    newer: Program, old: Program, server: LocalServer, uninterrupted: list[dict[str, Any]]
) -> None:
    newer.run("db", "upgrade")
    [copy] = copies(newer)
    copy.replace(old.database)
    for name in ("-wal", "-shm"):
        old.database.with_name(old.database.name + name).unlink(missing_ok=True)
    finish(old, server, uninterrupted)
