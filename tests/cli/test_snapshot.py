"""Snapshots: each a file of one committed moment, whole, checksummed, and never in the way."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from msgspec import Struct

from jobrunner.demo.messages import Fault, Reply
from jobrunner.demo.openalex import OpenAlex
from jobrunner.demo.server import LocalServer
from jobrunner.errors import Cancelled
from jobrunner.files.checksums import read_sidecar, sha256_of, sidecar_of
from jobrunner.models import EventKind
from jobrunner.operations.verify import verify_file, verify_session
from jobrunner.snapshots.document import Document
from jobrunner.snapshots.publish import take_snapshot
from jobrunner.snapshots.write import write_snapshot
from jobrunner.store.database import Database
from jobrunner.store.events import add_event, list_events
from jobrunner.store.lease import take_lease
from jobrunner.store.rows import SnapshotRow
from jobrunner.store.run_lifecycle import start_run
from jobrunner.store.sessions import list_sessions
from jobrunner.store.snapshots import list_snapshots, newest_path, snapshot_directory
from tests.support import made_up_papers
from tests.support.events import eventually
from tests.support.program import Program, adopt, change, load, opened, papers_of, protected

PAPERS = made_up_papers.papers(lookups=24, searches=2)


class Kept(Struct):
    """A run that took snapshots while it went on, and every one that it took."""

    program: Program
    session: str
    rows: list[SnapshotRow]
    taken: Path

    @property
    def directory(self) -> Path:
        return self.program.database.parent / self.session / "snapshots"

    @property
    def files(self) -> list[Path]:
        return sorted(self.taken.glob("*.json"))


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    taken = tmp_path_factory.mktemp("taken")
    with LocalServer(OpenAlex(made_up_papers.works())) as server:
        program = Program(tmp_path_factory.mktemp("kept"), server.base_url)
        server.faults = lambda _request, number: after_snapshots(min(number, 3), taken)
        session = load(program, PAPERS)
        change(program, "UPDATE session SET options = json_set(options, '$.batch_size', 3)")
        child = program.start("resume", "-o", "out.json", "--checkpoint-interval", 0.0002)
        directory = program.database.parent / session / "snapshots"
        while child.poll() is None:
            keep_a_hold_of(directory, taken)
            time.sleep(0.01)
        child.communicate()
    keep_a_hold_of(directory, taken)
    assert child.returncode == 0
    with opened(program) as database:
        rows = list_snapshots(database, session)
    return Kept(program, session, rows, taken)


def after_snapshots(count: int, taken: Path) -> Fault:
    """Let an answer wait for snapshots, so that there are commits between them."""

    def wait(reply: Reply) -> Reply:
        eventually(lambda: len(list(taken.glob("*.json"))) >= count)
        return reply

    return wait


def keep_a_hold_of(directory: Path, taken: Path) -> None:
    """Link the files of a directory before the run deletes what it does not keep."""
    for path in directory.glob("[0-9]*") if directory.exists() else ():
        if not (taken / path.name).exists() and path.exists():
            (taken / path.name).hardlink_to(path)


def sha256sum(*paths: Path) -> int:
    """Let the tool of the system check files by their checksum files."""
    command = ["sha256sum", "--check", "--strict", *(path.name for path in paths)]
    done = subprocess.run(command, cwd=paths[0].parent, check=False, capture_output=True)
    return done.returncode


# ---- while a run goes on


def test_snapshots_are_numbered_from_one_without_gaps(kept: Kept) -> None:
    names = [path.name for path in kept.files]
    assert names == [f"{number:06d}.json" for number in range(1, len(names) + 1)]
    assert len(names) >= 4


def test_the_last_three_are_kept_in_rows_and_files(kept: Kept) -> None:
    last = [path.name for path in kept.files[-3:]]
    assert [Path(row.path).name for row in kept.rows] == last
    files = {path.name for path in kept.directory.iterdir()}
    assert files == {*last, *(f"{name}.sha256" for name in last)}


def test_nobody_may_write_to_a_snapshot(kept: Kept) -> None:
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept.files} == {0o444}


def test_every_snapshot_is_whole_batches_of_one_committed_moment(kept: Kept) -> None:
    batches, others = [], set()
    for path in kept.files:
        assert verify_file(path) == ([], 30)
        with Document(path) as document:
            papers = list(document.papers())
            batches.append({(entry.source, entry.number) for entry in document.batches()})
        named = {("openalex", entry.batch) for paper in papers for entry in paper.records.values()}
        missed = {item for paper in papers for item in paper.missed.items()}
        assert named | missed == batches[-1]
        others.add(document.head.revision - len(batches[-1]))
    assert len(others) == 1
    assert all(fewer < more for fewer, more in pairwise(batches))


def test_commits_go_on_while_snapshots_are_taken(kept: Kept) -> None:
    revisions = [row.revision for row in kept.rows]
    assert all(earlier < later for earlier, later in pairwise(revisions))
    assert kept.program.query("SELECT revision FROM session") == [(revisions[-1],)]


def test_sha256sum_accepts_every_checksum(kept: Kept) -> None:
    assert sha256sum(*(sidecar_of(path) for path in kept.files)) == 0


def test_a_row_tells_what_its_file_is(kept: Kept) -> None:
    for row in kept.rows:
        path = kept.program.database.parent / row.path
        assert (row.sha256, row.bytes, row.papers) == (sha256_of(path), path.stat().st_size, 30)


def test_why_each_was_taken_stands_in_its_row(kept: Kept) -> None:
    assert [row.reason for row in kept.rows] == ["interval", "interval", "end"]


def test_the_newest_one_is_where_users_look_for_it(kept: Kept) -> None:
    newest = kept.program.database.parent / kept.session / "papers_enriched.json"
    out = kept.program.directory / "out.json"
    assert sha256_of(newest) == sha256_of(out) == kept.rows[-1].sha256
    assert sha256sum(sidecar_of(newest)) == sha256sum(sidecar_of(out)) == 0


def test_an_interval_of_zero_takes_the_last_one_only(program: Program) -> None:
    program.input(PAPERS)
    program.call("run", "papers.json", "--checkpoint-interval", 0, "--batch-size", 2)
    assert program.query("SELECT number, reason FROM snapshot") == [(1, "end")]


# ---- after a crash


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """A completed session with one snapshot, also kept at an output of the user's."""
    with LocalServer(OpenAlex(made_up_papers.works())) as server:
        program = Program(tmp_path_factory.mktemp("completed"), server.base_url)
        program.input(PAPERS)
        program.call("run", "papers.json", "-o", "out.json")
    return program


@pytest.fixture
def completed(program: Program, template: Program) -> Program:
    adopt(program, template)
    program.environment |= template.environment  # its options are as they were
    change(program, "UPDATE session SET output = ?", str(program.directory / "out.json"))
    return program


@pytest.fixture
def database(completed: Program) -> Iterator[Database]:
    with opened(completed) as database:
        yield database


def session_of(database: Database) -> str:
    return list_sessions(database)[0].id


def take(database: Database) -> int:
    with take_lease(database, session_of(database)) as lease:
        return take_snapshot(database, lease, "asked for").number


TAKE = """
import sys
import time
from pathlib import Path
from jobrunner.snapshots.publish import take_snapshot
from jobrunner.store.database import open_database
from jobrunner.store.lease import take_lease
database = open_database(Path(sys.argv[1]))
with take_lease(database, sys.argv[2]) as lease:
    take_snapshot(database, lease, "asked for")
"""


def be_killed(database: Database, moment: str) -> None:
    """Take a snapshot in a process that is killed at a named moment of it."""
    killed = subprocess.run(
        [sys.executable, "-c", TAKE, str(database.path), session_of(database)],
        env={**os.environ, "JOBRUNNER_FAULT": moment},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL


def files_of(database: Database) -> set[str]:
    return {path.name for path in snapshot_directory(database, session_of(database)).iterdir()}


MOMENTS = ("begin", "half", "written", "written:2", "renamed", "recording")


@pytest.mark.parametrize("moment", MOMENTS)
def test_what_a_crash_has_left_is_deleted_with_the_next_snapshot(
    database: Database, moment: str
) -> None:
    be_killed(database, f"snapshot.{moment}")
    number = take(database)
    names = {"000001.json", f"{number:06d}.json"}
    assert files_of(database) == names | {f"{name}.sha256" for name in names}
    assert verify_session(database, session_of(database)) == []


def test_after_crashes_that_used_numbers_up_the_last_three_are_still_kept(
    database: Database,
) -> None:
    take(database)
    for _ in range(3):
        be_killed(database, "snapshot.renamed")
    take(database)
    assert [row.number for row in list_snapshots(database, session_of(database))] == [1, 2, 6]


def test_a_kill_between_recording_and_publishing_is_healed_by_the_next_run(
    completed: Program, database: Database
) -> None:
    be_killed(database, "snapshot.recorded")
    newest, out = newest_path(database, session_of(database)), completed.directory / "out.json"
    recorded = list_snapshots(database, session_of(database))[-1]
    assert recorded.number == 2
    assert recorded.sha256 not in (sha256_of(newest), sha256_of(out))
    completed.call("resume", session_of(database))
    assert recorded.sha256 == sha256_of(newest) == sha256_of(out)
    assert recorded.sha256 == read_sidecar(newest) == read_sidecar(out)


def test_until_it_is_healed_the_older_one_is_whole_and_verified(database: Database) -> None:
    be_killed(database, "snapshot.recorded")
    assert verify_session(database, session_of(database)) == []


def test_snapshots_that_somebody_deleted_are_made_again_from_the_database(
    completed: Program, database: Database
) -> None:
    shutil.rmtree(snapshot_directory(database, session_of(database)))
    out = completed.directory / "out.json"
    out.unlink()
    completed.call("resume", session_of(database), "-o", "out.json")
    assert len(papers_of(out)) == 30
    assert "000002.json" in files_of(database)


# ---- one that fails


def test_a_snapshot_that_fails_is_told_and_stops_nothing(program: Program) -> None:
    session = load(program, PAPERS)
    directory = program.database.parent / session / "snapshots"
    directory.write_text("in the way", encoding="utf-8")
    said = program.run("resume", "--checkpoint-interval", 0.0002, code=1).stderr
    assert f"cannot write {directory / '000001.json'}" in said
    assert program.query("SELECT count(*) FROM record") == [(29,)]
    with opened(program) as database:
        messages = [event.message for event in list_events(database, session)]
    assert any(message.startswith("snapshot failed: cannot write ") for message in messages)


def test_the_snapshot_that_failed_is_still_owed_and_taken_by_the_next_run(
    program: Program,
) -> None:
    session = load(program, PAPERS)
    directory = program.database.parent / session / "snapshots"
    directory.write_text("in the way", encoding="utf-8")
    program.call("resume", code=1)
    directory.unlink()
    out = program.call("resume").stdout.strip()
    assert len(papers_of(Path(out))) == 30


def test_a_snapshot_that_fails_leaves_the_earlier_ones_untouched(
    completed: Program, database: Database
) -> None:
    before = sha256_of(newest_path(database, session_of(database)))
    with protected(snapshot_directory(database, session_of(database))):
        said = completed.call("snapshot", code=1).stderr
    assert "cannot write" in said
    assert files_of(database) == {"000001.json", "000001.json.sha256"}
    assert sha256_of(newest_path(database, session_of(database))) == before
    assert verify_session(database, session_of(database)) == []


# ---- asked for


def test_an_asked_snapshot_is_the_newest_everywhere(completed: Program, database: Database) -> None:
    written = Path(completed.run("snapshot").stdout.strip())
    assert written == snapshot_directory(database, session_of(database)) / "000002.json"
    newest, out = newest_path(database, session_of(database)), completed.directory / "out.json"
    assert sha256_of(written) == sha256_of(newest) == sha256_of(out)


def test_a_copy_can_be_had_beside_a_run(completed: Program, database: Database) -> None:
    with take_lease(database, session_of(database)) as lease:
        start_run(database, lease)
        shown = completed.run("snapshot", session_of(database), "-o", "copy.json")
    copy = completed.directory / "copy.json"
    assert shown.stdout == "copy.json\n"
    assert shown.stderr == "30 papers written\n"
    assert verify_file(copy) == ([], 30)
    assert sha256sum(sidecar_of(copy)) == 0
    assert files_of(database) == {"000001.json", "000001.json.sha256"}


def test_beside_a_run_only_the_run_itself_takes_numbered_snapshots(
    completed: Program, database: Database
) -> None:
    with take_lease(database, session_of(database)) as lease:
        start_run(database, lease)
        said = completed.run("snapshot", code=4).stderr
    host = os.uname().nodename
    assert f"is running elsewhere: host {host}, pid {os.getpid()}, since 20" in said


@pytest.mark.parametrize(
    ("place", "owner"),
    [
        ("papers.json", "it is the input"),
        (".jobrunner/state.db", "it belongs to the state database"),
        (".jobrunner/state.db-wal", "it belongs to the state database"),
        (".jobrunner/state.db.lock", "it belongs to the state database"),
        (".jobrunner/{session}/run.lock", "it belongs to a session's directory"),
        (".jobrunner/{session}/snapshots/000001.json", "it belongs to a session's directory"),
        ("link.json", "it is the input"),
        ("-", "it is not a regular file"),
        ("/proc/self/fd/1", "it is not a regular file"),
        ("pipe", "it is not a regular file"),
        (".", "it is a directory"),
    ],
)
def test_a_copy_takes_the_place_of_nothing_that_is_needed(
    completed: Program, database: Database, place: str, owner: str
) -> None:
    input_ = completed.directory / "papers.json"
    change(completed, "UPDATE session SET input_path = ?", str(input_))
    (completed.directory / "link.json").symlink_to(input_)
    os.mkfifo(completed.directory / "pipe")
    output = place.format(session=session_of(database))
    before = {path: path.read_bytes() for path in completed.directory.rglob("*.json")}
    said = completed.call("snapshot", "-o", output, code=2).stderr
    assert f"cannot write {output}: {owner}\n  name another file with --output" in said
    assert {path: path.read_bytes() for path in completed.directory.rglob("*.json")} == before
    assert verify_session(database, session_of(database)) == []


@pytest.mark.parametrize(
    "paper",
    [
        {"title": "Of bees", "authors": ["Ann Bee", "Bob Cee"], "year": 2017, "venue": "J. of X"},
        {
            "title": ["Of bees"],
            "author": "Bee, Ann and Cee, Bob",
            "issued": {"date-parts": [[2017]]},
            "container-title": "J. of X",
        },
        {
            "Title": " Of  bees",
            "authors": [{"family": "Bee", "given": "Ann"}, {"literal": "Bob Cee"}],
            "year": "2017-05-27",
            "journal": {"name": "J. of X"},
        },
        {
            "display_name": "Of bees",
            "creators": [
                {"lastName": "Bee", "firstName": "Ann"},
                {"lastName": "Cee", "firstName": "Bob"},
            ],
            "date": "May 2017",
            "container_title": ["J. of X"],
        },
    ],
    ids=["plainly", "CSL", "BibTeX", "Zotero"],
)
def test_what_a_paper_is_matched_by_is_in_its_view(program: Program, paper: object) -> None:
    load(program, [paper])
    program.call("snapshot", "-o", "copy.json")
    view = papers_of(program.directory / "copy.json")[0]["consolidated"]
    assert {name: one["value"] for name, one in view.items() if one} == {
        "title": "Of bees",
        "authors": [{"name": "Ann Bee"}, {"name": "Bob Cee"}],
        "year": 2017,
        "venue": "J. of X",
    }


def test_a_copy_that_cannot_be_written_is_an_error(completed: Program) -> None:
    said = completed.call("snapshot", "-o", "papers.json/copy.json", code=1).stderr
    assert "papers.json/copy.json: " in said


def test_a_snapshot_that_is_given_up_ends_its_read_transaction(completed: Program) -> None:
    answers = iter([False, True])
    with opened(completed) as database:
        with pytest.raises(Cancelled) as given_up:
            write_snapshot(
                database, session_of(database), "interval", cancelled=lambda: next(answers)
            )
        add_event(
            database, session_of(database), EventKind.WARNING, "so that there is something to fold"
        )
    assert given_up.value.__traceback__ is not None
    assert not completed.database.with_name("state.db-shm").exists()
