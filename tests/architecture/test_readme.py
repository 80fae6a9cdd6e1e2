"""What the README and the page of promises say of commands, sources and tests is so."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from jobrunner.cli.main import app
from jobrunner.sources.contract import SourceSettings
from jobrunner.sources.registry import open_source
from tests.support.program import Program

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROMISES = (ROOT / "docs" / "explanation" / "promises.md").read_text(encoding="utf-8")
CI = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
MOST_LINES = 115
KEY = SourceSettings(api_key="any")
"""A setting that raises the limits of a source."""


def commands() -> Iterator[list[str]]:
    """The commands of jobrunner in the README, as a shell splits them."""
    for block in re.findall(r"^```sh\n(.+?)^```", README, re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            words = shlex.split(line, comments=True)
            if words[0] == "jobrunner":
                yield words[1:]
    for code in re.findall(r"`jobrunner ([^`]+)`", README):
        yield shlex.split(code)


@pytest.mark.parametrize("words", [*commands()], ids=" ".join)
def test_a_command_of_the_readme_is_understood(words: list[str]) -> None:
    if words == ["--help"]:
        return
    name, *arguments = words
    group: Any = typer.main.get_command(app)
    command = group.get_command(group.make_context("jobrunner", [name]), name)
    command.make_context(name, arguments).close()


def test_three_commands_stand_in_the_readme() -> None:
    assert [words[0] for words in commands()][:3] == ["run", "status", "resume"]


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) <= MOST_LINES


def test_ci_runs_the_two_commands_of_the_readme() -> None:
    lines = re.findall(r"^python3 -m venv .*$", README, re.MULTILINE)
    assert len(lines) == 2
    assert set(lines) <= {line.strip() for line in CI.splitlines()}


def test_ci_can_be_run_and_finds_its_tests() -> None:
    script = ROOT / ".ci" / "run"
    subprocess.run(["/usr/bin/env", "bash", "-n", script], check=True)
    lists = re.findall(r"^(?:LONG|UNIT)=\((.*?)\)$", CI, re.MULTILINE | re.DOTALL)
    words = " ".join(lists).split()
    echo = ["/usr/bin/env", "bash", "-c", f"echo {' '.join(words)}"]
    expanded = subprocess.check_output(echo, text=True).split()
    assert len(lists) == 2
    assert [path for path in expanded if not (ROOT / path).exists()] == []


def row(name: str) -> str:
    """The row of a source in the table of the README."""
    (line,) = [line for line in README.splitlines() if line.startswith(f"| `{name}`")]
    return line


@pytest.mark.parametrize(
    ("name", "better"),
    [
        ("openalex", KEY),
        ("semantic_scholar", SourceSettings()),
        ("crossref", SourceSettings(email="you@example.org")),
    ],
)
def test_the_limits_of_a_source_stand_in_the_readme(name: str, better: SourceSettings) -> None:
    source = open_source(name, SourceSettings())
    rate = source.service.limits.requests_per_second
    better_rate = open_source(name, better).service.limits.requests_per_second
    by, rates = row(name).split("|")[2:4]
    assert f"{source.lookup_size} per request" in by
    assert re.findall(r"\d+", rates) == [f"{one:.0f}" for one in sorted({rate, better_rate})[::-1]]


@pytest.mark.parametrize(
    ("count", "without_key", "with_key"),
    [(1000, "9 days", "0:00:33"), (5000, "49 days", "4 days")],
)
def test_the_days_that_titles_take_are_those_of_plan(
    tmp_path: Path, count: int, without_key: str, with_key: str
) -> None:
    program = Program(tmp_path)
    papers = [{"title": f"A study of subject {number}"} for number in range(count)]
    (tmp_path / "papers.json").write_text(json.dumps(papers), encoding="utf-8")
    assert f"total time: {with_key}\n" in program.call("plan", "papers.json").stdout
    program.environment["JOBRUNNER_OPENALEX_API_KEY"] = ""
    assert f"total time: {without_key}\n" in program.call("plan", "papers.json").stdout
    shown = "under a minute" if ":" in with_key else with_key
    assert f"| {count:,} titles | {without_key} | {shown} |" in README


def test_every_test_that_a_promise_names_is_there() -> None:
    named = set(re.findall(r"`(tests/[\w/]+(?:\.py)?)`", PROMISES))
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_promise_names_a_test() -> None:
    rows = [line for line in PROMISES.splitlines() if line.startswith("| **")]
    assert len(rows) >= 9
    assert all("`tests/" in row for row in rows)
