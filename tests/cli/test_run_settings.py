"""Settings from a file, from the environment and from options, as a run uses and hides them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from jobrunner.demo.openalex import OpenAlex
from jobrunner.demo.server import LocalServer
from tests.support import made_up_papers
from tests.support.program import Program, papers_of
from tests.support.servers.listener import Listener

KEY = "planted-in-a-file-4711"
OTHER = "planted-elsewhere-0815"

CONFIG = """
email = "file@example.org"
sources = ["openalex"]
[openalex]
api_key = "{key}"
base_url = "{url}"
[policy]
given_first = []
"""


class Heard(NamedTuple):
    """A server, and what it has heard."""

    server: LocalServer
    hearing: Listener

    def program(self, directory: Path, name: str = "jobrunner.toml") -> Program:
        """Return a program that is told of the server by a file alone."""
        program = Program(directory)
        for variable in ("JOBRUNNER_OPENALEX_API_KEY", "JOBRUNNER_OPENALEX_BASE_URL"):
            program.environment.pop(variable)
        # A file that the variable names by its whole path is the user's own choice.
        program.environment["JOBRUNNER_CONFIG"] = str(directory.resolve() / name)
        text = CONFIG.format(key=KEY, url=self.server.base_url)
        (directory / name).write_text(text, encoding="utf-8")
        program.input([made_up_papers.by_doi(1) | {"title": made_up_papers.title(1).upper()}])
        return program


@pytest.fixture
def heard() -> Iterator[Heard]:
    hearing = Listener()
    with LocalServer(OpenAlex(made_up_papers.works()), faults=hearing) as server:
        yield Heard(server, hearing)


class Ended(NamedTuple):
    """A run with a configuration file, what a server heard of it, and all that was printed."""

    program: Program
    hearing: Listener
    printed: str


COMMANDS = (
    "sources",
    "sources --json",
    "plan papers.json",
    "explain 0",
    "status --json",
    "sessions show --json",
    "doctor",
    "run broken.json",
    "run papers.json --base-url openalex=http://127.0.0.1:9/?x",
)


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ended]:
    hearing = Listener()
    with LocalServer(OpenAlex(made_up_papers.works()), faults=hearing) as server:
        program = Heard(server, hearing).program(tmp_path_factory.mktemp("ended"))
        program.environment["JOBRUNNER_DEBUG"] = "1"
        (program.directory / "broken.json").write_text("[", encoding="utf-8")
        said = [program.run("run", "papers.json", "-o", "out.json")]
        said += [program.call(*line.split(), code=None) for line in COMMANDS]
        yield Ended(program, hearing, "".join(one.stdout + one.stderr for one in said))


# ---- a file is used


def test_the_key_and_the_address_in_the_file_are_sent(ended: Ended) -> None:
    assert ended.hearing.keys == {f"Bearer {KEY}"}
    assert all(agent.endswith("(mailto:file@example.org)") for agent in ended.hearing.agents)


def test_the_policy_in_the_file_makes_the_view(ended: Ended) -> None:
    (paper,) = papers_of(ended.program.directory / "out.json")
    assert paper["consolidated"]["title"] == {
        "value": made_up_papers.title(1),
        "source": "openalex",
    }


def test_whether_a_key_is_set_is_told_without_the_key(ended: Ended) -> None:
    assert "JOBRUNNER_OPENALEX_API_KEY is set" in ended.printed


def test_the_key_is_printed_nowhere(ended: Ended) -> None:
    assert KEY[:10] not in ended.printed


def test_no_file_of_the_session_holds_the_key(ended: Ended) -> None:
    files = [path for path in ended.program.directory.rglob("*") if path.is_file()]
    assert {"state.db", "run.log", "out.json"} <= {path.name for path in files}
    holding = [path.name for path in files if KEY[:10].encode() in path.read_bytes()]
    assert holding == ["jobrunner.toml"]


def test_the_sources_in_the_file_are_asked_by_default(heard: Heard, tmp_path: Path) -> None:
    program = heard.program(tmp_path)
    path = tmp_path / "jobrunner.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('["openalex"]', '["crossref", "openalex"]'), encoding="utf-8")
    named = program.json("plan", "papers.json", "--source", "semantic_scholar")
    default = program.json("plan", "papers.json")
    assert [one["name"] for one in named["sources"]] == ["semantic_scholar"]
    assert [one["name"] for one in default["sources"]] == ["crossref", "openalex"]


# ---- which of several counts


def test_a_variable_counts_before_the_file_and_an_option_before_both(
    heard: Heard, tmp_path: Path
) -> None:
    program = heard.program(tmp_path)
    program.environment["JOBRUNNER_OPENALEX_API_KEY"] = OTHER
    program.environment["JOBRUNNER_OPENALEX_BASE_URL"] = "http://127.0.0.1:9"
    program.environment["JOBRUNNER_EMAIL"] = "variable@example.org"
    option = f"openalex={heard.server.base_url}"
    program.run("run", "papers.json", "--base-url", option, "--email", "option@example.org")
    assert heard.hearing.keys == {f"Bearer {OTHER}"}
    assert all(agent.endswith("(mailto:option@example.org)") for agent in heard.hearing.agents)


def test_a_resume_takes_the_key_from_the_file_of_its_own_time(heard: Heard, tmp_path: Path) -> None:
    program = heard.program(tmp_path)
    program.run("run", "papers.json", fault="batch.answered", code=None)
    path = tmp_path / "jobrunner.toml"
    path.write_text(path.read_text(encoding="utf-8").replace(KEY, OTHER), encoding="utf-8")
    program.run("resume")
    assert heard.hearing.keys == {f"Bearer {KEY}", f"Bearer {OTHER}"}


def test_a_variable_names_another_file(heard: Heard, tmp_path: Path) -> None:
    program = heard.program(tmp_path, "elsewhere.toml")
    (tmp_path / "jobrunner.toml").write_text("no toml", encoding="utf-8")
    program.run("run", "papers.json")
    assert heard.hearing.keys == {f"Bearer {KEY}"}


# ---- a file that is none

WRONG = {
    "unknown": ('emial = "a@b.org"', "emial is unknown or has the wrong type"),
    "unquoted": (f"[openalex]\napi_key = {KEY}", "line 2 is not valid TOML"),
    "unfinished": (f'[openalex]\napi_key = "{KEY}', "line 2 is not valid TOML"),
    "misplaced": (f'openalex = "{KEY}"', "openalex is unknown or has the wrong type"),
}


@pytest.fixture(scope="module")
def refused(
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, tuple[Program, subprocess.CompletedProcess[str]]]:
    """A run with each of these files."""
    refused = {}
    for name, (text, _) in WRONG.items():
        program = Program(tmp_path_factory.mktemp("refused"))
        program.environment["JOBRUNNER_DEBUG"] = "1"
        program.input([made_up_papers.by_doi(1)])
        (program.directory / "jobrunner.toml").write_text(text, encoding="utf-8")
        refused[name] = program, program.call("run", "papers.json", code=2)
    return refused


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_file_is_a_usage_error_and_nothing_is_begun_or_shown(
    name: str, refused: dict[str, tuple[Program, subprocess.CompletedProcess[str]]]
) -> None:
    program, said = refused[name]
    assert said.stderr.startswith("error: jobrunner.toml: ")
    assert WRONG[name][1] in said.stderr
    assert KEY[:10] not in said.stdout + said.stderr
    assert not program.database.exists()
