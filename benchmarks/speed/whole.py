"""Whole runs beside the floor, and what they leave on the disk."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks.speed.processes import Cost, Place, run
from benchmarks.speed.state import ask
from benchmarks.speed.tables import Setting, table

RECORDS = "SELECT sum(length(CAST(data AS BLOB))) FROM record"


class Found(NamedTuple):
    """One run of one contender."""

    cost: Cost
    state_mb: float
    x_records: float


def measure(setting: Setting) -> None:
    """Run few papers several times, and many once: what is measured so takes longer than noise."""
    _beside_the_floor(setting, setting.few, setting.rounds)
    _beside_the_floor(setting, setting.many, 1)


def _beside_the_floor(setting: Setting, count: int, rounds: int) -> None:
    """Time all in turns, so that what disturbs one disturbs all."""
    papers = setting.papers(count)
    module = [sys.executable, "-m"]
    contenders: dict[str, list[object]] = {
        "floor": [*module, "benchmarks.speed.floor", papers, "."],
        "floor, 16 KB pages": [*module, "benchmarks.speed.floor", papers, ".", 16384],
        "JSON Lines": [*module, "benchmarks.speed.jsonl", papers, "."],
        "jobrunner": run(papers),
    }
    found: dict[str, list[Found]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, command in contenders.items():
            found[name].append(_once(setting, command))
    table(
        f"whole run, {count} papers, medians of {rounds}",
        ("", "wall s", "CPU s", "peak MB", "x floor", "x floor CPU", "state MB", "x records"),
        [_row(name, runs, found["floor"]) for name, runs in found.items()],
    )


def _once(setting: Setting, command: list[object]) -> Found:
    with tempfile.TemporaryDirectory(dir=setting.work) as directory:
        place = Place(Path(directory), setting.packages)
        cost = place.measure(*command)
        size = place.state.stat().st_size if place.state.exists() else _largest(place.directory)
        records = ask(place.state, RECORDS)
        return Found(cost, size / 1e6, size / records[0][0] if records else 0.0)


def _largest(directory: Path) -> int:
    """Return the size of the state of a contender that is not ours."""
    return sum(path.stat().st_size for path in directory.glob("state*"))


def _row(name: str, runs: list[Found], floor: list[Found]) -> tuple[object, ...]:
    ratios = [
        (own.cost.wall_s / least.cost.wall_s, own.cost.cpu_s / least.cost.cpu_s)
        for own, least in zip(runs, floor, strict=True)
    ]
    wall, cpu, peak = (median(values) for values in zip(*(r.cost for r in runs), strict=True))
    x_wall, x_cpu = (median(values) for values in zip(*ratios, strict=True))
    x_records = median(r.x_records for r in runs)
    state = median(r.state_mb for r in runs)
    return name, wall, cpu, f"{peak:.0f}", x_wall, x_cpu, f"{state:.0f}", x_records or ""
