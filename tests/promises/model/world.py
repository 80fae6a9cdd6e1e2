"""The world that the program meets: two quick services, what they hold, and what they were asked.

Both are OpenAlex by protocol, with no limits to wait for; they are installed as a package with
sources of their own.
"""

from __future__ import annotations

import os
import re
from contextlib import ExitStack
from pathlib import Path

from jobrunner.demo.messages import Fault, Request
from jobrunner.demo.openalex import OpenAlex
from jobrunner.demo.server import LocalServer
from tests.support import made_up_papers
from tests.support.program import NOT_INHERITED
from tests.support.servers.faults import status

NAMES = ALPHA, BETA = "alpha", "beta"

MODULE = """
from msgspec.structs import replace
from jobrunner.http.service import Limits
from jobrunner.sources.openalex.source import OpenAlex


class Quick(OpenAlex):
    def __init__(self, settings):
        super().__init__(settings)
        self.service = replace(self.service, name=self.name, limits=Limits(10000, 2))


class Alpha(Quick):
    name = "alpha"


class Beta(Quick):
    name = "beta"
    after = ("alpha",)
"""

Question = tuple[str, str, int]
"""A source, 'lookup' or 'search', and the number of a paper."""


def install(place: Path) -> None:
    """Install a package with the two sources in a directory."""
    information = place / "quick-1.0.dist-info"
    information.mkdir(parents=True)
    (place / "quick.py").write_text(MODULE, encoding="utf-8")
    (information / "METADATA").write_text("Name: quick\nVersion: 1.0\n", encoding="utf-8")
    points = "[jobrunner.sources]\nalpha = quick:Alpha\nbeta = quick:Beta\n"
    (information / "entry_points.txt").write_text(points, encoding="utf-8")


class World:
    """The two services; ``held`` and ``refused`` are the numbers of papers, by source."""

    def __init__(self, stack: ExitStack) -> None:
        self.servers = {name: stack.enter_context(LocalServer(OpenAlex([]))) for name in NAMES}
        self.held: dict[str, set[int]] = {}
        self.refused: dict[str, set[int]] = {}
        self.reset()

    def reset(self) -> None:
        """Be as at the beginning."""
        for name in NAMES:
            self.held[name], self.refused[name] = {0, 1, 2, 3, 6, 7}, set()
            self.serve(name)
            self.servers[name].requests.clear()

    def serve(self, name: str) -> None:
        """Let a service hold and refuse what it is to."""
        server, refused = self.servers[name], frozenset(self.refused[name])
        server.api = OpenAlex([made_up_papers.work(number) for number in sorted(self.held[name])])

        def faults(request: Request, _number: int) -> Fault | None:
            asked = {number for one in server.api.asked(request) for number in _numbers(one)}
            return status(400, "no") if asked & refused else None

        server.faults = faults

    def environment(self, packages: Path) -> dict[str, str]:
        """Return what a program needs to meet this world."""
        return {
            **{k: v for k, v in os.environ.items() if not k.startswith(NOT_INHERITED)},
            **{f"JOBRUNNER_{n.upper()}_BASE_URL": s.base_url for n, s in self.servers.items()},
            "PYTHONPATH": str(packages),
            "JOBRUNNER_DEBUG": "1",
        }

    def mark(self) -> dict[str, int]:
        """Return how many requests each service has seen."""
        return {name: len(server.requests) for name, server in self.servers.items()}

    def asked_since(self, mark: dict[str, int]) -> list[Question]:
        """Return every question since a mark."""
        return [
            (name, "search" if "title" in asked else "lookup", number)
            for name, server in self.servers.items()
            for served in server.requests[mark[name] :]
            for asked in served.ids
            for number in _numbers(asked)
        ]

    def outcome(self, name: str, number: int) -> str:
        """Return what a source says of a paper now."""
        if number in self.refused[name]:
            return "failed"
        return "enriched" if number in self.held[name] else "not_found"


def _numbers(asked: str) -> list[int]:
    found = re.search(r"study\.(\d+)$|number (\d+)", asked)
    return [int(found[1] or found[2])] if found else []
