"""What the release 0.1.0 has left opens, verifies and goes on as it would have gone on itself.

``tests/fixtures/0.1.0`` holds twenty papers of the embedded sample, which that release read from
standard input and was killed at, with SIGKILL before its fourth commit: its database as SQL, a
snapshot that it then wrote, and the one that it wrote after it had resumed and completed.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from jobrunner.demo.openalex import OpenAlex
from jobrunner.demo.record_files import WORKS, load_records
from jobrunner.demo.server import LocalServer
from tests.support.program import Program, committed, papers_of

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "0.1.0"
PAPERS, USABLE, COMMITTED = 20, 19, 12
NEW = ("--db", "new/state.db")


@pytest.fixture
def server() -> Iterator[LocalServer]:
    with LocalServer(OpenAlex(load_records(WORKS))) as server:
        yield server


@pytest.fixture
def release(program: Program) -> Program:
    """The directory that the release was killed in, with the snapshots beside it."""
    for path in FIXTURES.glob("*.json*"):
        shutil.copyfile(path, program.directory / path.name)
    program.database.parent.mkdir()
    with closing(sqlite3.connect(program.database)) as connection:
        connection.executescript((FIXTURES / "killed.sql").read_text(encoding="utf-8"))
        connection.execute("PRAGMA journal_mode = WAL")  # as the release had it
    return program


def test_its_killed_session_is_shown(release: Program) -> None:
    shown = release.json("status")
    assert (shown["state"], shown["papers"], shown["unusable"]) == ("crashed", PAPERS, 1)
    [source] = shown["sources"]
    assert (source["papers"], source["done"], source["enriched"]) == (USABLE, COMMITTED, COMMITTED)
    assert shown["last_run"]["version"] == "0.1.0"


def test_its_killed_session_verifies_and_is_resumed_to_the_same_end(release: Program) -> None:
    release.call("verify")
    release.call("resume", "-o", "out.json")
    release.call("verify")
    assert committed(release) == USABLE
    assert papers_of(release.directory / "out.json") == papers_of(FIXTURES / "completed.json")


@pytest.mark.parametrize("name", ["killed.json", "completed.json"])
def test_its_snapshot_is_restored_and_resumed_to_the_same_end(release: Program, name: str) -> None:
    release.call("verify", name)
    release.call("restore", name, *NEW)
    release.call("verify", *NEW)
    release.call("resume", "-o", "out.json", *NEW)
    release.call("verify", *NEW)
    assert papers_of(release.directory / "out.json") == papers_of(FIXTURES / "completed.json")


def test_damage_of_its_snapshot_is_found(release: Program) -> None:
    snapshot = release.directory / "killed.json"
    text = snapshot.read_text(encoding="utf-8")
    snapshot.write_text(text.replace('"enriched"', '"not_found"', 1), encoding="utf-8")
    release.call("verify", "killed.json", code=6)
    release.call("restore", "killed.json", *NEW, code=6)
