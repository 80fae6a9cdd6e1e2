"""Nothing that papers, sources or files say ever steers the terminal."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from jobrunner.demo.messages import Fault, Request
from jobrunner.demo.openalex import OpenAlex
from jobrunner.demo.server import LocalServer
from tests.promises.hostile.hostile_json import ESCAPES
from tests.support import made_up_papers, three_sources
from tests.support.program import Program
from tests.support.servers.crossref import Crossref
from tests.support.servers.faults import status

EVIL = "".join(ESCAPES) + "[bold]not markup[/bold] \ud83d\ude00 \x7f\x85\x9b2J\u2066\ufeff".encode(
    "utf-16", "surrogatepass"
).decode("utf-16")
STEERING = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
"""Controls (the line feed aside) and marks that turn or hide what stands beside them."""

RUN = ("run", "papers.json", "-o", "out.json", *three_sources.sources("openalex", "crossref"))
HUMAN = (
    "status", "sessions list", "sessions show", "sessions show --unusable", "duplicates",
    "explain 0", "explain 0 title", "explain 4", "verify", "resume --explain", "doctor", "sources",
    "plan evil.json",
)  # fmt: skip
MACHINE = (
    "status --json", "sessions list --json", "sessions show --json", "duplicates --json",
    "explain 0 --json", "sessions show --unusable --json",
)  # fmt: skip


def paper(number: int, **fields: object) -> dict[str, Any]:
    title = f"{made_up_papers.title(number)} {EVIL}"
    return {"paper_id": f"{EVIL}{number}", "title": title, "authors": [EVIL], EVIL: EVIL, **fields}


PAPERS = [
    paper(1, doi=made_up_papers.doi(1)),
    paper(1, doi=made_up_papers.doi(1)),
    paper(2),
    {"note": EVIL, "paper_id": EVIL},
    paper(3, doi=made_up_papers.doi(3)),
]


def evil(value: Any) -> Any:
    """Put the escapes behind every text of a record but its identifiers and links."""
    if isinstance(value, str):
        return value if re.match(r"https?:|10\.|[\da-f]{40}|first$", value) else value + EVIL
    if isinstance(value, list):
        return [evil(item) for item in value]
    if isinstance(value, dict):
        return {name: evil(item) for name, item in value.items()}
    return value


def faults(request: Request, _number: int) -> Fault | None:
    """Refuse one paper, and after it everything, in words that are made to do harm."""
    if "mailto" in request.raw_query or request.path.startswith("/v1"):
        return status(403, EVIL)
    return status(400, EVIL) if "study.3" in request.raw_query else None


class Talk:
    """What every command printed, by its name."""

    def __init__(self) -> None:
        self.printed: dict[str, str] = {}

    def add(self, name: str, ended: subprocess.CompletedProcess[str]) -> None:
        self.printed[name] = ended.stdout + ended.stderr


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    numbers = range(6)
    apis = (
        OpenAlex([evil(made_up_papers.work(number)) for number in numbers]),
        Crossref([evil(three_sources.item(number)) for number in numbers]),
    )
    with ExitStack() as stack:
        servers = {api.name: stack.enter_context(LocalServer(api, faults=faults)) for api in apis}
        yield three_sources.Trio(servers).program(tmp_path_factory.mktemp("terminal"), PAPERS)


@pytest.fixture(scope="module")
def talk(program: Program) -> Talk:
    """A run of which every text was made to do harm, and every look at it."""
    talk = Talk()
    program.input(PAPERS, "evil.json")
    talk.add("run", program.call(*RUN, code=None))
    for command in (*HUMAN, *MACHINE):
        talk.add(command, program.call(*command.split(), code=None))
    talk.add("review", program.call("review", "-o", "review.jsonl", code=None))
    answers = program.directory / "answers.jsonl"
    answers.write_text(json.dumps({"position": 0, "source": EVIL, "answer": EVIL}) + "\nx" + EVIL)
    for name, arguments in {
        "answers": ("review", "--answers", "answers.jsonl"),
        "no such session": ("status", EVIL.replace("\0", "")),
        "no such paper": ("explain", EVIL.replace("\0", "")),
        "no such field": ("explain", "0", EVIL.replace("\0", "")),
        "no such file": ("run", EVIL.replace("\0", "") + ".json"),
        "no such snapshot": ("verify", EVIL.replace("\0", "") + ".json"),
        "no such source": ("run", "papers.json", "--source", EVIL.replace("\0", "")),
    }.items():
        talk.add(name, program.call(*arguments, code=None))
    return talk


def test_there_is_much_to_be_said(talk: Talk) -> None:
    assert "not markup" in talk.printed["explain 0"]
    assert "not markup" in talk.printed["sessions show"]
    assert "not markup" in talk.printed["status"]


def test_nothing_that_is_printed_steers_the_terminal(talk: Talk) -> None:
    steering = {name: STEERING.findall(text) for name, text in talk.printed.items()}
    assert {name: found for name, found in steering.items() if found} == {}


def test_what_is_printed_as_json_holds_it_all(talk: Talk) -> None:
    for name in MACHINE:
        json.loads(talk.printed[name])
    assert "\x1b]0;owned" in json.loads(talk.printed["explain 0 --json"])["key"]


def test_a_log_line_is_one_line(talk: Talk, program: Program) -> None:
    [log] = program.database.parent.glob("*/run.log")
    for line in log.read_bytes().splitlines():
        assert isinstance(json.loads(line), dict)
        assert not STEERING.search(line.decode())


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_that_knows_few_letters_is_no_error(program: Program, encoding: str) -> None:
    other = Program(program.directory)
    other.environment |= program.environment
    other.environment |= {"PYTHONIOENCODING": encoding}
    assert other.run("explain", "0").stdout.isprintable() is False
