"""The sources of the workload as plug-ins of jobrunner: three that answer at once, three far ones.

The far ones ask a :class:`benchmarks.speed.server.Server` and keep limits as real services have.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from benchmarks.speed.workload import BATCH, SOURCES, note_asked, record_of
from jobrunner.http.batch_requests import Requests
from jobrunner.http.service import Limits, Service
from jobrunner.models import Answer, Match, Paper, Record
from jobrunner.sources.contract import LookupResult, SourceSettings

_MATCH = Match(by="doi", score=1.0)


class _Instant:
    name: str
    schemes = ("doi",)
    after: tuple[str, ...] = ()
    lookup_size = BATCH
    search_size = BATCH

    def __init__(self, settings: SourceSettings) -> None:
        limits = Limits(requests_per_second=1e6, concurrency=1)
        self.service = Service(name=self.name, base_url="http://127.0.0.1:9", limits=limits)

    async def lookup(self, papers: Sequence[Paper], requests: Requests) -> LookupResult:
        """Know every paper."""
        note_asked(self.name, papers[0].position)
        return LookupResult({paper.id: self._answer(paper) for paper in papers})

    async def search(self, paper: Paper, requests: Requests) -> Answer:
        """Know every paper."""
        return self._answer(paper)

    def _answer(self, paper: Paper) -> Answer:
        found = msgspec.convert(record_of(self.name, paper.position), Record, strict=False)
        return Answer.found(found, _MATCH)


class North(_Instant):
    """The first one."""

    name = SOURCES[0]


class East(_Instant):
    """The second one."""

    name = SOURCES[1]


class South(_Instant):
    """The third one."""

    name = SOURCES[2]


FAR = {"far_north": 20.0, "far_east": 25.0, "far_south": 30.0}
"""Far sources and the requests a second that they allow."""

FAR_BATCH = 20
CONCURRENCY = 8


class _Far(_Instant):
    lookup_size = FAR_BATCH

    def __init__(self, settings: SourceSettings) -> None:
        url = settings.base_url or "http://127.0.0.1:9"
        limits = Limits(requests_per_second=FAR[self.name], concurrency=CONCURRENCY)
        self.service = Service(name=self.name, base_url=url, limits=limits)

    async def lookup(self, papers: Sequence[Paper], requests: Requests) -> LookupResult:
        """Ask the service for every paper."""
        numbers = ",".join(str(paper.position) for paper in papers)
        found = msgspec.convert(
            await requests.get("/lookup", {"numbers": numbers}), list[Record], strict=False
        )
        return LookupResult(
            {
                paper.id: Answer.found(record, _MATCH)
                for paper, record in zip(papers, found, strict=True)
            }
        )


class FarNorth(_Far):
    """The slowest one."""

    name = "far_north"


class FarEast(_Far):
    """The second one."""

    name = "far_east"


class FarSouth(_Far):
    """The fastest one."""

    name = "far_south"


KINDS = (North, East, South, FarNorth, FarEast, FarSouth)


def install(place: Path) -> None:
    """Make a directory which, on ``PYTHONPATH``, brings these sources to jobrunner."""
    information = place / "bench-1.0.dist-info"
    information.mkdir(parents=True, exist_ok=True)
    (information / "METADATA").write_text("Name: bench\nVersion: 1.0\n", encoding="utf-8")
    points = "".join(f"{kind.name} = {__name__}:{kind.__name__}\n" for kind in KINDS)
    (information / "entry_points.txt").write_text(
        f"[jobrunner.sources]\n{points}", encoding="utf-8"
    )
