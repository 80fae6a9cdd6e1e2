"""Whatever is wrong with a database file: one clear error with a hint, and nothing is lost."""

from __future__ import annotations

import errno
import os
import resource
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest

from jobrunner.errors import DamageFound, DatabaseBusy, JobrunnerError, Refused, StoreError
from jobrunner.store import database as module
from jobrunner.store.database import PAGE_SIZE, Database, open_database

Start = Callable[..., subprocess.Popen[str]]
Protect = Callable[[Path], None]

INSERT = """
    INSERT INTO session (id, input_format, input_sha256, input_other, options, status, revision,
        created_at, updated_at, version)
    VALUES (?, '', '', '', ?, 'pending', 0, '', '', '')
"""
TOO_LARGE = """
import resource, sys
from pathlib import Path
from jobrunner.errors import StoreError
from jobrunner.store.database import open_database
database = open_database(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE session SET options = ?", ("x" * 1_000_000,))
except StoreError as error:
    print(error, error.hint, sep="|", flush=True)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
with database.write() as connection:
    connection.exec_driver_sql("UPDATE session SET revision = 7")
database.close()
"""
TRY = """
import os, sys
from pathlib import Path
from jobrunner.errors import StoreError
from jobrunner.store.database import open_database
if os.geteuid() == 0:
    os.setuid(65534)  # root may enter everywhere
for create in False, True:
    try:
        open_database(Path(sys.argv[1]), create=create)
    except StoreError as error:
        print(error.hint, error, sep="|")
"""
HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
for statement in sys.argv[2:]:
    connection.execute(statement)
print("held", flush=True)
sys.stdin.readline()
"""


def add_session(database: Database, name: str, size: int = 0) -> None:
    with database.write() as connection:
        connection.exec_driver_sql(INSERT, (name, "x" * size))


def sessions(database: Database) -> list[str]:
    with database.read() as connection:
        return list(connection.exec_driver_sql("SELECT id FROM session ORDER BY id").scalars())


def refusal(path: Path, *, create: bool, kind: type[JobrunnerError] = StoreError) -> str:
    with pytest.raises(kind) as caught:
        open_database(path, create=create)
    assert type(caught.value) is kind
    assert caught.value.hint
    return str(caught.value)


def make(path: Path, *statements: str) -> Path:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)
    return path


def overwrite(path: Path, page: int) -> None:
    with path.open("r+b") as file:
        file.seek(page * PAGE_SIZE)
        file.write(b"\xab" * PAGE_SIZE)


@pytest.fixture
def closed(path: Path) -> Path:
    """The file of a database with some pages of sessions."""
    with closing(open_database(path, create=True)) as database:
        for number in range(40):
            add_session(database, f"session-{number:03}", 4000)
    return path


def test_a_missing_file_is_not_made_unless_asked(path: Path) -> None:
    assert "no jobrunner database" in refusal(path, create=False)
    assert not path.exists()


def test_a_missing_directory_is_not_made_unless_asked(tmp_path: Path) -> None:
    refusal(tmp_path / "deep" / "state.db", create=False)
    assert not (tmp_path / "deep").exists()


@pytest.mark.parametrize("create", [False, True])
def test_a_directory_is_refused(tmp_path: Path, *, create: bool) -> None:
    assert "is a directory" in refusal(tmp_path, create=create)


@pytest.mark.parametrize("create", [False, True])
def test_a_pipe_is_refused_at_once(path: Path, *, create: bool) -> None:
    os.mkfifo(path)
    assert "is a special file" in refusal(path, create=create)


@pytest.mark.parametrize("create", [False, True])
@pytest.mark.parametrize("length", [2, 99, 100, 512, 5000, 100_000])
def test_a_text_file_is_refused_and_left_alone(path: Path, length: int, *, create: bool) -> None:
    path.write_bytes(b"x" * length)
    assert "not a SQLite database" in refusal(path, create=create)
    assert path.read_bytes() == b"x" * length


@pytest.mark.parametrize("create", [False, True])
@pytest.mark.parametrize(
    "statements",
    [
        ["CREATE TABLE theirs (a)"],
        ["PRAGMA application_id = 7", "CREATE TABLE theirs (a)"],
        ["PRAGMA application_id = 7"],
    ],
)
def test_a_strangers_database_is_refused_and_left_alone(
    path: Path, statements: list[str], *, create: bool
) -> None:
    before = make(path, *statements).read_bytes()
    assert "is not a jobrunner database" in refusal(path, create=create)
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir()] == ["state.db"]


def test_an_empty_file_is_no_database_and_is_left_empty(path: Path) -> None:
    path.touch()
    assert "no jobrunner database" in refusal(path, create=False)
    assert path.read_bytes() == b""


def test_an_empty_file_becomes_a_database_when_one_is_to_be_made(path: Path) -> None:
    path.touch()
    with closing(open_database(path, create=True)) as database:
        add_session(database, "a")
        assert sessions(database) == ["a"]


def test_what_a_first_launch_left_that_was_killed_at_once_becomes_a_database(path: Path) -> None:
    make(path, f"PRAGMA page_size = {PAGE_SIZE}", "PRAGMA journal_mode = WAL")
    assert path.stat().st_size == PAGE_SIZE
    refusal(path, create=False)
    open_database(path, create=True).close()


def test_a_database_of_a_newer_version_is_refused(closed: Path) -> None:
    make(closed, "UPDATE alembic_version SET version_num = '9999'")
    before = closed.read_bytes()
    assert "newer jobrunner (schema 9999" in refusal(closed, create=False, kind=Refused)
    assert closed.read_bytes() == before
    assert Refused.exit_code == 5


def test_a_directory_that_cannot_be_made_is_told() -> None:
    path = Path("/proc/nowhere/state.db")
    assert "cannot create the directory /proc/nowhere" in refusal(path, create=True)


@pytest.mark.parametrize("create", [False, True])
def test_a_file_in_the_place_of_a_directory_is_told(tmp_path: Path, *, create: bool) -> None:
    (tmp_path / "file").touch()
    assert os.strerror(errno.ENOTDIR) in refusal(tmp_path / "file" / "state.db", create=create)


@pytest.mark.parametrize("create", [False, True])
def test_links_in_a_circle_are_told(path: Path, *, create: bool) -> None:
    path.symlink_to(path.name)
    assert "cannot open the database" in refusal(path, create=create)


@pytest.mark.parametrize("create", [False, True])
def test_a_name_that_is_too_long_is_told(tmp_path: Path, *, create: bool) -> None:
    assert os.strerror(errno.ENAMETOOLONG) in refusal(tmp_path / ("a" * 300), create=create)


def test_an_old_sqlite_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 37, 2))
    assert "too old" in refusal(path, create=True)


def test_a_read_only_file_can_be_read_but_not_written(closed: Path, read_only: Protect) -> None:
    read_only(closed)
    with closing(open_database(closed)) as database:
        assert len(sessions(database)) == 40
        with pytest.raises(StoreError, match="read-only") as caught:
            add_session(database, "a")
        assert caught.value.hint


def test_a_read_only_directory_is_told(closed: Path, read_only: Protect) -> None:
    read_only(closed.parent)
    assert "cannot use the database" in refusal(closed, create=False)


def test_a_new_database_in_a_read_only_directory_is_told(
    tmp_path: Path, read_only: Protect
) -> None:
    read_only(tmp_path)
    assert "cannot be opened" in refusal(tmp_path / "state.db", create=True)
    assert "cannot create the directory" in refusal(tmp_path / "deep" / "state.db", create=True)


def test_a_directory_that_may_not_be_entered_is_told(tmp_path: Path, start: Start) -> None:
    directory = tmp_path / "closed"
    directory.mkdir(mode=0o000)
    output = start(TRY, directory / "state.db").communicate()[0].splitlines()
    directory.chmod(0o700)
    assert len(output) == 2
    assert all(line.startswith("check the path") for line in output)
    assert all(line.endswith(os.strerror(errno.EACCES)) for line in output)


def test_on_a_full_disk_nothing_is_written_and_later_it_goes_on(
    database: Database, path: Path
) -> None:
    add_session(database, "a")
    pages = path.stat().st_size // PAGE_SIZE
    with database.write() as connection:
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 40}")
    with pytest.raises(StoreError, match="the disk is full") as caught:
        add_session(database, "b", 1_000_000)
    assert caught.value.hint
    assert sessions(database) == ["a"]
    add_session(database, "c")
    assert sessions(database) == ["a", "c"]


def test_a_write_that_the_system_cuts_off_is_told_and_later_it_goes_on(
    closed: Path, start: Start
) -> None:
    output = start(TOO_LARGE, closed, 200_000).communicate()[0]
    assert "the disk reports an error|check the disk and its free space" in output
    with closing(open_database(closed)) as database, database.read() as connection:
        rows = connection.exec_driver_sql("SELECT DISTINCT length(options), revision FROM session")
        assert rows.all() == [(4000, 7)]
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar_one() == "ok"


def test_a_disk_that_fills_up_loses_the_last_transaction_only(small_disk: Path) -> None:
    written = []
    with closing(open_database(small_disk / "state.db", create=True)) as database:
        with pytest.raises(StoreError, match="the disk is full") as caught:  # noqa: PT012
            for number in range(100):
                add_session(database, f"{number:03}", 50_000)
                written.append(f"{number:03}")
        assert caught.value.hint
        assert sessions(database) == written != []


def test_a_full_disk_is_told_on_opening(small_disk: Path) -> None:
    open_database(small_disk / "state.db", create=True).close()
    fill(small_disk)
    assert "disk" in refusal(small_disk / "state.db", create=False)
    (small_disk / "filling").unlink()
    open_database(small_disk / "state.db").close()


def test_a_full_disk_is_told_on_the_first_launch(small_disk: Path) -> None:
    fill(small_disk)
    assert "disk" in refusal(small_disk / "state.db", create=True)
    (small_disk / "filling").unlink()
    open_database(small_disk / "state.db", create=True).close()


def fill(directory: Path) -> None:
    with suppress(OSError), (directory / "filling").open("wb", 0) as file:
        while True:
            file.write(b"x" * resource.getpagesize())


def test_a_damaged_page_is_damage_when_it_is_read(closed: Path) -> None:
    with closing(sqlite3.connect(closed)) as connection:
        root = connection.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'session'"
        ).fetchone()[0]
    overwrite(closed, root - 1)
    with closing(open_database(closed)) as database:
        with pytest.raises(DamageFound, match="is damaged") as caught:
            add_session(database, "a")
        assert caught.value.hint
        assert caught.value.exit_code == 6


def test_a_damaged_schema_is_damage_on_opening(closed: Path) -> None:
    with closed.open("r+b") as file:
        file.seek(100)
        file.write(b"\xab" * (PAGE_SIZE - 100))
    assert "is damaged" in refusal(closed, create=False, kind=DamageFound)


def test_a_file_that_was_cut_off_is_damage(closed: Path) -> None:
    os.truncate(closed, 2 * PAGE_SIZE)
    with (
        pytest.raises(DamageFound, match="is damaged"),
        closing(open_database(closed)) as database,
    ):
        sessions(database)


def test_a_database_that_another_process_writes_is_waited_for_and_then_told(
    closed: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BUSY_TIMEOUT_MS", 50)
    hold(start, closed, "BEGIN IMMEDIATE")
    with closing(open_database(closed)) as database:
        assert len(sessions(database)) == 40
        with pytest.raises(StoreError, match="another process holds it") as caught:
            add_session(database, "a")
        assert caught.value.hint


def test_a_database_that_another_process_has_for_itself_is_told_on_opening(
    closed: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BUSY_TIMEOUT_MS", 50)
    statements = ["PRAGMA locking_mode = EXCLUSIVE", "BEGIN EXCLUSIVE"]
    child = hold(start, closed, *statements, "SELECT * FROM session")
    assert "another process holds it" in refusal(closed, create=False, kind=DatabaseBusy)
    child.communicate("\n")
    open_database(closed).close()


def hold(start: Start, path: Path, *statements: str) -> subprocess.Popen[str]:
    child = start(HOLD, path, *statements)
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    return child
