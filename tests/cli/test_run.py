"""``run`` from an input to its output."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from jobrunner.demo.openalex import OpenAlex
from jobrunner.demo.server import LocalServer
from jobrunner.engine.worker import Worker
from jobrunner.store import pending
from tests.support import made_up_papers
from tests.support.events import eventually
from tests.support.program import (
    Program,
    adopt,
    finish,
    has_its_checksum,
    load,
    only,
    protected,
    was_killed,
)
from tests.support.servers.faults import always, slow, status
from tests.support.terminal import terminal

ODD = (
    r'{"zz": 1.50, "doi": "10.5555/study.1", "caf\u00e9": "a\/b", "year": 2.001e3, "aa": -0}',
    r'{ "n":7,"title" :"Mapping the sonnets of Iceland: study number 2","authors":"A. Chowdhury"}',
    r'{"openalex": "W1002", "big": 123456789012345678901234567890, "b": {"b": [1, 2.0], "a": {}}}',
    r'{"doi": "10.5555/study.3", "doi_as_printed": "10.5555/STUDY.3 ", "citations": 1e2}',
)
"""Papers in which much would change if they were read and written again."""


class Finished(NamedTuple):
    """A run that has ended, with all that it left."""

    program: Program
    server: LocalServer
    said: subprocess.CompletedProcess[str]

    @property
    def output(self) -> Path:
        return self.program.directory / "out.json"

    @property
    def papers(self) -> list[dict[str, Any]]:
        return list(json.loads(self.output.read_bytes())["papers"])


@pytest.fixture(scope="module")
def shelf() -> Iterator[LocalServer]:
    """A server for the runs that several tests look at."""
    with LocalServer(OpenAlex(made_up_papers.works())) as server:
        yield server


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    with LocalServer(OpenAlex(made_up_papers.works())) as server:
        program = Program(tmp_path_factory.mktemp("finished"), server.base_url)
        listed = ",\n".join(ODD)
        (program.directory / "odd.json").write_text(f"[\n{listed}\n]", encoding="utf-8")
        said = program.run("run", "odd.json", "-o", "out.json")
    return Finished(program, server, said)


# ---- what a run gives


def test_the_path_of_the_output_is_all_that_stands_on_standard_output(finished: Finished) -> None:
    assert finished.said.stdout == f"{finished.output}\n"


def test_talk_goes_to_standard_error(finished: Finished) -> None:
    said = finished.said.stderr
    assert "4 papers from odd.json" in said
    assert re.search(r"openalex +done +4/4", said)
    assert said.endswith("completed: all papers are done\n")


def test_the_output_has_a_checksum_file_that_sha256sum_accepts(finished: Finished) -> None:
    assert has_its_checksum(finished.output)


def test_papers_are_given_back_byte_for_byte(finished: Finished) -> None:
    lines = finished.output.read_text(encoding="utf-8").splitlines()[2:6]
    for line, paper in zip(lines, ODD, strict=True):
        assert f'"given":{paper},"consolidated"' in line


def test_the_consolidated_view_names_the_source_of_each_value(finished: Finished) -> None:
    view = finished.papers[0]["consolidated"]
    assert view["abstract"] == {"value": "Number 1 of many.", "source": "openalex"}
    assert view["citations"] == {"value": 3, "source": "openalex", "all": {"openalex": 3}}
    assert view["identifiers"] == {
        "doi": {"value": "10.5555/study.1", "source": "input"},
        "openalex": {"value": "W1001", "source": "openalex"},
    }


def test_each_record_says_from_where_when_and_by_what_it_was_matched(finished: Finished) -> None:
    now = datetime.now(UTC)
    for paper, by in zip(finished.papers, ("doi", "title", "openalex", "doi"), strict=True):
        record = paper["records"]["openalex"]
        retrieved = datetime.fromisoformat(record["retrieved_at"])
        assert now - timedelta(minutes=10) < retrieved <= now
        assert record["match"]["by"] == by


def test_a_batch_of_lookups_is_one_request(finished: Finished) -> None:
    asked = [request.ids for request in finished.server.requests]
    assert ("doi:10.5555/study.1", "doi:10.5555/study.3") in asked


# ---- how it is asked for


@pytest.fixture(scope="module")
def in_threes(tmp_path_factory: pytest.TempPathFactory, shelf: LocalServer) -> Finished:
    """Batches of three, and the report as JSON."""
    program = Program(tmp_path_factory.mktemp("threes"), shelf.base_url)
    program.input(made_up_papers.papers(lookups=7, searches=4))
    said = program.run(
        *("run", "papers.json", "-o", "out.json", "--batch-size", 3, "--json"),
        *("--db", "deep/down/state.db"),
    )
    return Finished(program, shelf, said)


def test_with_json_the_status_is_all_that_stands_on_standard_output(in_threes: Finished) -> None:
    status = json.loads(in_threes.said.stdout)
    assert status["state"] == "completed"
    assert status["output"] == str(in_threes.output)
    assert [(source["name"], source["done"]) for source in status["sources"]] == [("openalex", 14)]
    database = in_threes.program.directory / "deep/down/state.db"
    assert status == in_threes.program.json("status", "--db", database)
    assert status["sources"][0]["fields"]["title"] > 0


def test_no_batch_is_larger_than_the_size_that_was_asked_for(in_threes: Finished) -> None:
    batches = json.loads(in_threes.output.read_bytes())["batches"]
    assert max(batch["papers"] for batch in batches if batch["kind"] == "lookup") == 3
    assert max(batch["papers"] for batch in batches if batch["kind"] == "search") == 3


def test_the_directory_of_the_database_is_made(in_threes: Finished) -> None:
    assert (in_threes.program.directory / "deep" / "down" / "state.db").is_file()


def test_whatever_papers_and_servers_say_no_escape_sequence_is_printed(
    program: Program, server: LocalServer
) -> None:
    evil = "\x1b[31mred\x1b]0;title\x07"
    program.input([{"title": evil}, {"note": evil}, evil], f"{evil}.json")
    server.faults = always(status(401, f"go away {evil}"))
    said = program.run("run", f"{evil}.json", code=1)
    shown = program.run("status")
    assert "go away" in said.stderr + shown.stdout
    for text in (said.stdout, said.stderr, shown.stdout, shown.stderr):
        assert all(character.isprintable() or character == "\n" for character in text)


# ---- an unfinished session of the same input

UNUSABLE = [
    made_up_papers.by_doi(0),
    made_up_papers.by_doi(1),
    {"note": "neither title nor identifier"},
]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """A run that was killed after its first batch of two papers."""
    with LocalServer(OpenAlex(made_up_papers.works())) as server:
        server.faults = only(made_up_papers.doi(0))
        program = Program(tmp_path_factory.mktemp("killed"), server.base_url)
        program.input(made_up_papers.papers(lookups=4, searches=0)[:4])
        command = ("run", "papers.json", "--batch-size", 2)
        assert was_killed(program.run(*command, fault="commit.after", code=None).returncode)
    return program


@pytest.fixture
def killed(program: Program, template: Program) -> Program:
    adopt(program, template)
    return program


def sessions_of(program: Program) -> dict[str, str]:
    return dict(program.query("SELECT id, status FROM session ORDER BY id"))


def commands_in(text: str) -> list[list[str]]:
    """Return the arguments of each command that a message tells to type."""
    return [shlex.split(command) for command in re.findall(r"`jobrunner ([^`]+)`", text)]


def test_without_a_terminal_an_unfinished_session_is_refused(
    killed: Program, server: LocalServer
) -> None:
    (session,) = sessions_of(killed)
    said = killed.run("run", "papers.json", code=5).stderr
    assert f"this input has an unfinished session: {session} (crashed)" in said
    assert list(sessions_of(killed)) == [session]
    assert server.requests == []
    assert commands_in(said) == [["resume", session], ["run", "papers.json", "--new"]]


def test_an_unfinished_session_on_which_a_run_is_at_work_is_not_offered(
    program: Program, server: LocalServer
) -> None:
    server.faults = always(slow(60))
    program.input([made_up_papers.by_doi(1)])
    child = program.start("run", "papers.json")
    eventually(lambda: program.has_started() and program.query("SELECT 1 FROM run"))
    (session,) = sessions_of(program)
    said = program.run("run", "papers.json", code=4).stderr
    child.kill()
    child.communicate()
    assert f"session {session} is running elsewhere: host " in said
    assert f", pid {child.pid}, since " in said
    assert commands_in(said) == [["status", session], ["run", "papers.json", "--new"]]


def test_at_a_terminal_it_is_asked_whether_to_go_on_with_an_unfinished_session(
    killed: Program,
) -> None:
    (session,) = sessions_of(killed)
    with terminal(killed, "run", "papers.json") as seen:
        eventually(lambda: seen.shows("Continue it?"))
        assert seen.shows(f"this input has an unfinished session: {session} (crashed)")
        seen.press("y\r")
        assert "completed: all papers are done" in seen.finish()
    assert sessions_of(killed) == {session: "completed"}


def test_run_with_resume_goes_on(killed: Program, server: LocalServer) -> None:
    killed.run("run", "papers.json", "--resume", "-o", "out.json")
    assert list(sessions_of(killed).values()) == ["completed"]
    asked = {name for request in server.requests for name in request.ids}
    assert asked == {"doi:10.5555/study.2", "doi:10.5555/study.3"}
    assert has_its_checksum(killed.directory / "out.json")


@pytest.mark.parametrize(
    ("option", "reason"),
    [
        ("--in-order", "was started without --in-order"),
        ("--strict", "holds unusable papers; the first is paper 2: no title"),
    ],
)
def test_run_with_resume_refuses_what_the_session_is_not(
    program: Program, server: LocalServer, option: str, reason: str
) -> None:
    session = load(program, UNUSABLE)
    said = program.call("run", "papers.json", "--resume", option, code=2).stderr
    assert f"session {session} {reason}" in said
    assert f"omit {option}" in said
    assert sessions_of(program) == {session: "pending"}
    assert server.requests == []


def test_run_with_resume_can_be_given_again_as_it_was_first(program: Program) -> None:
    program.input(UNUSABLE[:2])
    command = ("run", "papers.json", "--resume", "--in-order", "--strict")
    assert was_killed(program.run(*command, fault="run.started", code=None).returncode)
    program.call(*command)
    assert list(sessions_of(program).values()) == ["completed"]


def test_run_with_new_starts_afresh(killed: Program, server: LocalServer) -> None:
    killed.run("run", "papers.json", "--new")
    assert sorted(sessions_of(killed).values()) == ["completed", "running"]
    assert len({name for request in server.requests for name in request.ids}) == 4


# ---- what is refused before anything is done

WRONG = {
    "--new --resume": "--new and --resume cannot be used together",
    "--source nosuch": "unknown source 'nosuch'",
    "--base-url openalex=localhost:80": "the base URL must be http(s)://",
    "--budget OpenAlex=0usd": "--budget names an unknown source 'OpenAlex'; known: crossref,",
    "--max-requests nosuch=1": "--max-requests names an unknown source 'nosuch'; known: crossref,",
    "--email jörg@example.org": "is not a valid e-mail address",
    "--policy policy.toml": "policy.toml: unknown source 'crosref'",
    "--max-time soon": "'soon' is not a duration",
    "--batch-size many": "--batch-size 'many' is not a whole number of at least 1",
    "--batch-size 0": "--batch-size '0' is not a whole number of at least 1",
    "--checkpoint-interval nan": "--checkpoint-interval 'nan' is not a number of at least 0",
    "-o missing/out.json": "cannot write missing/out.json: its directory does not exist",
    "-o papers.json": "cannot write papers.json: it is the input",
    "-o -": "cannot write -: it is not a regular file",
    "-o .": "cannot write .: it is a directory",
    "-o .jobrunner/state.db": "cannot write .jobrunner/state.db: it belongs to the state database",
}


@pytest.fixture(scope="module")
def refused(
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, tuple[Program, subprocess.CompletedProcess[str]]]:
    """A run with each of these options, all at the same time."""
    started = {}
    for options in WRONG:
        program = Program(tmp_path_factory.mktemp("refused"))
        program.input(made_up_papers.papers(lookups=1, searches=0))
        (program.directory / "policy.toml").write_text('priority = ["crosref"]', encoding="utf-8")
        started[options] = program, program.start("run", "papers.json", *options.split())
    return {options: (program, finish(child)) for options, (program, child) in started.items()}


@pytest.mark.parametrize("options", WRONG)
def test_a_wrong_option_is_a_usage_error_and_nothing_is_begun(
    options: str, refused: dict[str, tuple[Program, subprocess.CompletedProcess[str]]]
) -> None:
    program, said = refused[options]
    assert said.returncode == 2
    assert WRONG[options] in said.stderr
    assert said.stdout == ""
    assert not program.database.exists()


def test_a_read_only_place_for_the_output_is_a_usage_error(program: Program) -> None:
    program.input(made_up_papers.papers(lookups=1, searches=0))
    place = program.directory / "place"
    place.mkdir()
    with protected(place):
        said = program.run("run", "papers.json", "-o", "place/out.json", code=2)
    assert "its directory is read-only" in said.stderr
    assert not program.database.exists()


# ---- while it waits


def test_a_walk_is_not_gone_on_with_again_and_again_while_no_slot_is_free(
    program: Program, server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds, start_batches = [], Worker._start_batches

    def counted(worker: Worker, *arguments: Any) -> None:
        rounds.append(worker)
        start_batches(worker, *arguments)

    monkeypatch.setattr(pending, "POSITIONS", 1)
    monkeypatch.setattr(Worker, "_start_batches", counted)
    program.input([made_up_papers.by_title(number) for number in range(60)])
    server.faults = always(slow(0.3))
    program.call("run", "papers.json")
    assert len(rounds) < 100
