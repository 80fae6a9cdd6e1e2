"""All contenders side by side: whole runs, and runs that are killed at half and started again."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks.speed.peers.check import check
from benchmarks.speed.processes import JOBRUNNER, Cost, Place, finish, run
from benchmarks.speed.tables import Setting, table
from benchmarks.speed.workload import ASKED, BATCH, SOURCES

PATIENCE_S = 600.0
HEADS = ("", "version", "wall s", "CPU s", "peak MB", "x floor", "asked again", "first new batch s")


class Contender(NamedTuple):
    """A program that does the work, and its package; ``again`` goes on after a kill, if it can."""

    name: str
    package: str
    start: list[object]
    again: list[object]


class Found(NamedTuple):
    """One whole run, and what a killed one had to ask again before it asked for something new."""

    cost: Cost
    again: tuple[int, float] | None


def measure(setting: Setting) -> None:
    """Time them in turns, so that what disturbs one disturbs all."""
    contenders = _contenders(setting.papers(setting.few))
    found: dict[str, list[Found]] = {contender.name: [] for contender in contenders}
    for _ in range(setting.rounds):
        for contender in contenders:
            if not contender.package or _version(contender.package):
                found[contender.name].append(_once(setting, contender))
    half = _half(setting)
    table(
        f"side by side, {setting.few} papers, medians of {setting.rounds}; "
        f"SIGKILL after {half} of {2 * half} batches",
        HEADS,
        [_row(contender, found[contender.name], found["floor"]) for contender in contenders],
    )
    if not all(found.values()):
        print("\nThose that are not installed come with the extra `peers`: pip install '.[peers]'")


def _contenders(papers: Path) -> list[Contender]:
    def script(name: str, module: str, package: str = "") -> Contender:
        command = [sys.executable, "-m", f"benchmarks.speed.{module}", papers, "."]
        return Contender(name, package, command, command)

    return [
        script("floor", "floor")._replace(again=[]),
        script("JSON Lines", "jsonl"),
        Contender("jobrunner", "jobrunner", run(papers), [*JOBRUNNER, "resume"]),
        script("DBOS", "peers.with_dbos", "dbos"),
        script("Luigi", "peers.with_luigi", "luigi"),
        script("Prefect", "peers.with_prefect", "prefect"),
        script("redun", "peers.with_redun", "redun"),
    ]


def _version(package: str) -> str:
    try:
        return version(package) if package else ""
    except PackageNotFoundError:
        return ""


def _once(setting: Setting, contender: Contender) -> Found:
    with tempfile.TemporaryDirectory(dir=setting.work) as directory:
        place = Place(Path(directory), setting.packages)
        cost = place.measure(*contender.start)
        check(_output(place), setting.few)
    return Found(cost, _killed(setting, contender) if contender.again else None)


def _killed(setting: Setting, contender: Contender) -> tuple[int, float]:
    """Kill a run at half; return how many batches were asked again, and when the first new one."""
    with tempfile.TemporaryDirectory(dir=setting.work) as directory:
        place = Place(Path(directory), setting.packages)
        _kill_at(_half(setting), place, contender)
        before = _asked(place.directory / "before")
        began = time.monotonic()
        finish(place.start(*contender.again, variables={ASKED: "after"}), began)
        after = _asked(place.directory / "after")
        check(_output(place), setting.few)
    return len(before.keys() & after), min(after[batch] for batch in after.keys() - before) - began


def _kill_at(batches: int, place: Place, contender: Contender) -> None:
    """Start a run, and kill it and all that it started once so many batches were asked for."""
    child = place.start(*contender.start, variables={ASKED: "before"}, own_group=True)
    deadline = time.monotonic() + PATIENCE_S
    try:
        while len(_asked(place.directory / "before")) < batches:
            if child.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{contender.name} never asked for {batches} batches")
            time.sleep(0.002)
    finally:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def _asked(path: Path) -> dict[str, float]:
    """Return which batches were asked for, and when first."""
    lines = path.read_text().splitlines() if path.exists() else []
    moments: dict[str, float] = {}
    for moment, batch in (line.split(" ", 1) for line in lines):
        moments.setdefault(batch, float(moment))
    return moments


def _half(setting: Setting) -> int:
    return -(-setting.few // BATCH) * len(SOURCES) // 2


def _output(place: Place) -> Path:
    sessions = place.state.parent.glob("*/papers_enriched.json")
    return next(sessions, place.directory / "out.json")


def _row(contender: Contender, runs: list[Found], floor: list[Found]) -> tuple[object, ...]:
    if not runs:
        return contender.name, "not installed", *[""] * (len(HEADS) - 2)
    wall, cpu, peak = (median(values) for values in zip(*(r.cost for r in runs), strict=True))
    ratio = median(
        own.cost.wall_s / least.cost.wall_s for own, least in zip(runs, floor, strict=True)
    )
    killed = [found.again for found in runs if found.again]
    again = [median(values) for values in zip(*killed, strict=True)] or ["", ""]
    return contender.name, _version(contender.package), wall, cpu, f"{peak:.0f}", ratio, *again
