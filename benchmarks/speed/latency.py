"""Runs that wait for services: how much of what the limits allow is used, and what overlaps."""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import median

from benchmarks.speed.processes import Cost, Place, run
from benchmarks.speed.server import Server
from benchmarks.speed.sources import FAR, FAR_BATCH
from benchmarks.speed.tables import Setting, table

LATENCY_S = 0.2
REQUESTS = 300
"""Of each source; the slowest of them may send 20 a second."""


def measure(setting: Setting) -> None:
    """Run each source alone and all together, in turns."""
    papers = setting.papers(REQUESTS * FAR_BATCH)
    teams = (*((name,) for name in FAR), tuple(FAR))
    costs: dict[tuple[str, ...], list[Cost]] = {team: [] for team in teams}
    shares: dict[tuple[str, ...], list[float]] = {team: [] for team in teams}
    for _ in range(setting.rounds):
        for team in teams:
            with Server(LATENCY_S) as server:
                costs[team].append(_once(setting, papers, server, team))
                shares[team] += [_share(server.arrivals[name], FAR[name]) for name in team]
    slowest = max(median(cost.wall_s for cost in costs[(name,)]) for name in FAR)
    table(
        f"{LATENCY_S * 1000:.0f} ms latency, {REQUESTS} requests a source, "
        f"medians of {setting.rounds}",
        ("sources (requests/s)", "wall s", "x slowest alone", "share of the limit", "least share"),
        [
            (
                ", ".join(f"{name} ({FAR[name]:g})" for name in team),
                wall := median(cost.wall_s for cost in costs[team]),
                wall / slowest,
                f"{median(shares[team]):.1%}",
                f"{min(shares[team]):.1%}",
            )
            for team in teams
        ],
    )


def _once(setting: Setting, papers: Path, server: Server, team: tuple[str, ...]) -> Cost:
    urls = {f"JOBRUNNER_{name.upper()}_BASE_URL": server.url(name) for name in team}
    with tempfile.TemporaryDirectory(dir=setting.work) as directory:
        place = Place(Path(directory), setting.packages)
        return place.measure(*run(papers, sources=team), **urls)


def _share(arrivals: list[float], limit: float) -> float:
    """Return the part of the allowed requests that arrived, from second 2 to the last one."""
    moments = sorted(arrivals)
    begin, end = moments[0] + 2.0, moments[-1]
    sent = sum(begin <= moment < end for moment in moments)
    return sent / (limit * (end - begin))
