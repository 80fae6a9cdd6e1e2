"""Whether time a paper and memory grow with the number of papers."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.speed.processes import Place, run
from benchmarks.speed.tables import Setting, table


def measure(setting: Setting) -> None:
    """Run few papers, many, and few again: the better of the two is what many is held against."""
    costs = []
    for count in (setting.few, setting.many, setting.few):
        with tempfile.TemporaryDirectory(dir=setting.work) as directory:
            place = Place(Path(directory), setting.packages)
            costs.append((count, place.measure(*run(setting.papers(count)))))
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
