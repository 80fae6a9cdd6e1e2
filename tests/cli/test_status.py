"""How a session stands, as another process sees it: during a run, after it, after its death."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from msgspec import Struct

from jobrunner.cli.source_table import source_line
from jobrunner.demo.messages import Reply, Request
from jobrunner.demo.openalex import OpenAlex
from jobrunner.demo.server import LocalServer
from jobrunner.errors import ExitCode
from jobrunner.models import Answer, BatchKind, Match, Outcome, Record, RunEnding, Usage
from jobrunner.operations.retry import Retries, retire
from jobrunner.operations.status import Status, read_status
from jobrunner.store.batches import Batch, commit_batch
from jobrunner.store.database import Database
from jobrunner.store.lease import Lease, take_lease
from jobrunner.store.progress import SourceProgress
from jobrunner.store.run_lifecycle import end_run, start_run
from jobrunner.store.sessions import get_session
from jobrunner.store.snapshots import newest_path
from jobrunner.store.source_states import list_sources, stop_source
from tests.support import made_up_papers
from tests.support.events import LIMIT_S, eventually
from tests.support.program import Program, change, load, opened
from tests.support.servers.faults import slow

PAPERS = made_up_papers.papers(lookups=24, searches=2)
"""29 of these 30 can be asked about."""

FOREVER_S = 600.0
MOMENT = "2026-11-24T01:30:00.000Z"


@pytest.fixture
def session(program: Program) -> str:
    """A session that has not been run yet."""
    return load(program, PAPERS)


@pytest.fixture
def database(program: Program, session: str) -> Iterator[Database]:
    with opened(program) as database:
        yield database


class Work(Struct):
    """A run that has committed ten papers and waits for the answer about the others."""

    program: Program
    session: str
    child: subprocess.Popen[str]

    def status(self) -> Status:
        with opened(self.program) as database:
            return status_of(database, self.session)


@contextmanager
def at_work(directory: Path) -> Iterator[Work]:
    with LocalServer(OpenAlex(made_up_papers.works())) as server:
        server.faults = lambda request, _: (
            None if "study.0" in request.raw_query else slow(FOREVER_S)
        )
        program = Program(directory, server.base_url)
        session = load(program, PAPERS)
        work = Work(program, session, program.start("resume", session))
        try:
            eventually(lambda: work.status().sources[0].done == 10)
            yield work
        finally:
            work.child.kill()
            work.child.communicate()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Work]:
    with at_work(tmp_path_factory.mktemp("running")) as work:
        yield work
        assert work.child.poll() is None


@pytest.fixture(scope="module")
def dead(tmp_path_factory: pytest.TempPathFactory) -> Work:
    with at_work(tmp_path_factory.mktemp("dead")) as work:
        return work


def status_of(database: Database, session: str) -> Status:
    return read_status(database, get_session(database, session))


def commit(database: Database, lease: Lease, answers: dict[int, Answer | None]) -> None:
    source = list_sources(database, lease.session_id)[0]
    batch = Batch(
        kind=BatchKind.LOOKUP,
        answers=answers,
        usage=Usage(requests=1, cost_micros=100),
        started_at=MOMENT,
    )
    commit_batch(database, lease, source, batch)


FOUND = Answer.found(Record(id="W1"), Match(by="doi", score=1.0))
UNCLEAR = Answer.ambiguous((), "two works match")


# ---- its states


def test_a_session_that_was_never_run_is_pending(database: Database, session: str) -> None:
    found = status_of(database, session)
    assert (found.state, found.runs, found.last_run, found.output) == ("pending", 0, None, None)
    assert found.next == f"jobrunner resume {session}"


def test_a_run_at_work_is_named_with_host_pid_and_time(running: Work) -> None:
    said = running.program.run("status").stdout
    host = re.escape(os.uname().nodename)
    since = rf"\(host {host}, pid {running.child.pid}, since 20[0-9-]+T[0-9:.]+Z\)"
    assert re.search(rf"^session {running.session}: running {since}$", said, re.MULTILINE)
    assert "next " not in said


def test_a_dead_runner_is_told_with_the_exact_command_to_type(dead: Work) -> None:
    said = dead.program.run("status").stdout
    assert f"crashed: its runner (host {os.uname().nodename}, pid {dead.child.pid}) is dead" in said
    assert f"next    jobrunner resume {dead.session}\n" in said


def test_the_command_to_type_names_the_database_that_was_named(
    program: Program, session: str
) -> None:
    place = "../work/.jobrunner/state.db"
    said = program.call("status", "--db", place).stdout
    assert f"next    jobrunner resume {session} --db {place}\n" in said


def test_a_run_that_was_stopped_is_interrupted_with_its_reason(
    program: Program, session: str, database: Database
) -> None:
    program.call("resume", "--max-time", "0.001s", code=ExitCode.STOPPED)
    found = status_of(database, session)
    assert (found.state, found.last_error) == ("interrupted", "time limit")
    assert found.next == f"jobrunner resume {session}"


def test_a_run_that_ended_with_an_error_has_failed_with_it(
    database: Database, session: str
) -> None:
    with take_lease(database, session) as lease:
        start_run(database, lease)
        end_run(database, lease, ending=RunEnding.FAILED, reason="the disk is full")
    found = status_of(database, session)
    assert (found.state, found.last_error) == ("failed", "the disk is full")


def test_a_completed_session_names_its_output_and_nothing_to_type(
    program: Program, session: str
) -> None:
    program.call("resume", "-o", "out.json")
    said = program.call("status").stdout
    assert f"session {session}: completed at 20" in said
    assert "newest  snapshot 1, 20" in said
    assert f"output  {program.directory / 'out.json'}\n" in said
    assert "next " not in said


def test_failed_papers_of_a_completed_session_can_be_retried(
    database: Database, session: str
) -> None:
    with take_lease(database, session) as lease:
        start_run(database, lease)
        usable = [number for number in range(1, 31) if number != 29]
        commit(database, lease, dict.fromkeys(usable, Answer.failed("its record is broken")))
        end_run(database, lease, ending=RunEnding.COMPLETED, reason="all papers are done")
    assert status_of(database, session).next == f"jobrunner retry {session} --failed"


def test_ambiguous_papers_of_a_completed_session_can_be_reviewed_once_none_is_to_be_retried(
    database: Database, session: str
) -> None:
    with take_lease(database, session) as lease:
        start_run(database, lease)
        usable = [number for number in range(1, 31) if number != 29]
        commit(database, lease, {**dict.fromkeys(usable, UNCLEAR), 1: Answer.failed("broken")})
        end_run(database, lease, ending=RunEnding.COMPLETED, reason="all papers are done")
        assert status_of(database, session).next == f"jobrunner retry {session} --failed"
        retire(database, lease, Retries(outcomes=(Outcome.FAILED,)))
        assert status_of(database, session).next == f"jobrunner resume {session}"
        start_run(database, lease)
        commit(database, lease, {1: FOUND})
        end_run(database, lease, ending=RunEnding.COMPLETED, reason="all papers are done")
    assert status_of(database, session).next == f"jobrunner review {session} -o review.jsonl"


def test_a_stopped_source_tells_why_and_from_when_on_it_can_go_on(
    program: Program, database: Database, session: str
) -> None:
    with take_lease(database, session) as lease:
        start_run(database, lease)
        source = list_sources(database, session)[0]
        stop_source(database, lease, source, "openalex: the allowance is used up", MOMENT)
        end_run(database, lease, ending=RunEnding.INTERRUPTED, reason="papers are pending")
    said = program.call("status").stdout
    assert "reason  openalex: the allowance is used up\n" in said
    assert f"next    jobrunner resume {session}   (not before {MOMENT})\n" in said


def test_while_another_source_can_go_on_no_time_is_named(
    program: Program, database: Database
) -> None:
    session = load(program, PAPERS[:9], "two.json", sources=("openalex", "crossref"))
    with take_lease(database, session) as lease:
        start_run(database, lease)
        source = list_sources(database, session)[0]
        stop_source(database, lease, source, "openalex: the allowance is used up", MOMENT)
        end_run(database, lease, ending=RunEnding.INTERRUPTED, reason="papers are pending")
    assert program.call("status").stdout.endswith(f"next    jobrunner resume {session}\n")


def test_a_file_that_is_not_the_newest_snapshot_is_not_named_as_the_output(
    program: Program, session: str, database: Database
) -> None:
    out = program.directory / "out.json"
    out.write_text("of last year, and of something else", encoding="utf-8")
    change(program, "UPDATE session SET output = ?", str(out))
    assert status_of(database, session).output is None
    program.call("resume", "-o", out)
    assert status_of(database, session).output == str(out)
    out.with_name("out.json.sha256").unlink()
    assert status_of(database, session).output == str(newest_path(database, session))
    newest_path(database, session).unlink()
    assert str(status_of(database, session).output).endswith("/snapshots/000001.json")


def test_what_no_snapshot_shows_yet_is_owed(database: Database, session: str) -> None:
    with take_lease(database, session) as lease:
        start_run(database, lease)
        commit(database, lease, {1: FOUND})
        assert status_of(database, session).snapshot_owed


# ---- its figures


def test_the_figures_are_counts_of_rows(running: Work) -> None:
    found = running.status().sources[0]
    records = running.program.query(
        "SELECT count(*), sum(outcome = 'enriched'), sum(outcome = 'not_found') FROM record"
    )
    batches = running.program.query("SELECT count(*), sum(requests), sum(cost_micros) FROM batch")
    assert [(found.done, found.enriched, found.not_found)] == records
    assert [(found.batches, found.requests, found.cost_micros)] == batches
    assert (found.papers, found.done, found.pending) == (29, 10, 19)


def test_the_figures_of_a_line_for_a_log_add_up(database: Database, session: str) -> None:
    with take_lease(database, session) as lease:
        start_run(database, lease)
        answers = [FOUND, Answer.not_found(), UNCLEAR, UNCLEAR, Answer.failed("broken")]
        commit(database, lease, dict(enumerate(answers, start=1)))
        said = source_line(status_of(database, session).sources[0])
    assert "5/29 done, 1 enriched, 1 not found, 2 ambiguous, 1 failed, 1 requests" in said


def test_rate_and_eta_are_shown_while_a_run_is_at_work(running: Work) -> None:
    source = running.status().sources[0]
    assert source.rate
    assert source.eta_seconds == pytest.approx(19 / source.rate)


def test_a_run_that_has_committed_nothing_yet_has_no_rate_of_an_earlier_one(
    database: Database, session: str
) -> None:
    with take_lease(database, session) as lease:
        start_run(database, lease)
        commit(database, lease, {1: FOUND})
        assert status_of(database, session).sources[0].rate
        end_run(database, lease, ending=RunEnding.INTERRUPTED, reason="time limit")
        start_run(database, lease)
        source = status_of(database, session).sources[0]
        assert (source.rate, source.eta_seconds) == (None, None)


def test_a_dead_run_has_neither_rate_nor_eta(dead: Work) -> None:
    source = dead.status().sources[0]
    assert (source.rate, source.eta_seconds) == (None, None)


def test_a_column_in_which_nothing_stands_is_not_shown(running: Work, dead: Work) -> None:
    at_work, at_rest = (w.program.run("status").stdout.splitlines()[2] for w in (running, dead))
    assert at_work.split()[-2:] == ["rate", "ETA"]
    assert at_rest.split()[-1] == "cost"


def test_json_has_every_fact_by_name(program: Program, session: str) -> None:
    found = program.json("status", session[:8])
    assert list(found) == list(Status.__struct_fields__)
    assert list(found["sources"][0]) == list(SourceProgress.__struct_fields__)
    assert (found["session"], found["state"], found["papers"]) == (session, "pending", 30)


def test_json_tells_the_state_of_a_source_as_the_table_does(
    running: Work, dead: Work, program: Program, session: str, database: Database
) -> None:
    def states(program: Program) -> list[tuple[str, str]]:
        shown = program.call("status").stdout.splitlines()[3].split()[1]
        found = program.json("status")["sources"][0]
        return [(shown, found["status"]), (found["state"], found["status"])]

    assert states(running.program) == [("active", "active")] * 2
    assert states(dead.program) == [("open", "active")] * 2
    program.call("resume")
    assert states(program) == [("done", "active")] * 2
    change(program, "UPDATE source_state SET status = 'dropped'")
    assert states(program) == [("dropped", "dropped")] * 2


# ---- which session, and how it is asked


def test_without_a_name_it_is_the_latest_session(program: Program, session: str) -> None:
    latest = load(program, [made_up_papers.by_doi(7)], "small.json")
    assert session != latest
    assert program.json("status")["session"] == latest


def test_an_unknown_session_is_an_error(program: Program, session: str) -> None:
    said = program.call("status", f"{session}-x", code=1).stderr
    assert f"no session {session}-x" in said


def test_without_a_database_the_first_step_is_told(program: Program) -> None:
    said = program.call("status", code=1).stderr
    assert "no jobrunner database at .jobrunner/state.db" in said
    assert "jobrunner run INPUT" in said


def test_a_run_goes_on_while_it_is_asked_again_and_again(
    program: Program, session: str, database: Database, server: LocalServer
) -> None:
    seen: list[tuple[str, int]] = []

    def seen_between(_request: Request, number: int) -> Callable[[Reply], Reply]:
        """Let an answer wait until what came of those before it was seen."""

        def wait(reply: Reply) -> Reply:
            eventually(lambda: len({done for _, done in seen}) >= min(number, 3))
            return reply

        return wait

    server.faults = seen_between
    child = program.start("resume", session)
    while child.poll() is None:
        found = status_of(database, session)
        seen.append((found.state, found.sources[0].done))
    child.communicate()
    assert child.returncode == 0
    states = list(dict.fromkeys(state for state, _ in seen))
    assert states in (["pending", "running"], ["pending", "running", "completed"])
    counts = [done for _, done in seen]
    assert counts == sorted(counts)
    assert len(set(counts)) > 2


def test_a_writer_in_the_middle_of_a_commit_is_not_waited_for(
    program: Program, session: str, database: Database
) -> None:
    with database.write():
        assert program.run("status", session).stdout


def test_watch_ends_when_the_run_ends(tmp_path: Path) -> None:
    with at_work(tmp_path) as work:
        watching = work.program.start("status", work.session, "--watch")
        with pytest.raises(subprocess.TimeoutExpired):
            watching.wait(1.5)
        work.child.terminate()
        log = work.program.database.parent / work.session / "run.log"
        eventually(lambda: "stopping" in log.read_text(encoding="utf-8"))
        work.child.terminate()
        shown, _ = watching.communicate(timeout=LIMIT_S)
    assert watching.returncode == 0
    assert f"session {work.session}: interrupted at 20" in shown
    assert "reason  signal SIGTERM" in shown
