"""What the README says of commands and tests is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer.main

from jobrunner.cli.main import app

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CI = (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def commands() -> list[str]:
    group = typer.main.get_command(app)
    return sorted(group.commands)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", commands())
def test_every_command_stands_in_the_readme(name: str) -> None:
    assert re.search(rf"^\| `{name}\b", README, re.MULTILINE)


def test_ci_runs_the_two_commands_of_the_readme() -> None:
    lines = re.findall(r"^python3 -m venv .*$", README, re.MULTILINE)
    assert len(lines) == 2
    assert all(line in CI.splitlines() for line in lines)


def test_every_test_that_a_promise_names_is_there() -> None:
    named = set(re.findall(r"`(tests/[\w/]+(?:\.py)?)`", README))
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_promise_names_a_test() -> None:
    section = README.split("## Promises")[1].split("## Words")[0]
    rows = [line for line in section.splitlines() if line.startswith("| **")]
    assert len(rows) >= 9
    assert all("`tests/" in row for row in rows)
