"""The command ``scripts/torture``."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec

from jobrunner import crash_points
from tests.promises.kills import mutations
from tests.promises.kills.kill_series import KillSeries, Totals, run_series
from tests.promises.kills.plan import plan_of
from tests.promises.kills.session import Report


def main(arguments: Sequence[str] | None = None) -> int:
    """Torture sessions and say what came of it; 1 if anything that is promised did not hold."""
    options = _parser().parse_args(arguments)
    if options.plan:
        for step in plan_of(options.seed, options.session or 0).steps:
            _say(str(step))
        return 0
    series = KillSeries(
        seed=options.seed,
        kills=options.kills,
        session=options.session,
        workers=1 if options.session is not None else options.workers,
        seconds=options.seconds,
        mutation=options.mutation,
    )
    place = Path(tempfile.mkdtemp(prefix="torture-", dir=options.directory or _fast_place()))
    totals = run_series(series, place, lambda report: _tell(series, place, report))
    if not totals.failed:
        shutil.rmtree(place)
    if options.json:
        _say(msgspec.json.encode(totals).decode())
    else:
        _summarize(totals)
    return 1 if totals.failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/torture",
        description="Run real sessions, kill them again and again, check everything each time.",
    )
    add = parser.add_argument
    add("--kills", type=int, default=2000, help="at least so many [%(default)s]")
    add("--seed", type=int, default=1, help="makes the same sessions again [%(default)s]")
    add("--workers", type=int, default=4, help="sessions at a time [%(default)s]")
    add("--session", type=int, help="this session of the seed alone, as a failure names it")
    add("--seconds", type=float, help="begin no further session after so many")
    add("--directory", type=Path, help="where the sessions work [memory, or the temporary place]")
    add("--mutation", default="", choices=["", *mutations.ALL], help="break jobrunner on purpose")
    add("--plan", action="store_true", help="show the steps of --session, do nothing")
    add("--json", action="store_true", help="print the figures as JSON")
    return parser


def _fast_place() -> str | None:
    """Return a file system in memory: a kill cannot tell it from a disk, and it is faster."""
    memory = Path("/dev/shm")  # noqa: S108 - a directory of our own is made in it
    return str(memory) if memory.is_dir() and os.access(memory, os.W_OK) else None


def _tell(series: KillSeries, place: Path, report: Report) -> None:
    for line in report.problems[:8]:
        _say(f"session {report.number}: {line}", error=True)
    if report.problems:
        _say("its steps:", error=True)
        for step in report.steps:
            _say(f"  {step}", error=True)
        _say(f"left in {place}/session-{report.number}", error=True)
        mutation = f" --mutation {series.mutation}" if series.mutation else ""
        again = f"--seed {series.seed} --session {report.number}{mutation}"
        _say(f"again with: scripts/torture {again}", error=True)


def _summarize(totals: Totals) -> None:
    _say(
        f"seed {totals.seed}: {totals.kills} kills in {totals.sessions} sessions,"
        f" {totals.runs} runs ({totals.own_processes} as processes of their own),"
        f" {totals.resumes} resumes, {totals.checks} checks, {totals.seconds:.0f} s"
    )
    for name, count in totals.by_point.items():
        _say(f"  {count:5}  {name}")
    for name in crash_points.POINTS:
        if name not in totals.by_point:
            _say(f"      0  {name}")
    _say(f"{len(totals.failed)} sessions failed" if totals.failed else "all promises held")


def _say(line: str, *, error: bool = False) -> None:
    (sys.stderr if error else sys.stdout).write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
