"""The demonstration is a real run, really killed, resumed and verified, on this machine alone."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from msgspec import Struct

from jobrunner.demo.server import read_log
from jobrunner.operations.verify import verify_file
from tests.support.events import LIMIT_S
from tests.support.program import KEY, Program

README = Path(__file__).resolve().parents[2] / "README.md"
VARYING = {"retrieved_at", "batch"}
"""What each run writes anew."""

ONLY_LOOPBACK = ("unshare", "--map-root-user", "--net", "sh", "-c", 'ip link set lo up && "$@"')
"""Runs the command after it in a network that has nothing but this machine."""


NEEDS_SERVER = ("jobrunner run ", "jobrunner resume")
"""Commands that ask the server, which is stopped when the demonstration ends."""


class Shown(Struct):
    """A demonstration that was watched: its directory, what it showed, and how it ended."""

    directory: Path
    text: str
    code: int
    is_isolated: bool

    def after(self, words: str) -> str:
        """What it showed from some words on, up to the next command."""
        return self.text.split(f"$ jobrunner {words}", 1)[1].split("\n$ ", 1)[0]


def can_isolate() -> bool:
    if not (shutil.which("unshare") and shutil.which("ip")):
        return False
    tried = subprocess.run([*ONLY_LOOPBACK, "sh", "true"], check=False, capture_output=True)
    return tried.returncode == 0


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    directory, is_isolated = tmp_path_factory.mktemp("demo") / "new", can_isolate()
    prefix = [*ONLY_LOOPBACK, "sh"] if is_isolated else []
    command = [sys.executable, "-m", "jobrunner", "demo", "--directory", str(directory)]
    environment = Program(tmp_path_factory.mktemp("elsewhere")).environment
    done = subprocess.run(
        [*prefix, *command],
        env={**environment, "JOBRUNNER_DB": "elsewhere.db"},
        check=False,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=LIMIT_S,
    )
    return Shown(directory, done.stdout, done.returncode, is_isolated)


@pytest.fixture
def program(shown: Shown) -> Program:
    """The program in the directory that the demonstration has left."""
    return Program(shown.directory)


@pytest.fixture(scope="module")
def repeated(shown: Shown, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Shown]:
    """The printed commands that need no server, each repeated in a shell as a user types it."""
    program = Program(tmp_path_factory.mktemp("shell"))
    # A setting of the user that would lead the commands to another database.
    environment = {**program.environment, "JOBRUNNER_DB": "elsewhere.db"}
    printed = re.findall(r"^\$ (.+)$", shown.text, re.MULTILINE)
    first = [command for command in printed if command.startswith(("export ", "unset ", "cd "))]
    results = {}
    for command in printed:
        if command not in first and not command.startswith(NEEDS_SERVER):
            lines = "\n".join([*first, command])
            done = subprocess.run(
                ["/bin/sh", "-e", "-c", lines],
                cwd=program.directory,
                env=environment,
                check=False,
                text=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=LIMIT_S,
            )
            results[command] = Shown(shown.directory, done.stdout, done.returncode, False)
    return results


def parts_missing(part: Any, whole: Any, name: str = "") -> list[str]:
    """Name what is in ``part`` and not in ``whole``; an object and a list may be cut short."""
    if isinstance(part, dict) and isinstance(whole, dict):
        keys = [key for key in part if key not in VARYING]
        return [
            missing
            for key in keys
            for missing in parts_missing(part[key], whole.get(key), f"{name}.{key}")
        ]
    if isinstance(part, list) and isinstance(whole, list):
        pairs = zip(part, whole, strict=False)
        short = [name] if len(part) > len(whole) else []
        return short + [
            missing
            for number, (one, other) in enumerate(pairs)
            for missing in parts_missing(one, other, f"{name}[{number}]")
        ]
    return [] if part == whole else [name]


def test_what_is_missing_of_a_sample_is_named() -> None:
    whole = {"a": [1, {"b": 2, "c": 3}], "retrieved_at": "now"}
    assert parts_missing({"a": [1, {"b": 2}], "retrieved_at": "then"}, whole) == []
    assert parts_missing({"a": [1, {"b": 3}]}, whole) == [".a[1].b"]
    assert parts_missing({"a": [1, 2, 3], "d": 4}, whole) == [".a", ".a[1]", ".d"]


def killed_pid(shown: Shown) -> int:
    found = re.search(r"^--- kill -9 (\d+):", shown.text, re.MULTILINE)
    assert found
    return int(found[1])


def test_it_ends_well(shown: Shown) -> None:
    assert shown.code == 0, shown.text
    assert "Papers committed before the kill and requested again: 0" in shown.text


def test_it_shows_a_run_a_status_a_resume_and_a_verify_in_this_order(shown: Shown) -> None:
    commands = re.findall(r"^\$ jobrunner (\w+)", shown.text, re.MULTILINE)
    assert commands[:4] == ["run", "status", "resume", "verify"]


def test_the_printed_commands_can_be_repeated(repeated: dict[str, Shown]) -> None:
    assert {"jobrunner status", "jobrunner verify", "jobrunner explain p001"} <= set(repeated)
    assert {command: run.text for command, run in repeated.items() if run.code} == {}
    assert "completed" in repeated["jobrunner status"].text


def test_the_command_that_removes_its_files_is_printed(shown: Shown) -> None:
    command = re.search(r"^To remove all files of this demo: (rm -r .+)$", shown.text, re.MULTILINE)
    assert command
    assert shlex.split(command[1]) == ["rm", "-r", str(shown.directory)]


def test_a_directory_that_holds_something_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "papers.json").write_text("[]", encoding="utf-8")
    program = Program(tmp_path)
    message = program.call("demo", "--directory", ".", code=1).stderr
    assert f"{tmp_path} is not empty" in message
    assert "name a new one with --directory" in message
    assert (tmp_path / "papers.json").read_text(encoding="utf-8") == "[]"


def json_blocks() -> list[str]:
    """Return the README's part of an output and its short list of papers."""
    text = README.read_text(encoding="utf-8")
    blocks = re.findall(r"^```json\n(.+?)^```", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 2
    return blocks


def test_the_list_in_the_readme_is_read(tmp_path: Path) -> None:
    (tmp_path / "papers.json").write_text(json_blocks()[1], encoding="utf-8")
    planned = Program(tmp_path).call("plan", "papers.json").stdout
    assert planned.startswith("3 papers\n")


def test_the_sample_in_the_readme_is_a_part_of_the_output(shown: Shown) -> None:
    sample = json.loads(json_blocks()[0])
    enriched = json.loads((shown.directory / "enriched.json").read_text(encoding="utf-8"))
    record = next(paper for paper in enriched["papers"] if paper["key"] == sample["key"])
    assert parts_missing(sample, record) == []


def test_the_run_really_died_without_a_word(shown: Shown, program: Program) -> None:
    pid = killed_pid(shown)
    first, *_ = program.json("sessions", "show")["runs"]
    assert (first["pid"], first["ending"]) == (pid, "crashed")
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_the_status_in_between_tells_the_crash_and_what_to_type(shown: Shown) -> None:
    status = shown.after("status")
    assert f"pid {killed_pid(shown)}) is dead" in status
    assert re.search(r"^next +jobrunner resume \S+$", status, re.MULTILINE)
    done, papers = map(int, re.findall(r"(\d+)/(\d+)", status)[0])
    assert 0 < done < papers


def test_the_resume_finishes_what_was_left(shown: Shown) -> None:
    assert "completed: all papers are done" in shown.after("resume")
    assert "ok, rows, counters and snapshots agree" in shown.after("verify")


def test_the_enriched_papers_can_be_verified(shown: Shown) -> None:
    enriched = shown.directory / "enriched.json"
    given = json.loads((shown.directory / "papers.json").read_text(encoding="utf-8"))
    assert str(enriched) in shown.text
    assert verify_file(enriched) == ([], len(given["papers"]))


def test_every_request_went_to_the_server_on_this_machine(shown: Shown, program: Program) -> None:
    session = program.json("sessions", "show")["session"]
    address = urlsplit(session["options"]["base_urls"]["openalex"])
    assert address.hostname == "127.0.0.1"
    asked = len(read_log(shown.directory / "server.log"))
    counted = program.json("status")["sources"][0]["requests"]
    assert f"The server answered {asked} requests" in shown.text
    assert asked >= counted


def test_it_needs_no_network_but_this_machine(shown: Shown) -> None:
    if not shown.is_isolated:
        pytest.skip("a network of its own cannot be made here")
    assert shown.code == 0


def test_the_settings_of_the_user_are_left_out_of_it(shown: Shown) -> None:
    files = [path for path in shown.directory.rglob("*") if path.is_file()]
    assert files
    assert [path for path in files if KEY.encode() in path.read_bytes()] == []
