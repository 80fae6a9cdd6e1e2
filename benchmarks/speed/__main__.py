"""Time whole runs beside the floor, in turns: ``python -m benchmarks.speed --papers 20000``.

Needs the extra `dev`, for the floor dumps with orjson. Figures are medians; compare the
ratios, for machines are noisy.
"""

from __future__ import annotations

import argparse
import os
import platform
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks.speed.sources import install
from benchmarks.speed.workload import SOURCES, write_input

ROOT = Path(__file__).resolve().parents[2]


class Cost(NamedTuple):
    """What one process took."""

    wall_s: float
    cpu_s: float
    peak_mb: float


def measure(command: list[str], directory: Path, packages: Path) -> Cost:
    """Run a command to its end in a directory. Raises CalledProcessError if it fails."""
    paths = os.pathsep.join((str(packages), str(ROOT)))
    environment = {k: v for k, v in os.environ.items() if not k.startswith("JOBRUNNER_")}
    began = time.monotonic()
    with (directory / "said.txt").open("w", encoding="utf-8") as said:
        child = subprocess.Popen(
            command,
            cwd=directory,
            env={**environment, "PYTHONPATH": paths},
            stdout=said,
            stderr=said,
        )
        _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, command)
    wall = time.monotonic() - began
    return Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def main() -> None:
    """Print a table of the contenders."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--papers", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        work = Path(place)
        install(work / "packages")
        papers = work / "papers.jsonl"
        write_input(papers, options.papers)
        costs = _costs(work, papers, options.rounds)
    print(
        f"{options.papers} papers, {len(SOURCES)} sources, medians of {options.rounds}; "
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"SQLite {sqlite3.sqlite_version}"
    )
    floor = statistics.median(cost.wall_s for cost in costs["floor"])
    print(f"{'':12} {'wall s':>8} {'CPU s':>8} {'peak MB':>8} {'x floor':>8}")
    for name, found in costs.items():
        wall, cpu, peak = map(statistics.median, zip(*found, strict=True))
        print(f"{name:12} {wall:8.2f} {cpu:8.2f} {peak:8.0f} {wall / floor:8.2f}")


def _costs(work: Path, papers: Path, rounds: int) -> dict[str, list[Cost]]:
    named = [part for source in SOURCES for part in ("--source", source)]
    floor = [sys.executable, "-m", "benchmarks.speed.floor", str(papers), "."]
    contenders = {
        "floor": floor,
        "floor, 16 KB": [*floor, "16384"],
        "jobrunner": [sys.executable, "-m", "jobrunner", "run", str(papers), *named],
    }
    costs: dict[str, list[Cost]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, command in contenders.items():
            with tempfile.TemporaryDirectory(dir=work) as directory:
                costs[name].append(measure(command, Path(directory), work / "packages"))
    return costs


if __name__ == "__main__":
    main()
