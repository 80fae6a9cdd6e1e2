"""A resume after SIGKILL at half: how soon the first new batch is committed, and what is redone."""

from __future__ import annotations

import signal
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks.speed.processes import JOBRUNNER, Place, run
from benchmarks.speed.state import ask, batches, wait_for_batches
from benchmarks.speed.tables import Setting, table
from benchmarks.speed.workload import BATCH, SOURCES

COMMITTED = "SELECT id, source_id, number, committed_at FROM batch ORDER BY id"
TWICE = """
    SELECT count(*) FROM (SELECT 1 FROM record GROUP BY paper_id, source_id HAVING count(*) > 1)
"""


def measure(setting: Setting) -> None:
    """Kill a run of few and one of many papers, and resume each several times."""
    table(
        f"resume after SIGKILL at half, medians of {setting.rounds}",
        ("papers", "batches before", "first new commit s", "longest s", "batches redone"),
        [_killed(setting, count) for count in (setting.few, setting.many)],
    )


def _killed(setting: Setting, count: int) -> tuple[object, ...]:
    with tempfile.TemporaryDirectory(dir=setting.work) as directory:
        place = Place(Path(directory), setting.packages)
        child = place.start(*run(setting.papers(count)))
        half = count // BATCH * len(SOURCES) // 2
        wait_for_batches(place.state, half, lambda: child.poll() is None, 0.05)
        child.send_signal(signal.SIGKILL)
        child.wait()
        before = ask(place.state, COMMITTED)
        waits = [_first_commit(place) for _ in range(setting.rounds)]
        kept = ask(place.state, COMMITTED)[: len(before)] == before
        redone = ask(place.state, TWICE)[0][0] if kept else "some"
    return count, len(before), median(waits), max(waits), redone


def _first_commit(place: Place) -> float:
    """Resume, and kill again once there is a new batch; return the seconds from the start."""
    known = batches(place.state)
    began = time.monotonic()
    child = place.start(*JOBRUNNER, "resume")
    wait_for_batches(place.state, known + 1, lambda: child.poll() is None, 0.005)
    took = time.monotonic() - began
    child.send_signal(signal.SIGKILL)
    child.wait()
    return took
