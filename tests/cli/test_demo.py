"""The demonstration is a real run, really killed, resumed and verified, on this machine alone."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from msgspec import Struct

from jobrunner.demo.server import read_log
from jobrunner.operations.verify import verify_file
from tests.support.events import LIMIT_S
from tests.support.program import KEY, Program

ONLY_LOOPBACK = ("unshare", "--map-root-user", "--net", "sh", "-c", 'ip link set lo up && "$@"')
"""Runs the command after it in a network that has nothing but this machine."""


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
    done = subprocess.run(
        [*prefix, *command],
        env=Program(tmp_path_factory.mktemp("elsewhere")).environment,
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
    program = Program(shown.directory)
    program.environment["JOBRUNNER_DB"] = "state.db"
    return program


def killed_pid(shown: Shown) -> int:
    found = re.search(r"^--- kill -9 (\d+):", shown.text, re.MULTILINE)
    assert found
    return int(found[1])


def test_it_ends_well(shown: Shown) -> None:
    assert shown.code == 0, shown.text
    assert "Papers that were committed before the kill and asked for again: 0" in shown.text


def test_it_shows_a_run_a_status_a_resume_and_a_verify_in_this_order(shown: Shown) -> None:
    commands = re.findall(r"^\$ jobrunner (\w+)", shown.text, re.MULTILINE)
    assert commands == ["run", "status", "resume", "verify"]


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


def test_a_directory_with_a_demonstration_is_not_used_again(shown: Shown, program: Program) -> None:
    said = program.call("demo", "--directory", ".", code=1).stderr
    assert "holds a demo already" in said
    assert "name another --directory" in said
