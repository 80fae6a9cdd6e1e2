"""Memory does not grow with the number of papers."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from jobrunner.demo.openalex import OpenAlex
from jobrunner.demo.server import LocalServer
from tests.support import made_up_papers
from tests.support.program import Program

MEASURED = """
import sys
from jobrunner.__main__ import main
try:
    main()
finally:
    print([line for line in open("/proc/self/status") if line.startswith("VmHWM")], file=sys.stderr)
"""
"""The program, saying at its end the most memory that it had (not what it was forked from had)."""


def peak_kb(program: Program, count: int) -> int:
    """Run a list of that many papers and return the most memory that the process had."""
    path = program.directory / "papers.jsonl"
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(made_up_papers.by_doi(number)) + "\n" for number in range(count))
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, "run", path, "--new", "--checkpoint-interval", "0.03"],
        cwd=program.directory,
        env=program.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert f"{count}/{count}" in done.stderr
    match = re.search(r"VmHWM:\D*(\d+) kB", done.stderr)
    assert match is not None
    return int(match[1])


@pytest.mark.parametrize(
    ("few", "many"),
    [(2_000, 6_000), pytest.param(20_000, 100_000, marks=pytest.mark.torture)],
)
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells the peak")
def test_memory_stays_flat(few: int, many: int, tmp_path: Path) -> None:
    with LocalServer(OpenAlex(made_up_papers.works(many))) as server:
        program = Program(tmp_path, server.base_url)
        small, large = peak_kb(program, few), peak_kb(program, many)
    assert large < 1.1 * small
    assert large < 150_000
