"""Whatever happens, no key is printed, logged, stored, or seen in the list of processes."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from jobrunner.demo.messages import Fault, Reply, Request
from jobrunner.demo.openalex import OpenAlex
from jobrunner.demo.server import LocalServer
from jobrunner.http.redaction import MESSAGE_LENGTH
from tests.support import made_up_papers
from tests.support.events import Gate, eventually
from tests.support.program import KEY, Program, finish
from tests.support.servers.faults import status

PIECE = KEY[: len(KEY) // 2]
"""Half of the key is too much as well."""

SAID = "The key is refused, and said aloud: "


def echo(code: int, request: Request, padding: str = "") -> Reply:
    """Return an error of a service that repeats the key that it was given."""
    return status(code, f"{padding}{SAID}{request.headers.get('authorization')}")


class Indiscreet:
    """A service that says the key in every kind of error, and refuses it in the end."""

    def __init__(self) -> None:
        self.heard: set[str] = set()
        self.refuses = False

    def __call__(self, request: Request, number: int) -> Fault | None:
        self.heard.add(request.headers.get("authorization", ""))
        if self.refuses:
            return echo(401, request)
        if number == 1:
            return echo(503, request)
        return (
            echo(400, request) if made_up_papers.doi(1) in (request.get("filter") or "") else None
        )


class Talk:
    """Everything that the program has printed."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.texts: dict[str, str] = {}

    def add(self, ended: subprocess.CompletedProcess[str], *arguments: str) -> int:
        self.texts[" ".join(arguments)] = ended.stdout + ended.stderr
        return ended.returncode

    def run(self, *arguments: str) -> int:
        return self.add(self.program.run(*arguments, code=None), *arguments)


COMMANDS = (
    "status",
    "status --json",
    "sessions show --json",
    "doctor",
    "sources --json",
    "resume --explain",
)


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Talk:
    """A session that met all kinds of errors with the key in them, and every look at it."""
    service = Indiscreet()
    with LocalServer(OpenAlex(made_up_papers.works()), faults=service) as server:
        program = Program(tmp_path_factory.mktemp("keys"), server.base_url)
        program.environment["JOBRUNNER_DEBUG"] = "1"
        program.input([made_up_papers.by_doi(number) for number in range(3)])
        talk = Talk(program)
        assert talk.run("run", "papers.json", "-o", "out.json") == 3
        service.refuses = True
        program.input([made_up_papers.by_doi(number) for number in range(4)], "more.json")
        assert talk.run("run", "more.json") == 1
    assert service.heard == {f"Bearer {KEY}"}
    # They are started at the same time, to save some.
    children = {command: program.start(*command.split()) for command in COMMANDS}
    for command, child in children.items():
        talk.add(finish(child), command)
    return talk


def test_no_command_prints_the_key(talk: Talk) -> None:
    assert [name for name, text in talk.texts.items() if PIECE in text] == []


def test_no_file_holds_the_key(talk: Talk) -> None:
    files = [path for path in talk.program.directory.rglob("*") if path.is_file()]
    assert {"state.db", "run.log", "out.json"} <= {path.name for path in files}
    assert [path for path in files if PIECE.encode() in path.read_bytes()] == []


def test_what_the_service_said_around_the_key_is_kept(talk: Talk) -> None:
    assert f"{SAID}Bearer ***" in talk.texts["run more.json"]
    assert f"{SAID}Bearer ***" in (talk.program.directory / "out.json").read_text(encoding="utf-8")


def test_whether_a_key_is_set_is_told_without_the_key(talk: Talk) -> None:
    sources = {source["name"]: source for source in json.loads(talk.texts["sources --json"])}
    assert sources["openalex"]["key_variable"] == "JOBRUNNER_OPENALEX_API_KEY"
    assert sources["openalex"]["key_set"] is True
    assert re.search(r"key openalex +set", talk.texts["doctor"])


def test_a_key_at_the_end_of_a_long_message_is_not_shown_in_part(
    program: Program, server: LocalServer
) -> None:
    padding = "x" * (MESSAGE_LENGTH - len(f"{SAID}Bearer ") - len(PIECE) - 1)
    server.faults = lambda request, _number: echo(401, request, padding)
    program.input([made_up_papers.by_doi(1)])
    said = program.run("run", "papers.json", code=1).stderr
    assert KEY[:8] not in said


def test_a_running_program_shows_no_key_in_the_list_of_processes(
    program: Program, server: LocalServer, gate: Gate
) -> None:
    server.faults = gate.after(0)
    program.input([made_up_papers.by_doi(1)])
    child = program.start("run", "papers.json")
    eventually(lambda: gate.asked)
    shown = Path(f"/proc/{child.pid}/cmdline").read_bytes().split(b"\0")
    gate.open()
    finish(child)
    assert b"papers.json" in shown
    assert not any(PIECE.encode() in word for word in shown)


def test_a_key_that_no_header_can_hold_is_refused_without_showing_it(program: Program) -> None:
    program.environment["JOBRUNNER_OPENALEX_API_KEY"] = f"{KEY}\u20ac"
    program.input([made_up_papers.by_doi(1)])
    said = program.run("run", "papers.json", code=2).stderr
    assert "openalex: the value for Authorization has characters not allowed in headers" in said
    assert PIECE not in said


def test_a_source_whose_key_no_header_can_hold_is_listed_as_unusable(program: Program) -> None:
    program.environment["JOBRUNNER_OPENALEX_API_KEY"] = f"{KEY}\u20ac"
    listed = program.call("sources")
    assert "unusable source: openalex: the value for Authorization has characters" in listed.stderr
    assert "crossref" in listed.stdout
    assert PIECE not in listed.stdout + listed.stderr
