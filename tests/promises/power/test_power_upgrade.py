"""Whenever the power goes in an upgrade, the database is the old or the new one, with a copy."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from jobrunner.store import migrations as migrate
from tests.promises.power.disk import Disk, Lost, Random
from tests.promises.power.recorder import Kind, read_log, variables

PLACE_OF_MIGRATIONS = migrate.migrations_directory()
SECOND = """
from alembic import op
from sqlalchemy import Column, Text
revision, down_revision = "0002", "0001"
def upgrade():
    with op.batch_alter_table("session", recreate="always") as batch:
        batch.add_column(Column("note", Text))
"""
OPEN = """
import sys
from pathlib import Path
from jobrunner.store import migrations
from jobrunner.store.database import open_database
if len(sys.argv) > 2:
    migrations.HEAD = "0002"
    migrations.migrations_directory = lambda: Path(sys.argv[2])
with open_database(Path(sys.argv[1]), create=True).write() as connection:
    if len(sys.argv) == 2:
        connection.exec_driver_sql(
            "INSERT INTO session (id, input_format, input_sha256, input_other, options, status,"
            " revision, created_at, updated_at, version)"
            " VALUES ('a', '', '', '', '', 'pending', 0, '', '', '')"
        )
print("upgraded", flush=True)
"""
HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("UPDATE session SET revision = 1")
print("open", flush=True)
sys.stdin.readline()
"""


def run(*arguments: Path, **environment: str) -> None:
    subprocess.run(
        [sys.executable, "-c", OPEN, *map(str, arguments)],
        env={**os.environ, **environment},
        check=True,
        capture_output=True,
    )


@contextmanager
def held_open(database: Path) -> Iterator[None]:
    """Let another process have the database open, and something of it in the write-ahead log."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"open\n"
        yield
        other.communicate()


def state_of(path: Path) -> tuple[str, int]:
    """Return the revision of a database and the number of its sessions, if it is whole."""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        [(revision,)] = connection.execute("SELECT version_num FROM alembic_version")
        [(sessions,)] = connection.execute("SELECT count(*) FROM session")
    return revision, sessions


def test_an_upgrade_is_whole_or_not_there_and_its_copy_is_there_first(
    place: Path, recorder: Path, tmp_path: Path
) -> None:
    database = place / "upgraded" / "state.db"
    migrations = shutil.copytree(PLACE_OF_MIGRATIONS, tmp_path / "migrations")
    (migrations / "versions" / "0002_second.py").write_text(SECOND, encoding="utf-8")
    run(database)
    with held_open(database):
        disk, log = Disk(database.parent), tmp_path / "log"
        run(database, migrations, **variables(database.parent, recorder, log))
    ops, seen = read_log(log), []
    for cut, op in enumerate(ops, start=1):
        disk.apply(op)
        fates = [Lost(), *(Random(cut * 10 + number) for number in range(4))]
        for fate in fates if op.kind is not Kind.WRITE or cut % 3 == 0 else []:
            disk.leave(fate)
            revision, sessions = state_of(database)
            assert sessions == 1, (cut, fate)
            if revision != "0001":
                assert state_of(database.with_name("state.db.pre-0001.bak")) == ("0001", 1), cut
            if any(b"upgraded" in said.data for said in ops[:cut] if said.kind is Kind.SAY):
                assert revision == "0002", (cut, fate)
            seen.append(revision)
    assert seen.count("0001") > 20
    assert seen.count("0002") > 8
