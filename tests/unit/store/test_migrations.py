"""Migrations: the tables they make, upgrades that fail, die, meet each other or meet a run."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from jobrunner.errors import DamageFound, LeaseHeld, Refused, StoreError
from jobrunner.files.locks import FileLock
from jobrunner.store import migrations
from jobrunner.store.database import Database, connect, open_database
from jobrunner.store.lease import take_lease
from jobrunner.store.migrations import lock_path
from jobrunner.store.schema import HEAD, metadata
from tests.support.events import LIMIT_S

Start = Callable[..., subprocess.Popen[str]]

ROOT = Path(__file__).resolve().parents[3]

REBUILD = """
    strict = {"sqlite_strict": True}
    with op.batch_alter_table("session", recreate="always", table_kwargs=strict) as batch:
        batch.add_column(Column("note", Text))
"""
FAIL = """
    op.execute("CREATE TABLE half (a INTEGER) STRICT")
    with op.batch_alter_table("session", recreate="always") as batch:
        batch.add_column(Column("note", Text))
    op.execute("INSERT INTO nowhere VALUES (1)")
"""
DIE = """
    op.execute("CREATE TABLE half (a INTEGER) STRICT")
    os.kill(os.getpid(), signal.SIGKILL)
"""
ORPHAN = """
    op.execute("DELETE FROM session")
"""
WAIT = """
    op.execute("CREATE TABLE waited (a INTEGER) STRICT")
    print("migrating", flush=True)
    sys.stdin.readline()
"""
ROWS = (
    """INSERT INTO session (id, input_format, input_sha256, input_other, options, status, revision,
        created_at, updated_at, version) VALUES ('a', '', '', '', '', 'pending', 0, '', '', '')""",
    "INSERT INTO event (id, session_id, at, kind, message) VALUES (1, 'a', '', '', '')",
    """INSERT INTO paper (id, session_id, position, key, title, authors, venue, given)
        VALUES (1, 'a', 0, '', '', '', '', '{}')""",
)
OPEN = """
import sys
from pathlib import Path
from jobrunner.store import migrations
from jobrunner.store.database import open_database
from jobrunner.files.locks import FileLock
if len(sys.argv) > 2:
    migrations.HEAD = "0002"
    migrations.migrations_directory = lambda: Path(sys.argv[2])
database = open_database(Path(sys.argv[1]), create=True)
lock = FileLock(migrations.lock_path(database.path))
print(lock.acquire(exclusive=False), flush=True)
sys.stdin.readline()
"""
CROWD = """
import os, sys
from pathlib import Path
import alembic.command
from jobrunner.store.database import open_database

def launch(path, gate):
    os.read(gate, 1)
    database = open_database(path, create=True)
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE session SET revision = 1")
    database.close()
    os._exit(0)

failed = 0
for number in range(int(sys.argv[2])):
    gate_out, gate_in = os.pipe()
    children = []
    for _ in range(12):
        child = os.fork()
        if child == 0:
            os.close(gate_in)
            launch(Path(sys.argv[1]) / str(number) / "state.db", gate_out)
        children.append(child)
    os.close(gate_in)
    os.close(gate_out)
    failed += sum(os.waitpid(child, 0)[1] != 0 for child in children)
print(failed)
"""

Second = Callable[[str], Path]


@pytest.fixture
def second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Second:
    """Give jobrunner a second revision that does what is said; return the migrations."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    directory = tmp_path / "migrations"
    shutil.copytree(ROOT / "migrations", directory, ignore=shutil.ignore_patterns("__pycache__"))

    def use(body: str) -> Path:
        (directory / "versions" / "0002_second.py").write_text(
            "import os, signal, sys\nfrom alembic import op\nfrom sqlalchemy import Column, Text\n"
            f"revision = '0002'\ndown_revision = '0001'\ndef upgrade():{body}"
        )
        monkeypatch.setattr(migrations, "HEAD", "0002")
        monkeypatch.setattr(migrations, "migrations_directory", lambda: directory)
        return directory

    return use


@pytest.fixture
def older(path: Path) -> Path:
    """A database of the first revision, with a session, an event and a paper."""
    with closing(open_database(path, create=True)) as database, database.write() as connection:
        for row in ROWS:
            connection.exec_driver_sql(row)
    return path


def ask(path: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def revision(path: Path) -> object:
    return ask(path, "SELECT version_num FROM alembic_version")[0][0]


def schema_of(path: Path) -> dict[str, str]:
    rows = ask(path, "SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL")
    return {
        str(name): re.sub(r"\s+", " ", str(sql)).replace("( ", "(").replace(" )", ")")
        for name, sql in rows
    }


def counts(path: Path) -> tuple[object, ...]:
    return ask(
        path,
        "SELECT (SELECT count(*) FROM session), (SELECT count(*) FROM event),"
        " (SELECT count(*) FROM paper)",
    )[0]


def files(path: Path) -> list[str]:
    names = (entry.name for entry in path.parent.iterdir() if entry.is_file())
    return sorted(name for name in names if name != "state.db.lock")


def hears(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    return child.stdout.readline().strip()


def upgraded(path: Path) -> Path | None:
    return migrations.upgrade(path, connect, "0001")


# ---- the tables


def test_migrations_make_exactly_what_a_new_database_has(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = database.path.with_name("other.db")
    monkeypatch.setenv("JOBRUNNER_DB", str(other))
    config = Config()
    config.set_main_option("script_location", str(migrations.migrations_directory()))
    command.upgrade(config, "head")
    assert schema_of(database.path) == schema_of(other)
    for query in ("SELECT * FROM alembic_version", "PRAGMA application_id", "PRAGMA page_size"):
        assert ask(database.path, query) == ask(other, query)


def test_alembic_finds_no_difference_to_the_schema(database: Database) -> None:
    with database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_every_table_is_strict(database: Database) -> None:
    tables = ask(database.path, "SELECT name, strict FROM pragma_table_list WHERE type = 'table'")
    lax = {name for name, strict in tables if not strict}
    assert lax == {"alembic_version", "sqlite_schema", "sqlite_temp_schema"}
    assert len(tables) > 10


def test_the_last_migration_is_the_one_this_version_works_with() -> None:
    config = Config()
    config.set_main_option("script_location", str(migrations.migrations_directory()))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_a_new_database_is_at_the_last_revision_without_a_backup(database: Database) -> None:
    assert revision(database.path) == HEAD
    assert not list(database.path.parent.glob("*.bak"))


def test_alembic_is_not_loaded_where_nothing_is_to_be_upgraded(path: Path, start: Start) -> None:
    script = OPEN + "print([name for name in sys.modules if name.split('.')[0] == 'alembic'])"
    for _ in ("made", "up to date"):
        assert start(script, path).communicate("\n")[0] == "True\n[]\n"


# ---- first launches at once


def test_a_dozen_first_launches_all_succeed(path: Path, start: Start) -> None:
    children = [start(OPEN, path) for _ in range(12)]
    assert [hears(child) for child in children] == ["True"] * 12
    assert revision(path) == HEAD


def test_first_launches_at_the_very_same_moment_all_succeed(tmp_path: Path, start: Start) -> None:
    assert hears(start(CROWD, tmp_path, 10)) == "0"


def test_a_launch_waits_for_another_that_makes_the_file(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")  # a switch to the write-ahead log fails at once now
        timer = threading.Timer(0.2, partial(other.execute, "COMMIT"))
        timer.start()
        open_database(path, create=True).close()
        timer.join()


def test_a_launch_waits_for_another_that_makes_the_tables(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, met = migrations.make, threading.Event()
    new = partial(connect, create=True)

    def make_late(path: Path, connect: migrations.Connect) -> None:
        met.set()
        make(path, connect)

    with migrations.engine(path, new).begin() as other:
        metadata.create_all(other)
        monkeypatch.setattr(migrations, "make", make_late)
        opened: list[Database] = []
        thread = threading.Thread(target=lambda: opened.append(open_database(path, create=True)))
        thread.start()
        assert met.wait(LIMIT_S)
        thread.join(0.3)
        assert not opened
        for statement in migrations._STAMP:
            other.exec_driver_sql(statement)
    thread.join()
    opened[0].close()
    assert revision(path) == HEAD


def test_tables_that_somebody_else_made_meanwhile_are_left_as_they_are(older: Path) -> None:
    migrations.make(older, connect)
    assert counts(older) == (1, 1, 1)


def test_making_the_tables_fails_as_a_whole(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "_STAMP", ("INSERT INTO nowhere VALUES (1)",))
        with pytest.raises(StoreError, match="unexpected error"):
            open_database(path, create=True)
    assert schema_of(path) == {}
    open_database(path, create=True).close()
    assert revision(path) == HEAD


# ---- upgrades


def test_an_upgrade_keeps_all_rows_though_it_rebuilds_their_parent(
    older: Path, second: Second
) -> None:
    second(REBUILD)
    open_database(older).close()
    assert revision(older) == "0002"
    assert counts(older) == (1, 1, 1)
    assert ask(older, "SELECT id, note FROM session") == [("a", None)]
    assert schema_of(older)["session"].rstrip().endswith("STRICT")


def test_an_upgrade_leaves_a_copy_of_the_database_as_it_was(older: Path, second: Second) -> None:
    second("\n    op.execute('DELETE FROM event')")
    open_database(older).close()
    copy = older.with_name("state.db.pre-0001.bak")
    assert revision(copy) == "0001"
    assert counts(copy) == (1, 1, 1)
    assert ask(copy, "PRAGMA integrity_check") == [("ok",)]
    assert files(older) == ["state.db", "state.db.pre-0001.bak"]


def test_a_copy_is_a_database_that_the_older_version_opens(
    older: Path, start: Start, second: Second
) -> None:
    second(REBUILD)
    copy = upgraded(older)
    script = OPEN + "print(database.path.name)"
    output = start(script, copy).communicate("\n")[0]
    assert output == "True\nstate.db.pre-0001.bak\n"


def test_a_copy_has_what_is_still_in_the_write_ahead_log(older: Path, second: Second) -> None:
    with closing(open_database(older)) as database:
        with database.write() as connection:
            connection.exec_driver_sql("DELETE FROM event")
        second(REBUILD)
        copy = upgraded(older)
    assert copy is not None
    assert counts(copy) == (1, 0, 1)


def test_a_copy_is_open_to_nobody_who_may_not_read_the_database(
    older: Path, second: Second
) -> None:
    second(REBUILD)
    older.chmod(0o600)
    copy = upgraded(older)
    assert copy is not None
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600


def test_an_earlier_copy_is_not_overwritten(older: Path, second: Second) -> None:
    second(REBUILD)
    first = older.with_name("state.db.pre-0001.bak")
    first.write_text("precious")
    assert upgraded(older) == older.with_name("state.db.pre-0001.2.bak")
    assert first.read_text() == "precious"


def test_a_copy_that_cannot_be_made_stops_the_upgrade(older: Path, second: Second) -> None:
    second(REBUILD)
    longest = os.pathconf(older.parent, "PC_NAME_MAX")
    older = older.rename(older.with_name("a" * (longest - len(".lock"))))  # too long for ".bak"
    with pytest.raises(StoreError, match="cannot create the backup copy") as caught:
        open_database(older)
    assert caught.value.hint
    assert revision(older) == "0001"


def test_a_migration_that_fails_leaves_nothing_behind_and_can_be_run_again(
    older: Path, second: Second
) -> None:
    second(FAIL)
    before = schema_of(older)
    with pytest.raises(StoreError, match="unexpected error"):
        open_database(older)
    assert (schema_of(older), revision(older)) == (before, "0001")
    assert counts(older) == (1, 1, 1)
    assert files(older) == ["state.db"]
    second(REBUILD)
    open_database(older).close()
    assert revision(older) == "0002"


def test_a_process_killed_in_a_migration_leaves_the_old_tables_whole(
    older: Path, start: Start, second: Second
) -> None:
    before = schema_of(older)
    child = start(OPEN, older, second(DIE))
    assert child.wait() == -signal.SIGKILL
    assert (schema_of(older), revision(older)) == (before, "0001")
    assert ask(older, "PRAGMA integrity_check") == [("ok",)]
    second(REBUILD)
    assert upgraded(older) == older.with_name("state.db.pre-0001.2.bak")
    assert counts(older) == counts(older.with_name("state.db.pre-0001.bak"))


def test_a_migration_that_would_leave_rows_pointing_at_nothing_is_undone(
    older: Path, second: Second
) -> None:
    second(ORPHAN)
    with pytest.raises(DamageFound, match="2 rows refer to missing rows") as caught:
        open_database(older)
    assert caught.value.hint
    assert counts(older) == (1, 1, 1)


# ---- upgrades that meet others


def test_an_upgrade_is_refused_while_a_run_is_at_work(
    older: Path, start: Start, second: Second
) -> None:
    child = start(OPEN, older)
    assert hears(child) == "True"
    second(REBUILD)
    with pytest.raises(LeaseHeld, match="a run is using it") as caught:
        open_database(older)
    assert caught.value.hint
    assert caught.value.exit_code == 4
    assert revision(older) == "0001"
    assert not list(older.parent.glob("*.bak"))
    child.communicate("\n")
    open_database(older).close()
    assert revision(older) == "0002"


def test_an_upgrade_waits_for_another_and_copies_nothing_twice(
    older: Path, start: Start, second: Second
) -> None:
    child = start(OPEN, older, second(WAIT))
    assert hears(child) == "migrating"
    opened: list[Database] = []
    thread = threading.Thread(target=lambda: opened.append(open_database(older)))
    thread.start()
    thread.join(0.8)  # longer than a run is waited for
    assert not opened
    assert child.stdin is not None
    child.stdin.write("\n")
    child.stdin.flush()
    thread.join()
    opened[0].close()
    assert hears(child) == "True"
    child.communicate("\n")
    assert files(older) == ["state.db", "state.db.pre-0001.bak"]
    assert revision(older.with_name("state.db.pre-0001.bak")) == "0001"


def test_an_upgrade_that_another_process_has_made_meanwhile_is_not_made_again(
    older: Path, second: Second
) -> None:
    second(REBUILD)
    assert upgraded(older) is not None
    assert upgraded(older) is None
    assert files(older) == ["state.db", "state.db.pre-0001.bak"]


def test_there_is_nothing_to_upgrade_at_the_last_revision(older: Path) -> None:
    with FileLock(lock_path(older)) as run:
        assert run.acquire(exclusive=False)
        assert migrations.upgrade(older, connect, HEAD) is None
    assert files(older) == ["state.db"]


def test_an_upgrade_that_was_made_meanwhile_does_not_disturb_the_run_that_followed(
    older: Path, second: Second
) -> None:
    second(REBUILD)
    assert upgraded(older) is not None
    with FileLock(lock_path(older)) as run:
        assert run.acquire(exclusive=False)
        assert upgraded(older) is None


def test_a_run_and_an_upgrade_use_the_lock_beside_the_database() -> None:
    assert lock_path(Path("/data/state.db")) == Path("/data/state.db.lock")


def test_a_lease_is_refused_on_a_database_that_a_newer_version_has_upgraded_meanwhile(
    older: Path, second: Second
) -> None:
    with closing(open_database(older)) as database:
        second(REBUILD)
        assert upgraded(older) is not None
        with pytest.raises(Refused, match="upgraded meanwhile by a newer jobrunner") as caught:
            take_lease(database, "a")
    assert caught.value.hint
