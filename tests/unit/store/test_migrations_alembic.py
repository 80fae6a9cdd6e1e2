"""Alembic's own commands in a checkout, for those who write migrations."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from jobrunner.files.locks import FileLock
from jobrunner.store.database import open_database
from jobrunner.store.migrations import lock_path
from jobrunner.store.schema import HEAD

ROOT = Path(__file__).resolve().parents[3]


def alembic(database: Path, *arguments: str, checkout: Path = ROOT, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "alembic", *arguments],
        cwd=checkout,
        env={**os.environ, "JOBRUNNER_DB": str(database), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return done.stderr if code else done.stdout


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the checkout in which files may be made."""
    target = tmp_path / "checkout"
    shutil.copytree(ROOT / "migrations", target / "migrations")
    shutil.copy(ROOT / "alembic.ini", target)
    return target


def test_upgrade_makes_a_database_that_jobrunner_takes_for_its_own(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "state.db"
    alembic(path, "upgrade", "head")
    open_database(path).close()
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["state.db", "state.db.lock"]


def test_current_tells_the_revision(path: Path) -> None:
    open_database(path, create=True).close()
    assert alembic(path, "current").split()[0] == HEAD


def test_check_finds_nothing_to_do(path: Path) -> None:
    open_database(path, create=True).close()
    alembic(path, "check")


def test_revision_writes_a_migration_that_runs_once_it_is_filled_in(
    path: Path, checkout: Path
) -> None:
    open_database(path, create=True).close()
    alembic(path, "revision", "-m", "a note", "--rev-id", "0002", checkout=checkout)
    made = checkout / "migrations" / "versions" / "0002_a_note.py"
    text = made.read_text()
    assert f"down_revision = '{HEAD}'" in text
    made.write_text(text.replace("raise NotImplementedError", 'op.execute("CREATE TABLE t (a)")'))
    alembic(path, "upgrade", "head", checkout=checkout)
    assert alembic(path, "current", checkout=checkout).split()[0] == "0002"


def test_upgrade_by_hand_makes_a_copy_first_and_waits_for_no_run(
    path: Path, checkout: Path
) -> None:
    open_database(path, create=True).close()
    alembic(path, "revision", "-m", "a note", "--rev-id", "0002", checkout=checkout)
    made = checkout / "migrations" / "versions" / "0002_a_note.py"
    text = made.read_text().replace("raise NotImplementedError", 'op.execute("CREATE TABLE t (a)")')
    made.write_text(text)
    with FileLock(lock_path(path)) as run:
        assert run.acquire(exclusive=False)
        said = alembic(path, "upgrade", "head", checkout=checkout, code=1)
        assert "a run is using it" in said
        assert alembic(path, "current", checkout=checkout).split()[0] == HEAD
    alembic(path, "upgrade", "head", checkout=checkout)
    copy = path.with_name(f"{path.name}.pre-{HEAD}.bak")
    assert alembic(copy, "current", checkout=checkout).split()[0] == HEAD
