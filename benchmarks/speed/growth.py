"""Whether time a paper, memory and the answer of ``status`` grow with the number of papers."""

from __future__ import annotations

import subprocess
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks.speed.processes import JOBRUNNER, Place, finish, run
from benchmarks.speed.state import wait_for_batches
from benchmarks.speed.tables import Setting, table
from benchmarks.speed.workload import BATCH, SOURCES

REPEATED = 5


def measure(setting: Setting) -> None:
    """Run few papers, many, and few again: the better of the two is what many is held against."""
    costs, commands = [], []
    for count in (setting.few, setting.many, setting.few):
        with tempfile.TemporaryDirectory(dir=setting.work) as directory:
            place = Place(Path(directory), setting.packages)
            papers, began = setting.papers(count), time.monotonic()
            child = place.start(*run(papers))
            if count == setting.many:
                commands = _time_commands(place, setting, child)
            costs.append((count, finish(child, began)))
    base = min(cost.wall_s for count, cost in costs if count == setting.few) / setting.few
    base_cpu = min(cost.cpu_s for count, cost in costs if count == setting.few) / setting.few
    table(
        "growth, one look each",
        ("papers", "wall s", "ms a paper", "x few", "x few, CPU", "peak MB"),
        [
            (
                *(count, cost.wall_s, 1000 * cost.wall_s / count, cost.wall_s / count / base),
                *(cost.cpu_s / count / base_cpu, f"{cost.peak_mb:.0f}"),
            )
            for count, cost in costs
        ],
    )
    table("commands beside the long run, medians", ("command", "wall s"), commands)


def _time_commands(
    place: Place, setting: Setting, child: subprocess.Popen[bytes]
) -> list[tuple[str, float]]:
    """Time commands while a run is at work, when nine tenths of its batches are committed."""

    def is_at_work() -> bool:
        return child.poll() is None

    late = setting.many // BATCH * len(SOURCES) * 9 // 10
    wait_for_batches(place.state, late, is_at_work, 0.2)
    found = [
        (command, median(place.measure(*JOBRUNNER, command).wall_s for _ in range(REPEATED)))
        for command in ("status", "--help")
    ]
    if not is_at_work():
        raise RuntimeError("the run ended meanwhile: measure with more papers")
    return found
