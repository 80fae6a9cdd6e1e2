"""Names of sessions, inputs and outputs that are tricks: one clear line, and nothing is touched."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from jobrunner.demo.openalex import OpenAlex
from jobrunner.demo.server import LocalServer
from jobrunner.files.atomic import write_sidecar
from jobrunner.files.checksums import sha256_of
from tests.support import made_up_papers
from tests.support.events import LIMIT_S, eventually
from tests.support.program import Program

TRICKS = (
    "../victim",
    "../../../../etc/passwd",
    "/etc/passwd",
    "..",
    ".",
    "",
    "%",
    "_",
    "state.db",
    "x" * 5000,
    "-",
    "a\nb",
    "\x1b[2J",
    "\udcff",
)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """A directory with a completed session and, beside it, what a trick may be after."""
    place = tmp_path_factory.mktemp("places")
    (place / "victim").mkdir()
    (place / "victim" / "run.lock").write_text("mine")
    with LocalServer(OpenAlex(made_up_papers.works(3))) as server:
        program = Program(place / "work", server.base_url)
        program.input([made_up_papers.by_doi(number) for number in range(3)])
        program.call("run", "papers.json", "-o", "out.json")
        program.call("snapshot", "-o", "copy.json")
    return program


def everything(program: Program) -> dict[str, bytes]:
    """Return all files beside the database and about it."""
    return {
        str(path): path.read_bytes()
        for path in program.directory.parent.rglob("*")
        if path.is_file() and not path.name.startswith("state.db")
    }


@pytest.mark.parametrize(
    "command",
    [
        ("status", "{}"), ("sessions", "show", "{}"), ("sessions", "delete", "{}", "--yes"),
        ("resume", "{}"), ("retry", "{}"), ("snapshot", "{}"), ("verify", "{}"),
        ("explain", "0", "--session", "{}"), ("review", "{}", "-o", "review.jsonl"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_no_name_of_a_session_leads_elsewhere(program: Program, command: tuple[str, ...]) -> None:
    before = everything(program)
    for trick in TRICKS:
        if command[0] != "sessions" and trick in ("", "-"):
            continue
        if not trick:
            continue  # the beginning of every session's name
        ended = program.call(*(part.format(trick) for part in command), code=None)
        assert ended.returncode in (1, 2, 6), (trick, ended.stderr)
        assert "unexpected" not in ended.stderr, (trick, ended.stderr)
        assert ended.stderr.replace("\n", "").isprintable(), trick
    assert everything(program) == before


@pytest.mark.parametrize(
    "output",
    ["no/such/directory/out.json", "/dev/null/x", "circle", ".", "..", "/",
     "papers.json", "x" * 300, "y/" * 3000 + "z"],
)  # fmt: skip
def test_an_output_that_cannot_be_is_refused_before_any_work(program: Program, output: str) -> None:
    circle = program.directory / "circle"
    if not circle.is_symlink():
        circle.symlink_to(circle)
    sessions = program.json("sessions", "list")
    ended = program.call("run", "papers.json", "-o", output, "--new", code=None)
    assert ended.returncode in (1, 2), ended.stderr
    assert "unexpected" not in ended.stderr, ended.stderr
    assert ended.stderr.count("error: ") == 1, ended.stderr
    assert program.json("sessions", "list") == sessions
    assert circle.is_symlink()


@pytest.mark.parametrize("name", ["circle", "x" * 300, "papers.json/x", "/", "\udcff", "a\nb"])
@pytest.mark.parametrize("command", [("run",), ("plan",), ("restore",), ("verify",)])
def test_an_input_that_cannot_be_is_refused(
    program: Program, command: tuple[str, ...], name: str
) -> None:
    circle = program.directory / "circle"
    if not circle.is_symlink():
        circle.symlink_to(circle)
    ended = program.call(*command, name, code=None)
    assert ended.returncode in (1, 2, 6), ended.stderr
    assert "unexpected" not in ended.stderr, ended.stderr
    assert ended.stderr.replace("\n", "").isprintable()


def test_a_circle_of_links_as_the_input_is_not_blamed_on_the_output(program: Program) -> None:
    circle = program.directory / "circle"
    if not circle.is_symlink():
        circle.symlink_to(circle)
    ended = program.call("run", "circle", "-o", "x.json", code=1)
    assert "circle: cannot be read" in ended.stderr
    assert "--output" not in ended.stderr


@pytest.mark.parametrize("session", ["../victim", "/var/x", "..", "a/b", "", "n" * 300, "a\0b",
                                     "\x1b[2Jx", "state.db", "a b\n"])  # fmt: skip
def test_a_snapshot_cannot_name_a_session_that_leads_elsewhere(
    program: Program, session: str
) -> None:
    document = (program.directory / "copy.json").read_bytes()
    true = json.loads(document)["session"]
    evil = program.directory / "evil.json"
    evil.write_bytes(document.replace(json.dumps(true).encode(), json.dumps(session).encode(), 1))
    write_sidecar(evil, sha256_of(evil))
    before = everything(program)
    ended = program.call("restore", evil, code=6)
    assert "not a session id" in ended.stderr
    assert ended.stderr.replace("\n", "").isprintable()
    assert everything(program) == before


def test_an_output_through_a_link_goes_where_the_link_leads(
    program: Program, tmp_path: Path
) -> None:
    real = tmp_path / "real.json"
    link = program.directory / "link.json"
    link.symlink_to(real)
    with LocalServer(OpenAlex(made_up_papers.works(3))) as server:
        program.environment["JOBRUNNER_OPENALEX_BASE_URL"] = server.base_url
        program.call("run", "papers.json", "-o", "link.json", "--new")
    assert link.is_symlink()
    assert json.loads(real.read_bytes())["format"] == "jobrunner-snapshot"


def test_what_a_kill_left_of_an_output_is_swept_up(tmp_path: Path) -> None:
    with LocalServer(OpenAlex(made_up_papers.works(3))) as server:
        program = Program(tmp_path / "work", server.base_url)
        program.input([made_up_papers.by_doi(number) for number in range(3)])
        program.call("run", "papers.json", "-o", "out.json")
        left = program.directory / ".out.json.0123abcd.tmp"
        left.write_text("half")
        other = program.directory / ".out.json.notes.tmp"
        other.write_text("mine")
        program.call("snapshot")
    assert not left.exists()
    assert other.read_text() == "mine"


def test_an_interrupt_while_a_list_is_read_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    program = Program(tmp_path / "work")
    child = subprocess.Popen(
        [sys.executable, "-m", "jobrunner", "run", "-"],
        cwd=program.directory, env=program.environment, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert child.stdin is not None
    child.stdin.write("[" + '{"title": "one"},' * 40_000)
    child.stdin.flush()

    def is_loading() -> bool:
        try:
            return program.query("SELECT status FROM session") == [("loading",)]
        except sqlite3.OperationalError:
            return False

    eventually(is_loading)
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=LIMIT_S)
    assert child.returncode == 130
    assert "interrupted" in said
    assert "run the command again" in said
    assert program.query("SELECT count(*) FROM session") == [(0,)]
