"""Many sessions on several workers, until enough kills are counted."""

from __future__ import annotations

import os
import shutil
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

from tests.promises.kills.killable_runs import warm_up
from tests.promises.kills.plan import plan_of
from tests.promises.kills.service_process import Services
from tests.promises.kills.session import Reference, Report, Session, make_references
from tests.support.three_sources import CROSSREF, NAMES, OPENALEX

SOURCES = (NAMES, (OPENALEX, CROSSREF), (OPENALEX,))
"""The lists of sources that a session may end with."""


References = Mapping[tuple[str, ...], Reference]


class KillSeries(Struct, frozen=True, kw_only=True):
    """What is to be done: at least so many kills, or one session; within some seconds if given."""

    seed: int
    kills: int = 0
    session: int | None = None
    workers: int = 1
    seconds: float | None = None
    mutation: str = ""


class Totals(Struct, kw_only=True):
    """What was done, over all sessions."""

    seed: int
    seconds: float = 0.0
    sessions: int = 0
    runs: int = 0
    resumes: int = 0
    own_processes: int = 0
    checks: int = 0
    kills: int = 0
    by_point: dict[str, int] = {}
    failed: list[Report] = []


def run_series(
    series: KillSeries, place: Path, tell: Callable[[Report], None] = lambda _report: None
) -> Totals:
    """Torture sessions under a directory; ``tell`` hears of each that is over."""
    began = time.monotonic()
    services = Services(place / "reference-services")
    try:
        references = make_references(place / "reference", _lists(series), services)
    finally:
        services.close()
    warm_up()
    reports = _Reports(place / "reports.jsonl", tell)
    workers = [
        _fork_worker(series, place, references, number, began) for number in range(series.workers)
    ]
    codes: list[int] = []
    while workers:
        workers = [pid for pid in workers if not _ended(pid, codes)]
        reports.read()
        time.sleep(0.05)
    reports.read()
    totals = _sum(series.seed, reports.all, time.monotonic() - began)
    if any(codes):
        raise RuntimeError(f"a worker of the harness failed: {codes}")
    return totals


def _lists(series: KillSeries) -> Iterable[tuple[str, ...]]:
    if series.session is None:
        return SOURCES
    return [plan_of(series.seed, series.session).world.sources]


def _ended(pid: int, codes: list[int]) -> bool:
    done, status = os.waitpid(pid, os.WNOHANG)
    if done:
        codes.append(os.waitstatus_to_exitcode(status))
    return bool(done)


def _fork_worker(
    series: KillSeries,
    place: Path,
    references: References,
    number: int,
    began: float,
) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        _work(series, place, references, number, began)
        code = 0
    except BaseException:  # noqa: BLE001 - nothing may get back into the parent
        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(code)


def _work(
    series: KillSeries,
    place: Path,
    references: References,
    worker: int,
    began: float,
) -> None:
    """Work through every n-th session of the seed."""
    services = Services(place / f"services-{worker}")
    kills, number = 0, worker if series.session is None else series.session
    try:
        while True:
            directory = place / f"session-{number}"
            report = Session(
                number,
                plan_of(series.seed, number),
                directory,
                services,
                references,
                mutation=series.mutation,
            ).go()
            _append(place / "reports.jsonl", report)
            if not report.problems:
                shutil.rmtree(directory)
            kills += sum(report.kills.values())
            number += series.workers
            enough = kills >= series.kills / series.workers
            late = series.seconds and time.monotonic() - began > series.seconds
            if enough or late or report.problems or series.session is not None:
                return
    finally:
        services.close()


def _append(path: Path, report: Report) -> None:
    with path.open("ab", buffering=0) as file:
        file.write(msgspec.json.encode(report) + b"\n")


class _Reports:
    """The reports that the workers have written, read as they come."""

    def __init__(self, path: Path, tell: Callable[[Report], None]) -> None:
        self.all: list[Report] = []
        self._path = path
        self._tell = tell
        path.touch()

    def read(self) -> None:
        lines = self._path.read_bytes().splitlines()
        for line in lines[len(self.all) :]:
            report = msgspec.json.decode(line, type=Report)
            self.all.append(report)
            self._tell(report)


def _sum(seed: int, reports: list[Report], seconds: float) -> Totals:
    kills = sum((Counter(report.kills) for report in reports), Counter[str]())
    return Totals(
        seed=seed,
        seconds=round(seconds, 1),
        sessions=len(reports),
        runs=sum(report.runs for report in reports),
        resumes=sum(report.resumes for report in reports),
        own_processes=sum(report.own_processes for report in reports),
        checks=sum(report.checks for report in reports),
        kills=kills.total(),
        by_point=dict(kills.most_common()),
        failed=[report for report in reports if report.problems],
    )
