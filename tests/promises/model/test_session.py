"""Run, kill, resume, retry, add, drop, grow, snapshot, delete, restore: in any order.

After each step the rows are those that the model foretells, nothing that was committed was asked
for again, no state lies, and `verify` finds nothing wrong.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from jobrunner import crash_points
from jobrunner.files.checksums import read_sidecar, sha256_of
from tests.promises.model.fork_server import COMMIT_AFTER, COMMIT_BEFORE, Done, ForkServer
from tests.promises.model.world import ALPHA, BETA, NAMES, World, install
from tests.support import made_up_papers
from tests.support.program import Program

FIRST, MOST = 5, 9
"""The input begins with papers 0 to 4 and grows to 9 papers; every third has no DOI."""

MOMENTS = (COMMIT_BEFORE, COMMIT_AFTER, *crash_points.POINTS)
kills = st.none() | st.tuples(st.sampled_from(MOMENTS), st.integers(1, 4))
sources = st.sampled_from([(ALPHA,), (BETA,), (ALPHA, BETA)])
either = st.sampled_from(NAMES)
numbers = st.integers(0, MOST - 1)

Key = tuple[str, int]
"""A source and the position of a paper."""


def listed(number: int) -> dict[str, Any]:
    return made_up_papers.by_title(number) if number % 3 == 2 else made_up_papers.by_doi(number)


class Session:
    """What must be true of one session."""

    def __init__(self, papers: int, names: Sequence[str], output: str) -> None:
        self.papers = papers
        self.names = tuple(names)
        self.output = output
        self.records: dict[Key, str] = {}
        self.missed: set[Key] = set()
        self.crashed = False

    def pending(self) -> set[Key]:
        """Return what the session's sources have not answered."""
        wanted = {(name, number) for name in self.names for number in range(self.papers)}
        return wanted - set(self.records)


class Machine(RuleBasedStateMachine):
    """One directory, its database, and a model of its sessions."""

    world: World
    fork_server: ForkServer

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.program = Program(Path(self.stack.enter_context(TemporaryDirectory())) / "work")
        self.directory = self.program.directory
        self.world.reset()
        self.sessions: dict[str, Session] = {}
        self.copies: list[tuple[str, str, Session]] = []
        self.starts = 0
        self.papers = FIRST
        self._write_input()

    def teardown(self) -> None:
        self.stack.close()

    def _write_input(self) -> None:
        self.program.input([listed(number) for number in range(self.papers)])

    # ---- the program

    def _do(self, *arguments: object, kill: tuple[str, int] | None = None) -> Done:
        done = self.fork_server.run(self.directory, *arguments, kill=kill)
        note(f"  jobrunner {' '.join(map(str, arguments))}  {kill or ''} -> {done.code}")
        assert "Traceback" not in done.said, done.said
        assert "unexpected" not in done.said, done.said
        return done

    def _query(self, sql: str, *values: object) -> list[Any]:
        return self.program.query(sql, *values)

    def _ids(self) -> list[str]:
        if not self.program.database.exists() or not self._query("SELECT 1 FROM sqlite_schema"):
            return []
        return [row[0] for row in self._query("SELECT id FROM session WHERE status <> 'loading'")]

    def _records(self, session: str) -> dict[Key, str]:
        sql = (
            "SELECT s.name, p.position, r.outcome FROM record r JOIN paper p ON p.id = r.paper_id"
            " JOIN source_state s ON s.id = r.source_id WHERE p.session_id = ?"
        )
        return {(name, number): said for name, number, said in self._query(sql, session)}

    def _missed(self, session: str) -> set[Key]:
        sql = (
            "SELECT s.name, p.position FROM lookup_miss m JOIN paper p ON p.id = m.paper_id"
            " JOIN source_state s ON s.id = m.source_id WHERE p.session_id = ?"
        )
        return {(name, number) for name, number in self._query(sql, session)}

    # ---- what a run may do

    def _after_run(
        self, name: str, before: Session, wanted: Session, done: Done, asked: list[Any]
    ) -> None:
        """Check what a run has done to a session; ``wanted`` is it with the changes asked for."""
        records, missed = self._records(name), self._missed(name)
        again = [q for q in asked if (q[0], q[2]) in wanted.records]
        again += [q for q in asked if q[1] == "lookup" and (q[0], q[2]) in wanted.missed]
        assert again == [], "what was committed was asked for again"
        kept = {key: said for key, said in records.items() if key in wanted.records}
        assert kept == wanted.records, "what was committed was lost, or changed"
        new = {key: said for key, said in records.items() if key not in wanted.records}
        still = {key for key, said in new.items() if before.records.get(key) == said}
        foretold = {key: self.world.outcome(*key) for key in new}
        for key in still if done.killed else ():
            foretold[key] = new[key]  # the kill came before it was made pending again
        assert new == foretold, "a source did not say that"
        session = copy.copy(wanted)
        if done.killed:
            [(session.papers,)] = self._query(
                "SELECT count(*) FROM paper WHERE session_id = ?", name
            )
            assert session.papers in (before.papers, wanted.papers)
            active = "SELECT name FROM source_state WHERE session_id = ? AND status <> 'dropped'"
            session.names = tuple(row[0] for row in self._query(active, name))
            assert set(session.names) in (set(before.names), set(wanted.names))
        session.records, session.missed, session.crashed = records, missed, done.killed
        self.sessions[name] = session
        if not done.killed:
            failed = "failed" in {records[key] for key in records if key[0] in session.names}
            assert session.pending() == set(), done.said
            assert done.code == (3 if failed else 0), done.said
            self._check_output(name, session)

    def _check_output(self, name: str, session: Session) -> None:
        """Check that what a run left to the user is what is committed, and nothing else."""
        for path in (self.directory / session.output, self._newest(name)):
            document = json.loads(path.read_bytes())
            said = {
                (source, paper["position"]): record["outcome"]
                for paper in document["papers"]
                for source, record in paper.get("records", {}).items()
            }
            assert said == session.records
            assert read_sidecar(path) == sha256_of(path)
        left = [*self._newest(name).parent.rglob("*.tmp")]
        left += self.directory.glob(f".{session.output}*.tmp")
        assert left == [], "temporary files are left for ever"

    def _newest(self, name: str) -> Path:
        return self.program.database.parent / name / "papers_enriched.json"

    def _known(self, draw: st.DataObject) -> str:
        return draw.draw(st.sampled_from(sorted(self.sessions)), label="session")

    # ---- steps

    @precondition(lambda self: len(self.sessions) < 3)
    @rule(names=sources, kill=kills)
    def start(self, names: tuple[str, ...], kill: tuple[str, int] | None) -> None:
        before, mark = set(self._ids()), self.world.mark()
        self.starts += 1
        output = f"out{self.starts}.json"
        options = [part for name in names for part in ("--source", name)]
        done = self._do(
            "run", "papers.json", "-o", output, "--new", "--batch-size", 2, *options, kill=kill
        )
        new = set(self._ids()) - before
        assert len(new) <= 1
        wanted = Session(self.papers, names, output)
        if new:
            self._after_run(new.pop(), wanted, wanted, done, self.world.asked_since(mark))
        else:
            assert done.killed
            assert self.world.asked_since(mark) == []

    @precondition(lambda self: self.sessions)
    @rule(draw=st.data(), names=sources, kill=kills)
    def choose_sources(
        self, draw: st.DataObject, names: tuple[str, ...], kill: tuple[str, int] | None
    ) -> None:
        self.resume(draw, names, False, kill)

    @precondition(lambda self: self.sessions)
    @rule(draw=st.data(), names=st.none(), grow=st.booleans(), kill=kills)
    def resume(
        self,
        draw: st.DataObject,
        names: tuple[str, ...] | None,
        grow: bool,
        kill: tuple[str, int] | None,
    ) -> None:
        name, mark = self._known(draw), self.world.mark()
        before = self.sessions[name]
        wanted = copy.copy(before)
        options = []
        if names is not None:
            wanted.names = names
            options += [part for one in names for part in ("--source", one)]
        if grow:
            wanted.papers = max(before.papers, self.papers)
            options.append("--update-input")
        done = self._do("resume", name, *options, kill=kill)
        self._after_run(name, before, wanted, done, self.world.asked_since(mark))

    @precondition(lambda self: self.sessions)
    @rule(draw=st.data(), said=st.sampled_from(["failed", "not_found"]), kill=kills)
    def retry(self, draw: st.DataObject, said: str, kill: tuple[str, int] | None) -> None:
        name, mark = self._known(draw), self.world.mark()
        before = self.sessions[name]
        wanted = copy.copy(before)
        again = {k for k, one in before.records.items() if one == said and k[0] in before.names}
        wanted.records = {k: one for k, one in before.records.items() if k not in again}
        wanted.missed = before.missed - again
        done = self._do("retry", name, f"--{said.replace('_', '-')}", kill=kill)
        self._after_run(name, before, wanted, done, self.world.asked_since(mark))

    @precondition(lambda self: self.papers < MOST)
    @rule()
    def add_a_paper(self) -> None:
        self.papers += 1
        self._write_input()

    @rule(name=either, number=numbers, knows=st.booleans())
    def change_the_world(self, name: str, number: int, knows: bool) -> None:
        """Let a service hold, or refuse, a paper more or less."""
        chosen = self.world.held if knows else self.world.refused
        chosen[name] ^= {number}
        self.world.serve(name)

    @precondition(lambda self: self.sessions)
    @rule(draw=st.data())
    def take_a_copy(self, draw: st.DataObject) -> None:
        name = self._known(draw)
        path = f"copy{len(self.copies)}.json"
        assert self._do("snapshot", name, "-o", path).code == 0
        assert self._do("verify", path).code == 0
        self.copies.append((path, name, copy.deepcopy(self.sessions[name])))

    @precondition(lambda self: self.sessions)
    @rule(draw=st.data(), kill=kills)
    def snapshot(self, draw: st.DataObject, kill: tuple[str, int] | None) -> None:
        name = self._known(draw)
        done = self._do("snapshot", name, kill=kill)
        if not done.killed:
            assert done.code == 0
            self._check_output(name, self.sessions[name])

    @precondition(lambda self: len(self.sessions) > 1 or self.copies)
    @rule(draw=st.data(), kill=kills)
    def delete(self, draw: st.DataObject, kill: tuple[str, int] | None) -> None:
        if not self.sessions:
            return
        name = self._known(draw)
        done = self._do("sessions", "delete", name, "--yes", kill=kill)
        if done.code == 0:
            assert not (self.program.database.parent / name).exists()
        if done.code == 0 or name not in self._ids():
            del self.sessions[name]

    @precondition(lambda self: len(self.sessions) > 2)
    @rule()
    def clean(self) -> None:
        states = dict(self._query("SELECT id, status FROM session"))
        assert self._do("sessions", "clean", "--older-than", 0, "--yes").code == 0
        for name in [name for name in self.sessions if states[name] == "completed"]:
            del self.sessions[name]
        assert self._query("SELECT count(*) FROM session WHERE status = 'loading'") == [(0,)]

    @precondition(lambda self: self.copies)
    @rule(draw=st.data(), kill=kills)
    def restore(self, draw: st.DataObject, kill: tuple[str, int] | None) -> None:
        path, name, then = draw.draw(st.sampled_from(self.copies), label="copy")
        done = self._do("restore", path, kill=kill)
        if name in self.sessions:
            assert done.killed or done.code == 5, done.said
        elif name in self._ids():
            self.sessions[name] = copy.deepcopy(then)
            self.sessions[name].crashed = False
        else:
            assert done.killed, done.said

    # ---- what must be true after each of them

    @invariant()
    def the_sessions_are_those_of_the_model(self) -> None:
        assert sorted(self._ids()) == sorted(self.sessions)

    @invariant()
    def the_rows_are_those_of_the_model(self) -> None:
        for name, session in self.sessions.items():
            assert self._records(name) == session.records
            assert self._missed(name) == session.missed

    @invariant()
    def status_tells_the_truth(self) -> None:
        for name, session in self.sessions.items():
            said = self.program.json("status", name)
            assert said["papers"] == session.papers
            for source in said["sources"]:
                done = [one for key, one in session.records.items() if key[0] == source["name"]]
                assert source["done"] == len(done)
                for outcome in ("enriched", "not_found", "failed", "ambiguous"):
                    assert source[outcome] == done.count(outcome)
            assert said["state"] != "running"
            if session.pending():
                assert said["state"] != "completed"
                assert said["next"] == f"jobrunner resume {name}"

    @invariant()
    def verify_finds_nothing_wrong(self) -> None:
        if self.sessions:
            self.program.call("verify")


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[type[Machine]]:
    place = tmp_path_factory.mktemp("model")
    install(place / "packages")
    with ExitStack() as stack:
        world = World(stack)
        fork_server = stack.enter_context(
            closing(ForkServer(place, world.environment(place / "packages")))
        )
        yield type("TheMachine", (Machine,), {"world": world, "fork_server": fork_server})


@pytest.mark.parametrize(
    ("examples", "steps"),
    [
        pytest.param(2, 10, id="few"),
        pytest.param(12, 20, id="many", marks=pytest.mark.torture),
    ],
)
def test_any_order_of_commands_keeps_every_promise(
    machine: type[Machine], examples: int, steps: int
) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            derandomize=True,
            deadline=None,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        ),
    )
