"""Transactions, pragmas and several users of one database file at once."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError

from jobrunner.errors import StoreError
from jobrunner.store import database as module
from jobrunner.store.database import APPLICATION_ID, Database, default_path, open_database
from tests.support.events import LIMIT_S

Start = Callable[..., subprocess.Popen[str]]

INSERT = """
    INSERT INTO session (id, input_format, input_sha256, input_other, options, status, revision,
        created_at, updated_at, version)
    VALUES ('{0}', '', '', '', '', 'pending', 0, '', '', '')
"""
ADD_ONES = """
import sys
from contextlib import closing
from pathlib import Path
from jobrunner.store.database import open_database
with closing(open_database(Path(sys.argv[1]))) as database:
    print("open", flush=True)
    sys.stdin.readline()
    for _ in range(int(sys.argv[2])):
        with database.write() as connection:
            old = connection.exec_driver_sql("SELECT revision FROM session").scalar_one()
            connection.exec_driver_sql("UPDATE session SET revision = ?", (old + 1,))
"""
DIE_INSIDE = """
import os, signal, sys
from pathlib import Path
from jobrunner.store.database import open_database
database = open_database(Path(sys.argv[1]))
with database.write() as connection:
    connection.exec_driver_sql("UPDATE session SET revision = 1")
with database.write() as connection:
    connection.exec_driver_sql("UPDATE session SET revision = 2")
    os.kill(os.getpid(), signal.SIGKILL)
"""
COUNT = """
import sys
from pathlib import Path
from jobrunner.store.database import open_database
database = open_database(Path(sys.argv[1]))
print("counting", flush=True)
while True:
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE session SET revision = revision + 1")
"""


def add_session(database: Database, name: str) -> None:
    with database.write() as connection:
        connection.exec_driver_sql(INSERT.format(name))


def sessions(database: Database) -> list[str]:
    with database.read() as connection:
        return list(connection.exec_driver_sql("SELECT id FROM session ORDER BY id").scalars())


def revision(database: Database) -> int:
    with database.read() as connection:
        return int(connection.exec_driver_sql("SELECT revision FROM session").scalar_one())


def add_ones(database: Database, count: int) -> None:
    for _ in range(count):
        with database.write() as connection:
            old = connection.exec_driver_sql("SELECT revision FROM session").scalar_one()
            connection.exec_driver_sql("UPDATE session SET revision = ?", (old + 1,))


def together(count: int, work: Callable[[], None]) -> None:
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def add_megabytes(database: Database, count: int) -> None:
    """Commit so many megabytes, one by one."""
    for _ in range(count):
        with database.write() as connection:
            connection.exec_driver_sql("UPDATE session SET options = options || ?", ("x" * 1000,))
            connection.exec_driver_sql("UPDATE session SET input_other = ?", ("y" * 1_000_000,))


def wal_size(path: Path) -> int:
    return path.with_name(path.name + "-wal").stat().st_size


@pytest.mark.parametrize(
    ("pragma", "value"),
    [
        ("journal_mode", "wal"),
        ("synchronous", 2),
        ("foreign_keys", 1),
        ("page_size", 16384),
        ("application_id", APPLICATION_ID),
        ("busy_timeout", 30_000),
    ],
)
def test_a_writing_connection_has_our_pragmas(
    database: Database, pragma: str, value: object
) -> None:
    with database.write() as connection:
        assert connection.exec_driver_sql(f"PRAGMA {pragma}").scalar_one() == value


def test_a_reading_connection_waits_as_long_as_a_writing_one(database: Database) -> None:
    with database.read() as connection:
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one() == 30_000


def test_a_reading_connection_cannot_write(database: Database) -> None:
    with pytest.raises(StoreError, match="read-only"), database.read() as connection:
        connection.exec_driver_sql(INSERT.format("a"))


def test_a_write_transaction_holds_the_write_lock_from_its_beginning(
    database: Database, path: Path
) -> None:
    with database.write(), closing(sqlite3.connect(path, timeout=0)) as other:
        with pytest.raises(sqlite3.OperationalError) as caught:
            other.execute("BEGIN IMMEDIATE")
        assert caught.value.sqlite_errorcode == sqlite3.SQLITE_BUSY


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_write_transaction_that_fails_leaves_nothing(
    database: Database, error: type[BaseException]
) -> None:
    def fail_in_the_middle() -> None:
        with database.write() as connection:
            connection.exec_driver_sql(INSERT.format("a"))
            raise error

    with pytest.raises(error):
        fail_in_the_middle()
    assert sessions(database) == []


def test_after_a_failed_write_transaction_the_next_one_works(database: Database) -> None:
    with pytest.raises(StoreError), database.write() as connection:
        connection.exec_driver_sql("INSERT INTO nowhere VALUES (1)")
    add_session(database, "a")
    assert sessions(database) == ["a"]


def test_of_a_killed_process_the_committed_transactions_are_kept_whole(
    database: Database, path: Path, start: Start
) -> None:
    add_session(database, "a")
    assert start(DIE_INSIDE, path).wait() == -signal.SIGKILL
    assert revision(database) == 1
    add_ones(database, 1)


def test_processes_that_read_and_then_write_lose_no_update(
    database: Database, path: Path, start: Start
) -> None:
    add_session(database, "a")
    children = [start(ADD_ONES, path, 50) for _ in range(4)]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "open\n"
    for child in children:
        child.communicate("\n")
        assert child.returncode == 0
    assert revision(database) == 200


def test_threads_with_databases_of_their_own_lose_no_update(database: Database, path: Path) -> None:
    add_session(database, "a")

    def work() -> None:
        with closing(open_database(path)) as own:
            add_ones(own, 25)

    together(4, work)
    assert revision(database) == 100


def test_threads_that_share_a_database_take_turns(database: Database) -> None:
    add_session(database, "a")
    together(4, lambda: add_ones(database, 25))
    assert revision(database) == 100


def test_a_write_inside_a_write_is_refused_and_the_outer_one_stays_whole(
    database: Database,
) -> None:
    def write_inside_and_go_on() -> None:
        with database.write() as connection:
            with pytest.raises(RuntimeError, match="open already"), database.write():
                pass
            connection.exec_driver_sql(INSERT.format("a"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_inside_and_go_on()
    assert sessions(database) == []


def test_two_databases_see_what_the_other_has_committed(database: Database, path: Path) -> None:
    with closing(open_database(path)) as other:
        add_session(database, "a")
        add_session(other, "b")
        add_session(database, "c")
        assert sessions(database) == sessions(other) == ["a", "b", "c"]


def test_a_reader_sees_one_moment_while_commits_go_on(database: Database) -> None:
    add_session(database, "a")
    query = "SELECT count(*) FROM session"
    with database.read() as reader:
        seen = [reader.exec_driver_sql(query).scalar_one()]
        for name in "bcd":
            add_session(database, name)
            seen.append(reader.exec_driver_sql(query).scalar_one())
    assert seen == [1, 1, 1, 1]
    assert sessions(database) == ["a", "b", "c", "d"]


def test_a_reader_sees_one_moment_while_another_process_commits(
    database: Database, path: Path, start: Start
) -> None:
    add_session(database, "a")
    child = start(COUNT, path)
    assert child.stdout is not None
    child.stdout.readline()
    moments: set[int] = set()
    deadline = time.monotonic() + LIMIT_S
    while len(moments) < 20:
        assert time.monotonic() < deadline
        with database.read() as reader:
            seen = {
                reader.exec_driver_sql("SELECT revision FROM session").scalar_one()
                for _ in range(10)
            }
        assert len(seen) == 1
        moments |= seen


def test_a_reader_does_not_wait_for_a_write_transaction(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BUSY_TIMEOUT_MS", 0)
    with closing(open_database(path, create=True)) as database, database.write() as connection:
        connection.exec_driver_sql(INSERT.format("a"))
        assert sessions(database) == []


def test_a_row_that_points_at_nothing_is_refused(database: Database) -> None:
    with (
        pytest.raises(StoreError, match="cannot use the database") as caught,
        database.write() as connection,
    ):
        connection.exec_driver_sql("INSERT INTO event VALUES (1, 'nobody', NULL, '', '', '')")
    assert caught.value.hint
    assert code_of_cause(caught.value) == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY


def code_of_cause(error: BaseException) -> int:
    cause = error.__cause__
    assert isinstance(cause, DBAPIError)
    assert isinstance(cause.orig, sqlite3.Error)
    return cause.orig.sqlite_errorcode


def test_the_drivers_error_is_kept_as_the_cause(database: Database) -> None:
    add_session(database, "a")
    with pytest.raises(StoreError, match="cannot use the database") as caught:
        add_session(database, "a")
    assert code_of_cause(caught.value) == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY


def test_what_piles_up_beside_a_long_read_is_folded_at_its_end(
    database: Database, path: Path
) -> None:
    add_session(database, "a")
    with database.read_long() as reader:
        assert reader.exec_driver_sql("SELECT options FROM session").scalar_one() == ""
        add_megabytes(database, 5)
        changed = path.stat().st_mtime_ns
    assert wal_size(path) > 5_000_000
    assert path.stat().st_mtime_ns > changed


def test_after_a_long_read_commits_fold_the_log_again(database: Database, path: Path) -> None:
    add_session(database, "a")
    with database.read_long():
        pass
    add_megabytes(database, 60)
    assert wal_size(path) < 40_000_000


def test_closing_leaves_one_file(path: Path) -> None:
    database = open_database(path, create=True)
    add_session(database, "a")
    database.close()
    assert [entry.name for entry in path.parent.iterdir()] == ["state.db"]


def test_closing_a_writer_folds_the_log_though_others_have_the_file_open(
    database: Database, path: Path
) -> None:
    with closing(open_database(path)) as other:
        add_session(other, "a")
        add_session(database, "b")
        database.close()
        assert wal_size(path) == 0
        assert sessions(other) == ["a", "b"]


def test_closing_a_reader_leaves_the_log_to_the_run(database: Database, path: Path) -> None:
    add_session(database, "a")
    reader = open_database(path)
    assert sessions(reader) == ["a"]
    reader.close()
    assert wal_size(path) > 0


def test_closing_does_not_wait_for_a_reader(database: Database) -> None:
    add_session(database, "a")
    with database.read() as reader:
        assert reader.exec_driver_sql("SELECT id FROM session").scalar_one() == "a"
        driver = reader.connection.driver_connection
        database.close()
    assert driver is not None
    driver.close()  # the pool that it came from is gone


def test_closing_twice_is_nothing(database: Database) -> None:
    add_session(database, "a")
    database.close()
    database.close()


def test_closing_after_damage_is_quiet(database: Database, path: Path) -> None:
    add_session(database, "a")
    path.with_name("state.db-wal").write_bytes(b"")
    path.write_bytes(b"x" * 40_000)
    database.close()


@pytest.mark.parametrize("name", [b"a b?.db", b"100%41.db", b"a#b.db", b"\xc3\xbc.db", b"\xff.db"])
def test_any_file_name_will_do(tmp_path: Path, name: bytes) -> None:
    path = tmp_path / os.fsdecode(name)
    with closing(open_database(path, create=True)) as database:
        add_session(database, "a")
        assert sessions(database) == ["a"]
    assert [os.fsencode(entry.name) for entry in tmp_path.iterdir()] == [name]


def test_a_missing_directory_is_made(tmp_path: Path) -> None:
    open_database(tmp_path / "deep" / "down" / "state.db", create=True).close()
    assert (tmp_path / "deep" / "down" / "state.db").is_file()


def test_a_link_leads_to_the_file_whose_log_and_locks_are_beside_it(tmp_path: Path) -> None:
    link, real = tmp_path / "link.db", tmp_path / "elsewhere" / "state.db"
    link.symlink_to(real)
    with closing(open_database(link, create=True)) as database:
        assert database.path == real


def test_the_database_is_named_by_the_environment_or_in_the_working_directory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("JOBRUNNER_DB", "/data/other.db")
    assert default_path() == Path("/data/other.db")
    monkeypatch.setenv("JOBRUNNER_DB", "")
    assert default_path() == Path(".jobrunner/state.db")
    monkeypatch.delenv("JOBRUNNER_DB")
    assert default_path() == Path(".jobrunner/state.db")
