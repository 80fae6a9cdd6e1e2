"""The sessions of a database: listed, shown with their history, deleted, cleaned up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from jobrunner import __version__, clock
from jobrunner.cli.commands import sessions
from jobrunner.demo.openalex import OpenAlex
from jobrunner.demo.server import LocalServer
from jobrunner.matching.decide import RULES
from jobrunner.models import EventKind
from jobrunner.operations.delete import delete_leftovers
from jobrunner.operations.verify import verify_session
from jobrunner.store.lease import take_lease
from jobrunner.store.rows import Options
from jobrunner.store.run_lifecycle import reopen
from jobrunner.store.sessions import create_session, list_sessions
from tests.support import made_up_papers
from tests.support.program import Program, adopt, change, load, opened, rows_of, was_killed
from tests.support.servers.faults import in_order, openalex_budget_spent

PAPERS = made_up_papers.papers(lookups=6, searches=1)
"""10 of these 11 can be asked about."""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """A completed session, with its files."""
    with LocalServer(OpenAlex(made_up_papers.works())) as server:
        program = Program(tmp_path_factory.mktemp("completed"), server.base_url)
        program.input(PAPERS)
        program.call("run", "papers.json")
    return program


@pytest.fixture
def completed(program: Program, template: Program) -> Program:
    adopt(program, template)
    return program


def session_of(program: Program) -> str:
    return str(program.query("SELECT id FROM session ORDER BY created_at")[0][0])


def days_ago(days: float) -> str:
    return clock.to_text(datetime.now(UTC) - timedelta(days=days))


# ---- list


def test_sessions_are_listed_with_state_and_progress_the_oldest_first(completed: Program) -> None:
    first = session_of(completed)
    second = load(completed, [made_up_papers.by_doi(7)], "small.json")
    _, *lines = completed.run("sessions", "list").stdout.splitlines()
    assert lines[0].split()[:5] == [first, "completed", "11", "openalex", "10/10"]
    assert lines[1].split()[:5] == [second, "pending", "1", "openalex", "0/1"]


def test_sessions_are_listed_as_json_with_all_that_status_says(completed: Program) -> None:
    listed, status = completed.json("sessions", "list"), completed.json("status")
    assert listed == [status]
    assert listed[0]["sources"][0]["done"] == 10


def test_without_sessions_the_first_step_is_told(completed: Program) -> None:
    completed.call("sessions", "delete", session_of(completed), "--yes")
    listed = completed.call("sessions", "list")
    assert listed.stdout == ""
    assert "jobrunner run INPUT" in listed.stderr


# ---- show


def test_the_history_tells_what_happened_in_its_order(
    program: Program, server: LocalServer
) -> None:
    program.input(PAPERS)
    run = ("run", "papers.json", "--batch-size", 3)
    assert was_killed(program.run(*run, fault="commit.after:2", code=None).returncode)
    server.faults = in_order(openalex_budget_spent())
    program.call("resume", code=75)
    server.faults = None
    program.call("resume")
    shown = program.call("sessions", "show").stdout
    kinds = [line.split()[1] for line in shown.splitlines() if line.startswith("20")]
    assert kinds == [
        *("started", "crashed", "resumed", "source", "snapshot", "interrupted"),
        *("resumed", "snapshot", "completed"),
    ]


def test_a_session_is_shown_with_where_it_came_from(completed: Program, template: Program) -> None:
    shown = completed.call("sessions", "show", session_of(completed)).stdout
    assert f"session {session_of(completed)}, created by jobrunner {__version__}, 20" in shown
    assert f"input   {template.directory / 'papers.json'} (json)" in shown
    assert "sources openalex" in shown


def test_a_session_is_shown_as_json_by_parts(completed: Program) -> None:
    shown = completed.json("sessions", "show")
    assert list(shown) == ["session", "runs", "snapshots", "events"]
    assert shown["session"]["id"] == session_of(completed)
    assert [run["ending"] for run in shown["runs"]] == ["completed"]
    assert [snapshot["number"] for snapshot in shown["snapshots"]] == [1]
    assert [event["kind"] for event in shown["events"]] == ["started", "snapshot", "completed"]


def test_unusable_papers_are_shown_with_position_and_reason(completed: Program) -> None:
    shown = completed.call("sessions", "show", "--unusable").stdout
    assert shown == "paper 9: no title and no identifier\n"
    assert completed.json("sessions", "show", "--unusable") == [
        {"position": 9, "reason": "no title and no identifier"}
    ]


# ---- delete


def test_a_deleted_session_leaves_neither_rows_nor_files(completed: Program) -> None:
    session = session_of(completed)
    deleted = completed.call("sessions", "delete", session, "--yes")
    assert deleted.stdout == f"deleted {session}\n"
    assert not (completed.database.parent / session).exists()
    inserted = [row for row in rows_of(completed) if row.startswith("INSERT")]
    assert [row for row in inserted if "alembic_version" not in row] == []


def test_deleting_one_session_leaves_the_others_whole(completed: Program) -> None:
    other = load(completed, [made_up_papers.by_doi(7)], "small.json")
    completed.call("sessions", "delete", other, "--yes")
    with opened(completed) as database:
        assert [session.id for session in list_sessions(database)] == [session_of(completed)]
        assert verify_session(database, session_of(completed)) == []


def test_a_dry_run_says_what_would_be_deleted_and_deletes_nothing(completed: Program) -> None:
    before, session = rows_of(completed), session_of(completed)
    directory = completed.database.parent / session
    said = completed.call("sessions", "delete", session, "--dry-run").stderr
    assert f"{session} (completed), with {directory}" in said
    assert "nothing was deleted" in said
    assert rows_of(completed) == before
    assert (directory / "papers_enriched.json").exists()


def test_without_a_terminal_to_ask_at_nothing_is_deleted(completed: Program) -> None:
    before = rows_of(completed)
    said = completed.call("sessions", "delete", session_of(completed), code=2).stderr
    assert "add --yes" in said
    assert rows_of(completed) == before


def test_a_session_that_is_running_is_not_deleted(completed: Program) -> None:
    before, session = rows_of(completed), session_of(completed)
    with opened(completed) as database, take_lease(database, session):
        said = completed.run("sessions", "delete", session, "--yes", code=4).stderr
    assert f"session {session} is running elsewhere" in said
    assert rows_of(completed) == before


# ---- clean


def test_clean_deletes_completed_sessions_of_long_ago_only(completed: Program) -> None:
    old, load_of_old = (
        session_of(completed),
        load(completed, [made_up_papers.by_doi(7)], "small.json"),
    )
    change(completed, "UPDATE session SET updated_at = ?", days_ago(31))
    cleaned = completed.call("sessions", "clean", "--yes").stdout
    assert cleaned == f"deleted {old}\n"
    assert completed.query("SELECT id FROM session") == [(load_of_old,)]


@pytest.mark.parametrize(("days", "deleted"), [(3, 0), (1, 1)])
def test_clean_counts_the_days_that_it_is_given(
    completed: Program, days: int, deleted: int
) -> None:
    change(completed, "UPDATE session SET updated_at = ?", days_ago(2))
    cleaned = completed.call("sessions", "clean", "--yes", "--older-than", days).stdout
    assert cleaned.count("deleted") == deleted


def test_clean_leaves_a_session_that_came_to_have_work_while_it_asked(
    completed: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = session_of(completed)

    def answer_late(_: int) -> bool:
        with opened(completed) as database, take_lease(database, session) as lease:
            reopen(database, lease, kind=EventKind.INPUT, message="new papers are added")
        return True

    monkeypatch.setattr(sessions, "_confirmed", answer_late)
    cleaned = completed.call("sessions", "clean", "--older-than", 0)
    assert cleaned.stdout == ""
    assert f"{session} kept: another run has used it since" in cleaned.stderr
    assert completed.query("SELECT id, status FROM session") == [(session, "pending")]
    assert (completed.database.parent / session / "papers_enriched.json").exists()


def abandon(program: Program) -> str:
    """Leave what a load leaves that was cut off: rows that no command shows, and a directory."""
    session = "20200101-000000-0000"
    options = Options(sources=("openalex",), rules=RULES)
    with opened(program) as database:
        create_session(database, session, input_path=None, options=options, output=None)
        take_lease(database, session).release()
    return session


def test_clean_deletes_what_loads_have_left_that_were_cut_off(completed: Program) -> None:
    abandoned = abandon(completed)
    said = completed.call("sessions", "clean", "--yes").stderr
    assert "1 incompletely loaded session deleted" in said
    assert completed.query("SELECT id FROM session") == [(session_of(completed),)]
    assert not (completed.database.parent / abandoned).exists()


def test_clean_leaves_a_load_that_is_under_way(completed: Program) -> None:
    loading = abandon(completed)
    with opened(completed) as database, take_lease(database, loading):
        completed.call("sessions", "clean", "--yes")
    assert (loading,) in completed.query("SELECT id FROM session")


def test_a_dry_run_of_clean_says_what_would_be_deleted_and_deletes_nothing(
    completed: Program,
) -> None:
    abandon(completed)
    change(completed, "UPDATE session SET updated_at = ?", days_ago(31))
    before = rows_of(completed)
    said = completed.call("sessions", "clean", "--dry-run").stderr
    assert "1 incompletely loaded session would be deleted" in said
    assert f"{session_of(completed)} (completed)" in said
    assert rows_of(completed) == before


# ---- what kills leave


def test_what_a_kill_left_of_a_deletion_is_cleaned(completed: Program) -> None:
    session = session_of(completed)
    killed = completed.run("sessions", "delete", session, "--yes", fault="delete.files", code=None)
    assert was_killed(killed.returncode)
    assert list((completed.database.parent / session / "snapshots").iterdir())
    completed.call("sessions", "clean")
    assert not (completed.database.parent / session).exists()


def test_the_directory_of_a_session_that_never_began_is_cleaned(completed: Program) -> None:
    killed = completed.run("run", "papers.json", fault="lease.taken", code=None)
    assert was_killed(killed.returncode)
    completed.call("sessions", "clean")
    directories = [path.name for path in completed.database.parent.iterdir() if path.is_dir()]
    assert directories == [session_of(completed)]


def test_snapshots_without_their_database_are_never_cleaned(completed: Program) -> None:
    directory = completed.database.parent / session_of(completed)
    completed.database.unlink()
    load(completed, [made_up_papers.by_doi(7)], "small.json")
    completed.call("sessions", "clean")
    assert list(directory.glob("snapshots/*.json"))
    assert (directory / "papers_enriched.json").exists()


def test_a_linked_directory_of_a_session_is_unlinked_and_its_target_stays(
    completed: Program, tmp_path: Path
) -> None:
    session = session_of(completed)
    directory = completed.database.parent / session
    moved = tmp_path / "moved"
    directory.rename(moved)
    directory.symlink_to(moved)
    said = completed.call("sessions", "delete", session, "--yes")
    assert "None" not in said.stdout + said.stderr
    assert not directory.is_symlink()
    assert (moved / "snapshots").is_dir()
    assert completed.json("sessions", "list") == []


def test_the_link_that_a_kill_left_of_a_deleted_session_is_cleaned(
    completed: Program, tmp_path: Path
) -> None:
    (tmp_path / "moved").mkdir()
    left = completed.database.parent / f".{session_of(completed)}.0123abcd.deleted"
    left.symlink_to(tmp_path / "moved")
    with opened(completed) as database:
        delete_leftovers(database)
    assert not left.is_symlink()
    assert (tmp_path / "moved").is_dir()
