"""One session from its first kill to its end, checked after every kill."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, cast

from msgspec import Struct

from jobrunner.demo.server import Served
from jobrunner.files.checksums import read_sidecar, sha256_of, sidecar_of
from jobrunner.store.snapshots import NEWEST
from tests.promises.kills import mutations
from tests.promises.kills.checks import (
    State,
    asked_again,
    leftovers,
    look,
    lost,
    not_restored,
    rows_left,
)
from tests.promises.kills.killable_runs import Child, Ended
from tests.promises.kills.plan import NO_KILL, Kill, Plan, Step
from tests.promises.kills.service_process import Services
from tests.support import made_up_papers, three_sources
from tests.support.program import CHANGING, KEY, NOT_INHERITED, connect_ro

OUT = "out.json"
INPUT = "papers.json"
COPY = "copy.json"
COMPLETED, WITH_FAILURES, HELD, STOPPED = 0, 3, 4, 75
EXPECTED = (COMPLETED, WITH_FAILURES, STOPPED)

FIRST, GROWN = 40, 48
"""How many papers of the library the list holds at first, and when it has grown."""

Papers = list[dict[str, Any]]
Words = tuple[object, ...]

CLEAN: Words = ("sessions", "clean", "--older-than", 0, "--yes")

RIVAL_S = 2.0
"""Seconds that each answer takes while a second runner tries."""

PATIENCE = 6
"""Runs that a session may need to its end when nothing is killed any more."""


def papers(*, grown: bool) -> Papers:
    """Return the list: known ones, unknown ones, with DOI or title, one twice, one unusable."""
    listed = [
        made_up_papers.by_title(n) if n % 4 == 1 else made_up_papers.by_doi(n) for n in range(FIRST)
    ]
    listed += [made_up_papers.by_doi(3), {"note": "neither title nor identifier"}]
    if grown:
        listed += [made_up_papers.by_doi(n) for n in range(FIRST, GROWN - 1)]
        listed += [made_up_papers.by_title(GROWN - 1), {"note": "another one that cannot be used"}]
    return listed


def numbers(listed: Papers) -> dict[int, list[int]]:
    """Return the positions at which each paper of the library stands."""
    found: dict[int, list[int]] = {}
    for position, paper in enumerate(listed):
        if "title" in paper:
            found.setdefault(int(paper["title"].rpartition(" ")[2]), []).append(position)
    return found


def comparable(path: Path) -> Papers:
    """Return the papers of an output without what may differ: times, batches, what was retired."""
    found: Papers = json.loads(path.read_bytes())["papers"]
    for paper in found:
        paper.pop("missed", None)
        paper.pop("retired", None)
        for record in paper.get("records", {}).values():
            for name in CHANGING:
                record.pop(name, None)
    return found


class Reference(Struct, frozen=True):
    """What a session that was never killed left: its directory, and its papers."""

    directory: Path
    papers: Papers


class Report(Struct, kw_only=True):
    """What became of one session."""

    number: int
    kills: dict[str, int] = {}
    runs: int = 0
    resumes: int = 0
    checks: int = 0
    own_processes: int = 0
    problems: list[str] = []
    steps: list[str] = []


class Broken(Exception):
    """Something does not hold that is promised."""


class Session:
    """Works through a plan; :attr:`report` tells what happened."""

    def __init__(
        self,
        number: int,
        plan: Plan,
        place: Path,
        services: Services,
        references: Mapping[tuple[str, ...], Reference],
        *,
        mutation: str = "",
    ) -> None:
        self.report = Report(number=number)
        self.directory = place / "work"
        self._place = place
        self._plan = plan
        self._world = plan.world
        self._services = services
        self._reference = references[plan.world.sources]
        self._environment = environment(services.base_urls)
        if mutation:
            self._environment[mutations.VARIABLE] = mutation
        self._sources = plan.world.first
        self._grown = False
        self._kept: Path | None = None
        self._deleted = State()
        self._began = 0.0
        self._started = 0
        self._others: list[str] = []
        self._state = State()

    def go(self) -> Report:
        """Do all steps, then let the session end, compare it, and clean up."""
        try:
            self._prepare()
            for step in self._plan.steps:
                if step.action != "clean":
                    self._do(step)
            self._end()
            for step in self._plan.steps:
                if step.action == "clean":
                    self._do(step)
            self._clean()
        except (Broken, TimeoutError) as error:
            self.report.problems += str(error).splitlines()
        finally:
            self._services.order("calm")
        return self.report

    # Steps ------------------------------------------------------------------------------------

    def _prepare(self) -> None:
        self.directory.mkdir(parents=True)
        self._write_input()
        self._services.read()
        if self._world.bystander:
            shutil.copytree(self._reference.directory / ".jobrunner", self.directory / ".jobrunner")
            self._others = [self._look_for_session(self.directory)]

    def _look_for_session(self, directory: Path) -> str:
        return next(path.parent.name for path in directory.glob(".jobrunner/*/run.lock"))

    def _write_input(self) -> None:
        new = self.directory / "new.json"
        new.write_text(json.dumps(papers(grown=self._grown)), encoding="utf-8")
        new.replace(self.directory / INPUT)

    def _do(self, step: Step) -> None:
        self.report.steps.append(str(step))
        self._set_stage(step)
        if self._state.session is None and step.action != "clean":
            kill = step.kills["restore" if self._kept else "begin"]
            self._try(self._make(), kill, forked=step.forked)
        elif step.action == "rival":
            self._with_rival(step)
        else:
            command, again = self._command(step.action, self._state.session)
            kill = step.kills[self._kind(step, command)]
            self._try(command, kill, forked=step.forked, again=again)

    def _kind(self, step: Step, command: Words) -> str:
        """Return by which of a step's kills a command is to be killed."""
        if command[0] == "resume" and len(command) == 2 and step.action != "finish":
            return "idle" if self._state.status == "completed" else "work"
        return step.action

    def _set_stage(self, step: Step) -> None:
        """Change the services, the input or the wanted sources as a step says."""
        if step.action == "spoil":
            self._services.order("spoil", *step.numbers)
        elif step.action in ("retry", "again", "add", "grow"):
            self._services.order("calm")
        if step.action == "add":
            self._sources = self._world.sources
        if step.action == "grow":
            self._grown = True
            self._write_input()

    def _make(self) -> Words:
        """Return the command that makes the session, or makes it again."""
        if self._kept:
            return ("restore", self._kept)
        world = self._world
        options = ("--batch-size", world.batch_size, "--checkpoint-interval", world.interval)
        return (
            "run",
            INPUT,
            "--resume",
            "-o",
            OUT,
            *three_sources.sources(*self._sources),
            *options,
        )

    def _command(self, action: str, session: str | None) -> tuple[Words, Sequence[str]]:
        """Return the command of an action, and the outcomes that it may ask for again."""
        if action == "delete" and self._has_snapshot():
            self._keep_a_snapshot()
            return ("sessions", "delete", session, "--yes"), ()
        commands: dict[str, tuple[Words, Sequence[str]]] = {
            "add": (("resume", session, *three_sources.sources(*self._sources)), ()),
            "grow": (("resume", session, "--update-input"), ()),
            "retry": (("retry", session, "--failed"), ("failed",)),
            "again": (("retry", session, "--not-found"), ("not_found",)),
            "snapshot": (("snapshot", session), ()),
            "copy": (("snapshot", session, "-o", COPY), ()),
            "clean": (CLEAN, ()),
        }
        return commands.get(action, (("resume", session), ()))

    def _keep_a_snapshot(self) -> None:
        """Lay the newest snapshot aside, from which the session will be made again."""
        for file in (self._newest(), sidecar_of(self._newest())):
            shutil.copy(file, self._place)
        self._kept = self._place / self._newest().name
        self._deleted = self._state

    def _newest(self) -> Path:
        return self.directory / ".jobrunner" / str(self._state.session) / NEWEST

    def _has_snapshot(self) -> bool:
        return is_whole(self._newest())

    # Running and judging ----------------------------------------------------------------------

    def _try(
        self,
        command: Words,
        kill: Kill = NO_KILL,
        *,
        forked: bool = True,
        again: Sequence[str] = (),
    ) -> int:
        """Run a command, kill it, and check everything; return its exit code."""
        ended = self._run(command, kill, forked=forked)
        self._judge(ended, command)
        self._check(command, again)
        return ended.code

    def _run(self, command: Words, kill: Kill, *, forked: bool = True) -> Ended:
        child = self._start(command, kill, forked=forked)
        if kill.seconds is not None:
            self._wait_for_moment(child, kill.requests, kill.seconds)
            child.kill()
        ended = child.ended()
        self._count(command, kill, ended, forked=forked)
        return ended

    def _start(self, command: Words, kill: Kill, *, forked: bool = True) -> Child:
        fault = {"JOBRUNNER_FAULT": kill.point} if kill.point else {}
        self._began = time.monotonic()
        self._started += 1
        said = self._place / f"said.{self._started % 2}.txt"
        return Child(self.directory, self._environment | fault, command, forked=forked, said=said)

    def _wait_for_moment(self, child: Child, requests: int, seconds: float) -> None:
        if requests:
            child.wait(lambda: self._services.unread() >= requests)
        moment = time.monotonic() + seconds
        child.wait(lambda: time.monotonic() >= moment)

    def _count(self, command: Words, kill: Kill, ended: Ended, *, forked: bool) -> None:
        report = self.report
        report.runs += 1
        report.resumes += command[0] in ("resume", "retry")
        report.own_processes += not forked
        if ended.was_killed:
            name = kill.point.partition(":")[0]
            name = name or ("after requests" if kill.requests else "at random")
            report.kills[name] = report.kills.get(name, 0) + 1

    def _judge(self, ended: Ended, command: Words, *more: int) -> None:
        told = f"`{' '.join(map(str, command))}` ended {ended.code}: {ended.said[-800:]}"
        if "Traceback" in ended.said or "this is a bug" in ended.said:
            raise Broken(f"traceback: {told}")
        if not ended.was_killed and ended.code not in (*EXPECTED, *more):
            raise Broken(f"exit code: {told}")

    def _check(self, command: Words = (), again: Sequence[str] = ()) -> None:
        """See that all holds, and that nothing committed has gone or was asked for again."""
        self.report.checks += 1
        before, after = self._state, look(self.directory, self._place / "scratch", self._others)
        listed = papers(grown=self._grown)
        problems = [
            *after.problems,
            *lost(before, after, may_go="sessions" in command),
            *asked_again(before, self._asked(), numbers(listed), again),
        ]
        if command[:1] == ("restore",) and after.session is not None:
            problems += not_restored(cast("Path", command[1]), self._deleted, after)
        self._state = after
        if problems:
            raise Broken("\n".join(problems))

    def _asked(self) -> dict[str, list[Served]]:
        """Return what the services were asked since the last command began."""
        return {
            name: [one for one in log if one.started >= self._began]
            for name, log in self._services.read().items()
        }

    def _with_rival(self, step: Step) -> None:
        """Start a second runner while one is at work: it must be told so, and change nothing."""
        command = ("resume", self._state.session)
        self._services.order("slow", RIVAL_S)
        first = self._start(command, NO_KILL, forked=step.forked)
        if not first.wait(lambda: self._runs_of(first.pid) == [None]):
            began = self._began
            second = self._start(command, NO_KILL)
            second.wait(lambda: bool(self._runs_of(second.pid)))
            two = bool(self._runs_of(second.pid)) and not first.poll() and self._cut(first.pid)
            second.kill()
            self._count(command, Kill(seconds=0), second.ended(), forked=True)
            self._judge(second.ended(), command, HELD)
            if two:
                first.kill()
                raise Broken("lease: a second runner worked while the first one was alive")
            self._began = began
            time.sleep(step.kills["rival"].seconds or 0.0)
        first.kill()
        self._count(command, Kill(seconds=0), first.ended(), forked=step.forked)
        self._judge(first.ended(), command)
        self._services.order("calm")
        self._check()

    def _cut(self, pid: int) -> bool:
        """Whether the run of a living process was not ended by the process itself."""
        return self._runs_of(pid)[-1:] in ([None], ["crashed"])

    def _runs_of(self, pid: int) -> list[str | None]:
        database = self.directory / ".jobrunner" / "state.db"
        with closing(connect_ro(database)) as connection:
            rows = connection.execute("SELECT ending FROM run WHERE pid = ? ORDER BY id", (pid,))
            return [ending for (ending,) in rows]

    # The end ----------------------------------------------------------------------------------

    def _end(self) -> None:
        """Let the session end with nothing killed any more, and compare it."""
        self._services.order("calm")
        self._sources = self._world.sources
        self._grown = True
        self._write_input()
        for _ in range(PATIENCE):
            code = self._go_on()
            if code == COMPLETED and self._state.status == "completed":
                break
        else:
            raise Broken(f"ending: it does not complete (exit code {code})")
        self._end_copies()
        if comparable(self.directory / OUT) != self._reference.papers:
            raise Broken(f"ending: {OUT} is not that of a session never killed")
        problems = list(leftovers(self.directory, self._state))
        if not is_whole(self.directory / OUT):
            problems.append(f"ending: {OUT} has not its checksum beside it")
        if problems:
            raise Broken("\n".join(problems))

    def _end_copies(self) -> None:
        """Write a copy again that may have been cut off."""
        if any(step.action == "copy" for step in self._plan.steps):
            self._try(self._command("copy", self._state.session)[0])
            if comparable(self.directory / COPY) != self._reference.papers:
                raise Broken(f"ending: {COPY} is not that of a session never killed")

    def _go_on(self) -> int:
        session = self._state.session
        if session is None:
            return self._try(self._make())
        self._kept = None
        wanted = (*three_sources.sources(*self._sources), "--update-input")
        code = self._try(("resume", session, *wanted))
        if code == WITH_FAILURES:
            code = self._try(("retry", session, "--failed"), again=("failed",))
        return code

    def _clean(self) -> None:
        """Delete everything; nothing may be left, whatever kills came in between."""
        self._try(CLEAN)
        state = self.directory / ".jobrunner"
        problems = [
            f"deleted: {count} rows of {table} are left"
            for table, count in rows_left(state / "state.db").items()
        ]
        problems += [f"deleted: {path} is left" for path in state.iterdir() if path.is_dir()]
        if problems:
            raise Broken("\n".join(problems))


def environment(base_urls: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a run that asks these services."""
    keys = {f"JOBRUNNER_{name.upper()}_API_KEY": KEY for name in three_sources.NAMES}
    urls = {f"JOBRUNNER_{name.upper()}_BASE_URL": url for name, url in base_urls.items()}
    kept = {k: v for k, v in os.environ.items() if not k.startswith(NOT_INHERITED)}
    return {**kept, **keys, **urls, "JOBRUNNER_EMAIL": three_sources.EMAIL}


def is_whole(path: Path) -> bool:
    """Whether a file is there, with its checksum beside it."""
    return path.exists() and read_sidecar(path) == sha256_of(path)


def make_references(
    place: Path, lists: Iterable[tuple[str, ...]], services: Services
) -> dict[tuple[str, ...], Reference]:
    """Let a session for each list of sources run to its end with no kill."""
    children = {
        sources: _unharmed(place / "-".join(sources), sources, services) for sources in lists
    }
    for child in children.values():
        ended = child.ended()
        assert ended.code == COMPLETED, ended.said
    directories = {sources: place / "-".join(sources) for sources in children}
    return {
        sources: Reference(directory, comparable(directory / OUT))
        for sources, directory in directories.items()
    }


def _unharmed(directory: Path, sources: tuple[str, ...], services: Services) -> Child:
    directory.mkdir(parents=True)
    (directory / INPUT).write_text(json.dumps(papers(grown=True)), encoding="utf-8")
    place = directory.parent
    variables = environment(services.base_urls)
    command = ("run", INPUT, "-o", OUT, *three_sources.sources(*sources))
    said = place / f"{directory.name}.txt"
    return Child(directory, variables, command, forked=True, said=said)
