"""Starts at the very same moment: of all that want one session, one gets it, the others are told.

Whatever else they do meanwhile (delete it, restore it, make the database), nothing of it is lost.
"""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from jobrunner.demo.openalex import OpenAlex
from jobrunner.demo.server import LocalServer
from jobrunner.errors import Refused
from jobrunner.operations.verify import verify_session
from tests.support import made_up_papers
from tests.support.concurrent_starts import Crowd, End
from tests.support.events import eventually
from tests.support.program import Program, adopt, load, opened
from tests.support.servers.faults import always, slow

PAPERS = made_up_papers.papers(lookups=12, searches=2)

Start = Callable[..., list[End]]

FEW = 8
MANY = [
    pytest.param(FEW, id=f"{FEW} starts"),
    pytest.param(200, id="200 starts", marks=pytest.mark.torture),
]
ROUNDS = [
    pytest.param(1, id="1 round"),
    pytest.param(8, id="8 rounds", marks=pytest.mark.torture),
]


@pytest.fixture
def busy(tmp_path: Path) -> Iterator[Program]:
    """A program whose server answers nobody: whoever gets a session keeps it."""
    with LocalServer(OpenAlex(made_up_papers.works()), faults=always(slow(3600))) as server:
        yield Program(tmp_path / "work", server.base_url)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """A completed session with its snapshot."""
    with LocalServer(OpenAlex(made_up_papers.works())) as server:
        program = Program(tmp_path_factory.mktemp("finished"), server.base_url)
        program.input(PAPERS)
        program.call("run", "papers.json", "--batch-size", 5)
    return program


@pytest.fixture(scope="module")
def crowd() -> Iterator[Crowd]:
    with closing(Crowd()) as crowd:
        yield crowd


@pytest.fixture
def start(crowd: Crowd) -> Start:
    """Start commands at once; none of them may end with anything but a clear line."""

    def race(program: Program, *commands: str, kill: int | None = None, stay: int = 0) -> list[End]:
        split = [command.split() for command in commands]
        ends = crowd.race(program.directory, program.environment, split, kill=kill, stay=stay)
        for end in ends:
            assert "Traceback" not in end.err, end
            assert "this is a bug" not in end.err, end
            assert end.code in (None, 0) or "error: " in end.err, end
        return ends

    return race


def codes(ends: list[End]) -> Counter[int | None]:
    return Counter(end.code for end in ends)


def session_of(program: Program) -> str:
    return str(program.query("SELECT id FROM session WHERE status <> 'loading'")[0][0])


def assert_one_runner(ends: list[End], others: int) -> End:
    """One is at work, all others have ended with one code.

    Of hundreds some may give up on SQLite's own lock, for which they wait half a minute.
    """
    tired = [end for end in ends if "another process holds it" in end.err]
    assert len(tired) <= len(ends) // 4
    rest = [end for end in ends if end not in tired]
    assert codes(rest) == {None: 1, others: len(rest) - 1}, codes(ends)
    return next(end for end in ends if end.code is None)


def assert_sound(program: Program) -> None:
    with closing(sqlite3.connect(program.database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


# ---- one session


@pytest.mark.parametrize("count", MANY)
def test_of_many_resumes_one_runs_and_the_others_are_told_who(
    start: Start, busy: Program, count: int
) -> None:
    session = load(busy, PAPERS)
    ends = start(busy, *["resume"] * count, stay=1)
    winner = assert_one_runner(ends, others=4)
    named = {re.findall(r"running elsewhere(?:: host \S+, pid (\d+))?", end.err)[0]
             for end in ends if end.code == 4}  # fmt: skip
    assert named <= {"", str(winner.pid)}
    assert all(session in end.err for end in ends if end is not winner)
    assert busy.query("SELECT pid FROM run") == [(winner.pid,)]


@pytest.mark.parametrize("rounds", ROUNDS)
def test_of_many_resumes_one_takes_over_from_a_runner_killed_at_that_moment(
    start: Start, busy: Program, rounds: int
) -> None:
    load(busy, PAPERS)
    for number in range(rounds):
        holder = busy.start("resume")
        eventually(lambda: busy.query("SELECT 1 FROM run WHERE ended_at IS NULL AND pid = ?",
                                      holder.pid))  # fmt: skip  # noqa: B023
        winner = assert_one_runner(
            start(busy, *["resume"] * FEW, kill=holder.pid, stay=1), others=4
        )
        holder.communicate()
        assert busy.query("SELECT ending FROM run WHERE pid = ?", holder.pid) == [("crashed",)]
        assert busy.query("SELECT pid FROM run WHERE ended_at IS NULL") == [(winner.pid,)]
        assert busy.query("SELECT count(*) FROM run") == [(2 * number + 2,)]


def test_whatever_wants_a_session_that_is_running_is_refused(
    start: Start, busy: Program, finished: Program
) -> None:
    adopt(busy, finished)
    session = session_of(busy)
    busy.query("SELECT 1")
    with closing(sqlite3.connect(busy.database)) as connection, connection:
        connection.execute("DELETE FROM record WHERE id > 3")  # so that there is something to do
        connection.execute("UPDATE session SET status = 'interrupted'")
    [snapshot] = busy.database.parent.glob("*/snapshots/*.json")
    wishes = (
        f"sessions delete {session} --yes", f"retry {session} --failed", "resume",
        f"retry {session} --not-found", f"snapshot {session}", f"restore {snapshot}",
    )  # fmt: skip
    holder = busy.start("resume")
    eventually(lambda: busy.query("SELECT 1 FROM run WHERE ended_at IS NULL"))
    ends = start(busy, *wishes * 2)
    holder.kill()
    holder.communicate()
    assert codes(ends) == {4: len(ends)}, ends
    assert busy.query("SELECT count(*) FROM record") == [(3,)]
    assert snapshot.exists()


@pytest.mark.parametrize("rounds", ROUNDS)
def test_a_session_is_deleted_or_goes_on_but_never_both(
    start: Start, busy: Program, rounds: int
) -> None:
    for _ in range(rounds):
        session = load(busy, PAPERS)
        commands = [f"sessions delete {session} --yes", f"resume {session}"] * (FEW // 2)
        ends = start(busy, *commands, stay=1)
        winners = [end for end in ends if end.code in (None, 0)]
        assert len(winners) == 1, codes(ends)
        was_deleted = winners[0].command.startswith("sessions delete")
        assert busy.query("SELECT count(*) FROM session") == [(not was_deleted,)]
        directories = [path.name for path in busy.database.parent.iterdir() if path.is_dir()]
        assert directories == ([] if was_deleted else [session])
        for end in ends:
            if end not in winners:
                assert end.code in (1, 4), end
                assert re.search(
                    r"no (unfinished )?session|deleted meanwhile|running elsewhere", end.err
                ), end
        assert_sound(busy)
        if not was_deleted:
            busy.call("sessions", "delete", session, "--yes")


# ---- a new session


@pytest.mark.parametrize("count", MANY)
def test_of_many_first_runs_of_one_list_one_makes_the_database_and_the_session(
    start: Start, busy: Program, count: int
) -> None:
    busy.input(PAPERS)
    ends = start(busy, *["run papers.json"] * count, stay=1)
    winner = assert_one_runner(ends, others=4)
    assert all("is running elsewhere" in end.err for end in ends if end.code == 4)
    assert busy.query("SELECT pid FROM run") == [(winner.pid,)]
    assert busy.query("SELECT count(*) FROM paper") == [(len(PAPERS),)]
    directories = [path.name for path in busy.database.parent.iterdir() if path.is_dir()]
    assert directories == [session_of(busy)]
    assert_sound(busy)


def test_a_list_that_another_run_has_loaded_meanwhile_is_refused_when_its_own_load_ends(
    program: Program,
) -> None:
    session = load(program, PAPERS)  # looks for no unfinished session before it loads
    with pytest.raises(Refused, match=session):
        load(program, PAPERS)
    assert program.query("SELECT id FROM session") == [(session,)]


def test_many_new_sessions_of_one_second_all_have_their_own_id(
    start: Start, program: Program, server: LocalServer
) -> None:
    program.input(PAPERS[:1])
    ends = start(program, *["run papers.json --new"] * FEW)
    assert codes(ends) == {0: FEW}, ends
    assert program.query("SELECT count(DISTINCT id) FROM session") == [(FEW,)]
    assert program.query("SELECT count(*) FROM record WHERE outcome = 'enriched'") == [(FEW,)]


@pytest.mark.parametrize("rounds", ROUNDS)
def test_of_many_restores_of_one_snapshot_one_makes_the_session(
    start: Start, program: Program, finished: Program, rounds: int
) -> None:
    [snapshot] = finished.database.parent.glob("*/snapshots/*.json")
    for number in range(rounds):
        name = f"new/{number}.db"
        ends = start(program, *[f"restore {snapshot} --db {name}"] * FEW)
        assert codes(ends)[0] == 1, ends
        assert set(codes(ends)) <= {0, 4, 5}, ends
        program.call("verify", "--db", name)
        done = program.json("status", "--db", name)["sources"][0]["done"]
        assert done == finished.json("status")["sources"][0]["done"]
        program.call("sessions", "delete", session_of(finished), "--yes", "--db", name)


@pytest.mark.parametrize("rounds", ROUNDS)
def test_cleaning_up_what_a_killed_load_left_disturbs_no_load_that_goes_on(
    start: Start, busy: Program, rounds: int
) -> None:
    busy.input(PAPERS)
    for _ in range(rounds):
        busy.run("run", "papers.json", fault="load.inside", code=None)
        commands = ["sessions clean --yes", "run papers.json"] * (FEW // 2)
        ends = start(busy, *commands, stay=1)
        assert codes(ends) == {None: 1, 0: FEW // 2, 4: FEW // 2 - 1}, ends
        assert sum("1 incompletely loaded session deleted" in end.err for end in ends) <= 1
        assert busy.query("SELECT status FROM session") == [("running",)]
        assert busy.query("SELECT count(*) FROM paper") == [(len(PAPERS),)]
        session = session_of(busy)
        with opened(busy) as database:
            assert verify_session(database, session) == []
        busy.call("sessions", "delete", session, "--yes")


# ---- two sessions at the same time


def _is_running(program: Program, session: str) -> bool:
    return bool(program.json("status", session)["state"] == "running")


def test_a_run_says_which_other_one_asks_the_same_sources(busy: Program) -> None:
    children, said = [], []
    for count in (1, 2):
        session = load(busy, PAPERS[:count], f"{count}.json")
        children.append(busy.start("resume", session))
        eventually(partial(_is_running, busy, session))
    for child in children:
        child.kill()
        said.append(child.communicate()[1])
    first = busy.query("SELECT id FROM session ORDER BY created_at")[0][0]
    assert "is querying" not in said[0]
    assert f"session {first} is querying openalex too" in said[1]
