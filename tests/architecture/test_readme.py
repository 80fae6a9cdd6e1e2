"""What the README says of commands and tests is so."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
import typer.main

from jobrunner.cli.main import app
from jobrunner.consolidation.policy import DEFAULT, GIVEN, Policy, policy_of
from jobrunner.errors import ExitCode

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
KNOWN = ("openalex", "semantic_scholar", "crossref")
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


def test_the_keys_of_a_policy_stand_in_the_readme_with_their_defaults() -> None:
    section = README.split("| key of a policy |")[1].split("\n\n")[0]
    rows = re.findall(r"^\| `\[?(\w+)\]?` \|.*\| (?:`(.*)` )?\|$", section, re.MULTILINE)
    told = {key: policy_of({key: json.loads(default or "{}")}, "", KNOWN) for key, default in rows}
    assert told == dict.fromkeys(Policy.__struct_fields__, DEFAULT)
    assert all(f"`{field}`" in section for field in GIVEN)


def test_the_exit_codes_stand_in_the_readme() -> None:
    section = README.split("### Exit codes")[1].split("## Promises")[0]
    assert re.findall(r"^\| (\d+) \|", section, re.MULTILINE) == [str(int(c)) for c in ExitCode]


def test_every_test_that_a_promise_names_is_there() -> None:
    named = set(re.findall(r"`(tests/[\w/]+(?:\.py)?)`", README))
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_promise_names_a_test() -> None:
    section = README.split("## Promises")[1].split("## Words")[0]
    rows = [line for line in section.splitlines() if line.startswith("| **")]
    assert len(rows) >= 9
    assert all("`tests/" in row for row in rows)
