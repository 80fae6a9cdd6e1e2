"""Verification finds whatever is wrong with rows, counters, snapshots and pages, and says it."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from jobrunner.demo.openalex import OpenAlex
from jobrunner.demo.server import LocalServer
from jobrunner.operations import verify
from jobrunner.operations.verify import verify_database, verify_session
from jobrunner.snapshots.publish import take_snapshot
from jobrunner.snapshots.retention import KEEP
from jobrunner.snapshots.write import write_copy
from jobrunner.store.database import Database
from jobrunner.store.lease import take_lease
from jobrunner.store.rows import SnapshotRow
from jobrunner.store.run_lifecycle import start_run
from jobrunner.store.sessions import list_sessions
from jobrunner.store.snapshots import list_snapshots, newest_path
from tests.support import made_up_papers
from tests.support.program import (
    Program,
    adopt,
    change,
    damage_a_page,
    load,
    opened,
    spoil_an_index,
)

PAPERS = made_up_papers.papers(lookups=24, searches=2)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """A completed session with two snapshots."""
    with LocalServer(OpenAlex(made_up_papers.works())) as server:
        program = Program(tmp_path_factory.mktemp("completed"), server.base_url)
        program.input(PAPERS)
        program.call("run", "papers.json", "--batch-size", 10)
    with opened(program) as database, take_lease(database, session_of(database)) as lease:
        take_snapshot(database, lease, "asked for")
    return program


@pytest.fixture
def completed(program: Program, template: Program) -> Program:
    adopt(program, template)
    return program


@pytest.fixture
def snapshot(completed: Program) -> Path:
    """The newest snapshot, which may be changed here."""
    [path] = completed.database.parent.glob("*/snapshots/000002.json")
    path.chmod(0o644)
    return path


def session_of(database: Database) -> str:
    return list_sessions(database)[0].id


def problems(program: Program) -> list[str]:
    with opened(program) as database:
        found = verify_database(database)
        return [*found, *verify_session(database, session_of(database))]


# ---- the session


def test_a_session_that_is_as_it_should_be_is_ok(completed: Program) -> None:
    shown = completed.run("verify").stdout
    assert shown.endswith(": ok, rows, counters and snapshots agree\n")


def test_all_sessions_are_verified_unless_one_is_named(completed: Program) -> None:
    other = load(completed, [made_up_papers.by_doi(7)], "small.json")
    assert len(completed.call("verify").stdout.splitlines()) == 2
    assert completed.call("verify", other).stdout.startswith(f"{other}: ok")


def test_what_is_wrong_is_a_sentence_and_exit_code_six(completed: Program) -> None:
    change(completed, "DELETE FROM record WHERE id = 3")
    done = completed.run("verify", code=6)
    assert "batch 0 of openalex counted 10 enriched papers, but 9 are stored" in done.stdout
    assert "1 problem" not in done.stdout
    assert " problems found" in done.stderr
    assert "jobrunner restore SNAPSHOT --db NEW/state.db" in done.stderr


def test_problems_are_listed_by_session_as_json(completed: Program) -> None:
    session = completed.json("status")["session"]
    assert completed.json("verify") == {"ok": True, "problems": {session: []}}


ROWS = {
    "DELETE FROM record WHERE id = 3": "batch 0 of openalex counted 10 enriched papers, but 9 are",
    "DELETE FROM lookup_miss": "batch 2 of openalex counted 1 passed on papers, but 0 are stored",
    "UPDATE record SET outcome = 'not_found' WHERE id = 3": "counted 10 enriched papers, but 9",
    "UPDATE batch SET enriched = 9, failed = 1 WHERE number = 0": "counted 1 failed papers, but 0",
    "UPDATE batch SET enriched = enriched + 1, papers = papers + 1 WHERE number = 1": (
        "batch 1 of openalex counted 11 enriched papers, but 10 are stored"
    ),
    "UPDATE batch SET fields = json_set(fields, '$.title', 7) WHERE number = 0": (
        "batch 0 of openalex counted 7 records with title, but 10 have it"
    ),
    "UPDATE batch SET fields = '{' WHERE number = 0": (
        "the field counts of batch 0 of openalex cannot be read: "
    ),
    "UPDATE record SET data = substr(data, 1, 40) WHERE id = 3": (
        "the enriched record of paper 2 cannot be read: "
    ),
    "UPDATE record SET data = NULL WHERE id = 3": "the enriched record of paper 2 cannot be read: ",
    "UPDATE record SET match = '[' WHERE id = 3": "the match of the enriched record of paper 2",
    "UPDATE paper SET given = '{\"title\": ' WHERE position = 4": "paper 4 as given cannot be read",
    "UPDATE paper SET position = 99 WHERE position = 29": "30 papers occupy 100 positions",
    "DELETE FROM paper WHERE position = 29": "rows refer to missing rows, the first in ",
    "DELETE FROM batch WHERE number = 0": "10 records belong to no batch or source of the session",
}


@pytest.mark.parametrize(("damage", "sentence"), ROWS.items())
def test_damaged_rows_are_told(completed: Program, damage: str, sentence: str) -> None:
    change(completed, damage)
    assert any(sentence in problem for problem in problems(completed))


def test_a_sum_that_its_parts_do_not_add_up_to_is_told(completed: Program) -> None:
    with closing(sqlite3.connect(completed.database)) as connection, connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute("UPDATE batch SET papers = papers + 1 WHERE number = 0")
    assert problems(completed) == ["batch 0 of openalex counted 11 papers, but 10 are stored"]


def test_a_session_row_that_cannot_be_read_is_damage(completed: Program) -> None:
    change(completed, "UPDATE session SET options = '{'")
    said = completed.call("verify", code=6).stdout
    assert "the row of session" in said
    assert "cannot be read" in said


@pytest.mark.parametrize("table", ["record", "paper", "batch"])
def test_a_page_of_the_database_that_was_overwritten_is_damage(
    completed: Program, table: str
) -> None:
    damage_a_page(completed.database, table)
    assert problems(completed)


def test_what_only_the_database_itself_can_know_is_told_in_its_words(completed: Program) -> None:
    spoil_an_index(completed.database)
    assert problems(completed) == ["SQLite: wrong # of entries in index ix_event_session_id"]


@pytest.mark.parametrize(
    "change_",
    [
        "UPDATE record SET data = replace(data, 'Iceland', 'Ireland') WHERE id = 3",
        "UPDATE paper SET given = replace(given, 'Iceland', 'Ireland') WHERE position = 2",
        "UPDATE batch SET cost_micros = cost_micros + 1 WHERE number = 1",
    ],
)
def test_a_value_that_changed_by_itself_is_told_by_the_newest_snapshot(
    completed: Program, change_: str
) -> None:
    change(completed, change_)
    [problem] = problems(completed)
    assert problem.endswith(" differs from snapshot 000002.json")


# ---- its snapshots


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def edit_the_checksum(path: Path) -> None:
    sidecar = path.with_name(path.name + ".sha256")
    sidecar.write_text("0" * 64 + sidecar.read_text(encoding="utf-8")[64:], encoding="utf-8")


def delete_the_checksum(path: Path) -> None:
    path.with_name(path.name + ".sha256").unlink()


def put_another_in_its_place(path: Path) -> None:
    older = path.with_name("000001.json")
    path.write_bytes(older.read_bytes())
    line = older.with_name("000001.json.sha256").read_text(encoding="utf-8")
    checksum = path.with_name(path.name + ".sha256")
    checksum.write_text(line.replace("000001", "000002"), encoding="utf-8")


FILES: dict[Callable[[Path], None], str] = {
    flip_a_byte: "000002.json does not have the checksum in 000002.json.sha256",
    cut_off: "000002.json does not have the checksum in 000002.json.sha256",
    edit_the_checksum: "000002.json does not have the checksum in 000002.json.sha256",
    delete_the_checksum: "000002.json.sha256 is missing or holds no valid checksum",
    put_another_in_its_place: "000002.json does not have the recorded checksum",
    Path.unlink: "000002.json is missing",
}


@pytest.mark.parametrize("damage", FILES)
def test_damaged_snapshots_are_told(
    completed: Program, snapshot: Path, damage: Callable[[Path], None]
) -> None:
    damage(snapshot)
    found = problems(completed)
    assert any(FILES[damage] in problem for problem in found)
    assert all("000002" in problem for problem in found)


def test_damaged_snapshots_beside_a_whole_database_are_to_be_made_again(
    completed: Program, snapshot: Path
) -> None:
    snapshot.unlink()
    said = completed.call("verify", code=6).stderr
    assert "the database is intact" in said
    assert "jobrunner snapshot SESSION" in said
    assert "restore" not in said


def test_where_rows_are_damaged_too_a_snapshot_is_to_be_restored(
    completed: Program, snapshot: Path
) -> None:
    snapshot.unlink()
    change(completed, "DELETE FROM record WHERE id = 3")
    said = completed.call("verify", code=6).stderr
    assert "jobrunner restore SNAPSHOT --db NEW/state.db" in said
    assert "jobrunner snapshot" not in said


def test_missing_snapshots_are_forgotten_with_the_next_one(
    completed: Program, snapshot: Path
) -> None:
    snapshot.unlink()
    snapshot.with_name("000001.json").unlink()
    completed.call("snapshot")
    assert problems(completed) == []
    assert sorted(path.name for path in snapshot.parent.glob("*.json")) == ["000003.json"]


def test_a_file_in_the_place_of_the_newest_snapshot_is_told(completed: Program) -> None:
    with opened(completed) as database:
        newest = newest_path(database, session_of(database))
        newest.unlink()
        newest.write_text("{}", encoding="utf-8")
        assert verify_session(database, session_of(database)) == [
            f"{newest} does not match any snapshot (its checksum differs)"
        ]


def test_an_older_snapshot_at_the_place_of_the_newest_is_no_damage(completed: Program) -> None:
    """A crash may come before the newest is brought there, and the older ones be deleted."""
    with opened(completed) as database:
        write_copy(database, session_of(database), newest_path(database, session_of(database)))
        assert verify_session(database, session_of(database)) == []


def test_beside_a_run_the_files_are_left_out_as_they_may_change(
    completed: Program, snapshot: Path
) -> None:
    snapshot.unlink()
    with opened(completed) as database, take_lease(database, session_of(database)) as lease:
        start_run(database, lease)
        assert verify_session(database, session_of(database)) == []


def test_a_run_that_came_and_went_meanwhile_is_not_taken_for_damage(
    completed: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    def take_more(of: Database, session: str) -> list[SnapshotRow]:
        rows = list_snapshots(of, session)
        if len(rows) == 2:
            with take_lease(of, session) as lease:
                for _ in range(KEEP):
                    take_snapshot(of, lease, "asked for")
        return rows

    monkeypatch.setattr(verify, "list_snapshots", take_more)
    assert problems(completed) == []


# ---- a file alone


@pytest.fixture
def alone(tmp_path: Path, template: Program) -> Iterator[Program]:
    """A directory without a database that holds a snapshot with its checksum."""
    program = Program(tmp_path / "alone")
    [newest] = template.database.parent.glob("*/papers_enriched.json")
    for name in (newest.name, f"{newest.name}.sha256"):
        shutil.copy(newest.with_name(name), program.directory / name)
    (program.directory / newest.name).chmod(0o644)
    yield program
    assert not program.database.exists()


NAME = "papers_enriched.json"


def test_a_file_is_verified_without_a_database(alone: Program) -> None:
    assert alone.call("verify", NAME).stdout == f"{NAME}: ok, 30 papers\n"


def test_a_wrong_checksum_is_damage(alone: Program) -> None:
    edit_the_checksum(alone.directory / NAME)
    done = alone.run("verify", NAME, code=6)
    assert done.stdout == f"{NAME}: {NAME} does not have the checksum in {NAME}.sha256\n"
    assert "1 problem found" in done.stderr
    assert "use another snapshot" in done.stderr


def test_a_file_that_was_cut_off_is_damage_whatever_its_checksum(alone: Program) -> None:
    cut_off(alone.directory / NAME)
    said = alone.call("verify", NAME, code=6).stdout
    assert f"{NAME} does not have the checksum" in said
    assert f"{NAME} is not an intact jobrunner snapshot: " in said


def test_the_problems_of_a_file_are_listed_as_json(alone: Program) -> None:
    assert alone.json("verify", NAME) == {"ok": True, "problems": {NAME: []}}


def test_a_file_that_is_no_snapshot_is_damage(alone: Program) -> None:
    alone.input(PAPERS)
    said = alone.call("verify", "papers.json", code=6).stdout
    assert "papers.json is not an intact jobrunner snapshot: " in said


def test_a_file_that_is_not_there_is_an_error(alone: Program) -> None:
    said = alone.call("verify", "nowhere.json", code=1).stderr
    assert "nowhere.json: no such file" in said
