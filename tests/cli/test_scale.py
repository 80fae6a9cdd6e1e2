"""Memory does not grow with the number of papers."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from jobrunner.sample import LocalServer, OpenAlex

from . import library
from .running import Program


def peak_kb(program: Program, count: int) -> int:
    """Run a list of that many papers and return the most memory that the process had."""
    path = program.directory / "papers.jsonl"
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(library.by_doi(number)) + "\n" for number in range(count))
    child = program.start("run", path, "--new", "--checkpoint-interval", 0.03)
    assert child.stdout is not None
    assert child.stderr is not None
    child.stdout.read()
    said = child.stderr.read()
    _, code, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(code)
    child.stdout.close()
    child.stderr.close()
    assert child.returncode == 0, said
    assert f"{count}/{count}" in said
    return usage.ru_maxrss


@pytest.mark.parametrize(
    ("few", "many"),
    [(4_000, 16_000), pytest.param(20_000, 100_000, marks=pytest.mark.torture)],
)
def test_memory_stays_flat(few: int, many: int, tmp_path: Path) -> None:
    with LocalServer(OpenAlex(library.works(many))) as server:
        program = Program(tmp_path, server.base_url)
        small, large = peak_kb(program, few), peak_kb(program, many)
    assert large < 1.1 * small
    assert large < 150_000
