"""A snapshot alone brings its session back, and what was committed after it is done again."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from jobrunner.demo.openalex import OpenAlex
from jobrunner.demo.server import LocalServer
from jobrunner.errors import DamageFound
from jobrunner.files.atomic import write_sidecar, write_whole
from jobrunner.files.checksums import sha256_of
from jobrunner.operations.restore import examine, restore
from jobrunner.operations.verify import verify_session
from jobrunner.snapshots.publish import take_snapshot
from jobrunner.store.database import open_database
from jobrunner.store.events import list_events
from jobrunner.store.lease import take_lease
from tests.support import made_up_papers
from tests.support.program import Program, adopt, opened, papers_of, rows_of, was_killed
from tests.support.servers.faults import always, where, wrong_types

PAPERS = made_up_papers.papers(lookups=24, searches=4)
"""31 of these 32 can be asked about."""


class Original(Struct):
    """A session that was retried and killed, the snapshot taken then, and how it ended."""

    snapshot: Path
    status: dict[str, Any]
    identifiers: list[Any]
    pending: set[str]
    ended: list[dict[str, Any]]


IDENTIFIERS = (
    "SELECT p.position, i.scheme, i.value, i.origin, i.ordinal FROM identifier i"
    " JOIN paper p ON p.id = i.paper_id ORDER BY 1, 2, 3, 4"
)
PENDING = (
    "SELECT i.value FROM identifier i WHERE i.scheme = 'doi' AND i.origin = 'input' AND NOT"
    " EXISTS (SELECT 1 FROM record r WHERE r.paper_id = i.paper_id) AND NOT"
    " EXISTS (SELECT 1 FROM lookup_miss m WHERE m.paper_id = i.paper_id)"
)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Original:
    program = Program(tmp_path_factory.mktemp("original"))
    alone = tmp_path_factory.mktemp("alone")
    program.input(PAPERS)
    with LocalServer(OpenAlex(made_up_papers.works())) as server:
        program.environment["JOBRUNNER_OPENALEX_BASE_URL"] = server.base_url
        server.faults = where(lambda request: "study.5" in request.raw_query, always(wrong_types))
        program.call("run", "papers.json", "--batch-size", 5, code=3)
        server.faults = None
        program.call("retry", "20", "--not-found", code=3)
        retried = ("retry", "20", "--failed")
        assert was_killed(program.run(*retried, fault="commit.before", code=None).returncode)
        status = program.json("status")
        with opened(program) as database, take_lease(database, status["session"]) as lease:
            row = take_snapshot(database, lease, "asked for")
        for name in (row.path, row.path + ".sha256"):
            shutil.copy(program.database.parent / name, alone)
        identifiers, pending = program.query(IDENTIFIERS), program.query(PENDING)
        program.call("resume", "-o", "out.json")
    return Original(
        alone / Path(row.path).name,
        status,
        identifiers,
        {value for (value,) in pending},
        papers_of(program.directory / "out.json"),
    )


@pytest.fixture
def snapshot(original: Original, tmp_path: Path) -> Path:
    """The snapshot, with its checksum and nothing else, where it may be changed."""
    shutil.copytree(original.snapshot.parent, tmp_path / "alone")
    path = tmp_path / "alone" / original.snapshot.name
    path.chmod(0o644)
    return path


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory, original: Original) -> Program:
    program = Program(tmp_path_factory.mktemp("restored"))
    session = program.run("restore", original.snapshot).stdout.strip()
    assert session == original.status["session"]
    return program


@pytest.fixture
def restored(program: Program, template: Program) -> Program:
    adopt(program, template)
    return program


def session_rows(program: Program) -> list[str]:
    """Every row but the revision of the schema."""
    return [
        row
        for row in rows_of(program)
        if row.startswith("INSERT INTO") and "alembic_version" not in row
    ]


# ---- what is back


def test_the_original_had_retried_failed_missed_and_not_found_papers(original: Original) -> None:
    content = original.snapshot.read_text(encoding="utf-8")
    outcomes = ("enriched", "not_found", "failed", "passed_on")
    assert [name for name in outcomes if f'"outcome":"{name}"' not in content] == []
    assert '"missed":{"openalex":' in content
    assert original.pending == {made_up_papers.doi(number) for number in range(5, 10)}


def test_papers_records_and_batches_are_back_to_the_letter(
    restored: Program, original: Original
) -> None:
    with opened(restored) as database, take_lease(database, session_of(restored)) as lease:
        row = take_snapshot(database, lease, "asked for")
        again = (database.path.parent / row.path).read_bytes()
    head, papers_and_batches = original.snapshot.read_bytes().split(b"\n", 1)
    assert again.split(b"\n", 1)[1] == papers_and_batches
    assert head != again.split(b"\n", 1)[0]


def test_identifiers_are_back_with_their_origins(restored: Program, original: Original) -> None:
    assert restored.query(IDENTIFIERS) == original.identifiers


def test_the_figures_are_what_they_were(restored: Program, original: Original) -> None:
    status = restored.json("status")
    same = ("session", "input_path", "created_at", "papers", "unusable", "sources", "runs")
    assert [status[name] for name in same] == [original.status[name] for name in same]


def test_rows_and_counters_agree(restored: Program) -> None:
    with opened(restored) as database:
        assert verify_session(database, session_of(restored)) == []


def test_the_history_tells_where_it_came_from(restored: Program, original: Original) -> None:
    with opened(restored) as database:
        events = list_events(database, session_of(restored))
    kinds = [event.kind for event in events]
    assert kinds[:3] == ["started", "snapshot", "completed"]
    event = events[kinds.index("restored")]
    assert event.message.startswith(f"from {original.snapshot}, written 20")


def session_of(program: Program) -> str:
    return str(program.query("SELECT id FROM session")[0][0])


# ---- going on with it


def test_a_resume_asks_only_about_what_was_pending_and_ends_the_same(
    restored: Program, original: Original, server: LocalServer
) -> None:
    restored.call("resume", "-o", "out.json")
    looked_up = {name for one in server.requests for name in one.ids if name.startswith("doi:")}
    assert looked_up == {f"doi:{value}" for value in original.pending}
    assert papers_of(restored.directory / "out.json") == original.ended


def test_the_next_step_is_told(program: Program, snapshot: Path, original: Original) -> None:
    said = program.run("restore", snapshot, "--db", "new/state.db").stderr
    session = original.status["session"]
    assert f"session {session} restored with 32 papers" in said
    assert f"next: jobrunner resume {session} --db new/state.db" in said


def test_snapshots_that_lay_there_before_a_restore_are_never_deleted(
    program: Program, snapshot: Path, original: Original
) -> None:
    place = program.database.parent / str(original.status["session"]) / "snapshots"
    shutil.copytree(snapshot.parent, place)
    for number in (2, 7):  # an older one, and one that holds more than the one restored from
        shutil.copy(snapshot, place / f"{number:06d}.json")
    before = {path: path.read_bytes() for path in place.iterdir()}
    program.call("restore", place / snapshot.name)
    with opened(program) as database, take_lease(database, session_of(program)) as lease:
        for _ in range(5):
            take_snapshot(database, lease, "asked for")
    assert {path: path.read_bytes() for path in before} == before
    assert sorted(path.name for path in place.glob("*.json") if path not in before) == [
        f"{number:06d}.json" for number in (10, 11, 12)
    ]


# ---- from a directory


def spoil(snapshot: Path) -> None:
    content = bytearray(snapshot.read_bytes())
    content[len(content) // 2] ^= 1
    snapshot.write_bytes(content)


@pytest.mark.parametrize("inside", ["", "snapshots"])
def test_the_newest_whole_snapshot_of_a_directory_is_restored(
    program: Program, snapshot: Path, tmp_path: Path, inside: str
) -> None:
    place = tmp_path / "kept" / inside
    shutil.copytree(snapshot.parent, place)
    for number in (999_999, 1_000_000):  # newer, but damaged, or without a checksum
        shutil.copy(snapshot, place / f"{number:06d}.json")
    write_sidecar(place / "999999.json", sha256_of(snapshot))
    spoil(place / "999999.json")
    older = place / "000001.json"
    shutil.copy(snapshot, older)
    write_sidecar(older, sha256_of(older))
    said = program.call("restore", tmp_path / "kept").stderr
    assert f"restoring {place / snapshot.name}\n" in said
    skipped = [line for line in said.splitlines() if line.startswith("skipped: ")]
    assert f"{place / '1000000.json'}.sha256 is missing" in skipped[0]
    assert f"{place / '999999.json'} does not have the checksum" in skipped[1]


def test_a_directory_without_a_whole_snapshot_is_refused(program: Program, snapshot: Path) -> None:
    spoil(snapshot)
    said = program.call("restore", snapshot.parent, code=6).stderr
    assert f"{snapshot} does not have the checksum" in said
    snapshot.unlink()
    said = program.call("restore", snapshot.parent, code=6).stderr
    assert f"{snapshot.parent} contains no snapshots" in said
    assert not program.database.exists()


# ---- refused, with nothing left behind


def test_a_session_that_is_there_already_is_not_overwritten(
    restored: Program, snapshot: Path
) -> None:
    before = rows_of(restored)
    said = restored.call("restore", snapshot, code=5).stderr
    assert f"already holds session {session_of(restored)}" in said
    assert "jobrunner restore SNAPSHOT --db NEW/state.db" in said
    assert rows_of(restored) == before


def test_a_session_that_a_database_beside_holds_is_refused(
    restored: Program, snapshot: Path
) -> None:
    said = restored.call("restore", snapshot, "--db", ".jobrunner/new.db", code=5).stderr
    assert f"{restored.database} already holds session {session_of(restored)}" in said
    restored.call("restore", snapshot, "--db", "NEW/state.db")  # as it is told to


def test_databases_that_do_not_hold_the_session_are_no_hindrance(
    restored: Program, snapshot: Path
) -> None:
    place = restored.directory / "other"
    place.mkdir()
    shutil.copy(restored.database, place / "state.db.pre-0001.bak")
    shutil.copy(restored.database, place / "state.db")
    restored.call("sessions", "delete", session_of(restored), "--yes", "--db", place / "state.db")
    (place / "notes.txt").write_text("SQLite format 3\0, but no database", encoding="utf-8")
    restored.call("restore", snapshot, "--db", place / "new.db")


def test_a_damaged_file_is_refused(program: Program, snapshot: Path) -> None:
    spoil(snapshot)
    said = program.run("restore", snapshot, code=6).stderr
    assert not program.database.exists()
    assert f"{snapshot} does not have the checksum in {snapshot.name}.sha256" in said


def test_a_file_without_its_checksum_is_refused(program: Program, snapshot: Path) -> None:
    snapshot.with_name(f"{snapshot.name}.sha256").unlink()
    said = program.call("restore", snapshot, code=6).stderr
    assert f"{snapshot}.sha256 is missing" in said


def test_a_file_that_is_not_there_is_an_error_and_no_database_is_made(program: Program) -> None:
    said = program.call("restore", "nowhere.json", code=1).stderr
    assert "nowhere.json: no such file" in said
    assert not program.database.exists()


def forge(snapshot: Path, old: bytes, new: bytes) -> None:
    """Change what a snapshot holds, and give it a checksum that fits."""
    content = snapshot.read_bytes()
    assert old in content
    write_sidecar(snapshot, write_whole(snapshot, [content.replace(old, new, 1)]).sha256)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b'"record":{"id":', b'"record":{"no":', "the openalex record of paper 0"),
        (b'"written_at":', b'"written":', "not an intact jobrunner snapshot"),
        (b'"rules":', b'"rule":', "the options in the snapshot cannot be read"),
        (b'"session":"', b'"session":"../', "is not a session id"),
        (b'"jobrunner-snapshot"', b'"jobrunner-photo"', "its format is jobrunner-photo 1"),
    ],
)
def test_a_file_that_does_not_hold_what_it_should_leaves_nothing_behind(
    program: Program, snapshot: Path, old: bytes, new: bytes, said: str
) -> None:
    forge(snapshot, old, new)
    program.database.parent.mkdir()
    with (
        closing(open_database(program.database, create=True)) as database,
        pytest.raises(DamageFound, match=re.escape(said)),
    ):
        restore(database, examine(snapshot))
    assert session_rows(program) == []


def test_a_view_that_was_changed_by_hand_is_no_hindrance(program: Program, snapshot: Path) -> None:
    forge(snapshot, b'"consolidated":{', b'"consolidated":{"year":"MMXX",')
    program.database.parent.mkdir()
    with closing(open_database(program.database, create=True)) as database:
        restore(database, examine(snapshot))
    assert session_rows(program)


def test_a_file_of_a_newer_jobrunner_is_refused_as_such(program: Program, snapshot: Path) -> None:
    forge(snapshot, b'"version":1,', b'"version":2,"more":1,')
    for command in ("restore", "verify"):
        said = program.call(command, snapshot, code=5).stderr
        assert "was written by a newer jobrunner (format 2; this one supports 1)" in said
        assert "upgrade jobrunner" in said


KILLED = """
import os, signal, sys
from pathlib import Path
from jobrunner.operations.restore import examine, restore
from jobrunner.store.database import open_database
from jobrunner.store.session_import import Restoration
Restoration.add_papers = lambda self, papers: os.kill(os.getpid(), signal.SIGKILL)
restore(open_database(Path(sys.argv[1]), create=True), examine(Path(sys.argv[2])))
"""


@pytest.fixture
def cut_off(program: Program, snapshot: Path, original: Original) -> Path:
    """A snapshot in the session's own directory, from which a restore was killed halfway."""
    session = str(original.status["session"])
    place = program.database.parent / session / "snapshots"
    shutil.copytree(snapshot.parent, place)
    arguments = [str(program.database), str(place / snapshot.name)]
    killed = subprocess.run([sys.executable, "-c", KILLED, *arguments], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert program.query("SELECT status FROM session") == [("loading",)]
    return place / snapshot.name


def test_a_restore_that_was_killed_can_be_done_again(program: Program, cut_off: Path) -> None:
    program.call("restore", cut_off)
    assert program.query("SELECT status FROM session") == [("interrupted",)]


def test_cleaning_up_after_a_killed_restore_spares_the_snapshots(
    program: Program, cut_off: Path
) -> None:
    said = program.call("sessions", "clean", "--yes").stderr
    assert "1 incompletely loaded session deleted" in said
    assert session_rows(program) == []
    assert cut_off.exists()
