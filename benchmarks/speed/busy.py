"""What a long run and its neighbours feel of each other: snapshots, and questions for status.

Also how fast a snapshot is written, beside a bare dump of the same objects.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks.speed.processes import JOBRUNNER, Place, finish, run
from benchmarks.speed.state import ask, longest_gaps, wait_for_batches
from benchmarks.speed.tables import Setting, table
from benchmarks.speed.workload import BATCH, SOURCES

INTERVAL_MINUTES = 0.05
"""Between snapshots, so that one falls into the run."""


def measure(setting: Setting) -> None:
    """Run many papers, ask for status at nine tenths, and write one more snapshot at the end."""
    with tempfile.TemporaryDirectory(dir=setting.work) as directory:
        place = Place(Path(directory), setting.packages)
        papers, began = setting.papers(setting.many), time.monotonic()
        child = place.start(*run(papers, "--checkpoint-interval", INTERVAL_MINUTES))
        late = setting.many // BATCH * len(SOURCES) * 9 // 10
        wait_for_batches(place.state, late, lambda: child.poll() is None, 0.2)
        status = [place.measure(*JOBRUNNER, "status").wall_s for _ in range(2 * setting.rounds + 1)]
        during = child.poll() is None
        finish(child, began)
        usage = [place.measure(*JOBRUNNER, "--help").wall_s for _ in range(2 * setting.rounds + 1)]
        _print_gaps(place, setting)
        _print_speed(place, setting)
    table(
        "commands, medians",
        ("command", "wall s"),
        [
            (f"status, {setting.many} papers, {'run' if during else 'NO run'} at work",
             median(status)),
            ("--help", median(usage)),
        ],
    )  # fmt: skip


def _print_gaps(place: Place, setting: Setting) -> None:
    during, otherwise, seconds = longest_gaps(place.state)
    table(
        f"longest time between two commits, {setting.many} papers",
        ("while a snapshot was written, ms", "otherwise, ms", "snapshots took s"),
        [(1000 * during, 1000 * otherwise, seconds)],
    )


def _print_speed(place: Place, setting: Setting) -> None:
    """Compare the time in which the last snapshot was written (of a run at rest) with a dump."""
    path, size, seconds = ask(
        place.state, "SELECT path, bytes, seconds FROM snapshot ORDER BY number DESC LIMIT 1"
    )[0]
    place.measure(sys.executable, "-m", "benchmarks.speed.dump", place.state.parent / path)
    bare = float((place.directory / "bare.txt").read_text())
    own = size / 1e6 / seconds
    table(
        f"snapshot of {setting.many} papers at rest",
        ("MB", "seconds", "MB/s", "bare orjson dump MB/s", "share"),
        [(f"{size / 1e6:.0f}", seconds, own, bare, own / bare)],
    )
