"""What a long run feels of its snapshots, and how fast one is beside a bare dump."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from benchmarks.speed.processes import Place, run
from benchmarks.speed.state import ask, longest_gaps
from benchmarks.speed.tables import Setting, table

INTERVAL_MINUTES = 0.05
"""Between snapshots, so that one falls into the run."""


def measure(setting: Setting) -> None:
    """Run many papers with a snapshot meanwhile, and write one more at the end."""
    with tempfile.TemporaryDirectory(dir=setting.work) as directory:
        place = Place(Path(directory), setting.packages)
        papers = setting.papers(setting.many)
        place.measure(*run(papers, "--checkpoint-interval", INTERVAL_MINUTES))
        _print_gaps(place, setting)
        _print_speed(place, setting)


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
