"""The three local services in one process: ``python -m benchmarks.compare_versions.serving``.

They are this checkout's stand-ins, whatever the two versions are, so both are served alike. The
first line of the output is JSON with their addresses. Then each line of the input is an order:
``hold N`` lets N requests be answered and keeps all later ones waiting, and the first of these is
told with the line ``held``; ``release`` lets all be answered. An order is answered with ``done N``:
so many requests came since the order before.
"""

from __future__ import annotations

import json
import sys
import threading
from contextlib import ExitStack
from pathlib import Path

from jobrunner.demo.messages import Api, Fault, Reply, Request
from jobrunner.demo.openalex import OpenAlex
from jobrunner.demo.record_files import PAPERS, WORKS, load_records
from jobrunner.demo.server import LocalServer
from tests.support.servers.crossref import Crossref
from tests.support.servers.semantic_scholar import SemanticScholar


class Gate:
    """Counts requests, and keeps those waiting that come after the last one allowed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left: int | None = None
        self._opened = threading.Event()
        self._came = 0

    def order(self, text: str) -> None:
        """Do what a line of the input says."""
        word, _, number = text.partition(" ")
        with self._lock:
            self._opened.set()
            self._left = None
            if word == "hold":
                self._opened = threading.Event()
                self._left = int(number)
            came, self._came = self._came, 0
        say(f"done {came}")

    def plan(self, _request: Request, _number: int) -> Fault | None:
        """Return what is done to the answer of a request: it waits at the gate, or nothing."""
        with self._lock:
            self._came += 1
            if self._left is None:
                return None
            self._left -= 1
            if self._left >= 0:
                return None
            first, opened = self._left == -1, self._opened

        def wait(reply: Reply) -> Reply:
            if first:
                say("held")
            opened.wait()
            return reply

        return wait


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main(records: Path) -> None:
    """Serve until the input ends."""
    gate = Gate()
    with ExitStack() as stack:
        urls = {}
        for api in _services(records):
            server = stack.enter_context(LocalServer(api, faults=gate.plan))
            urls[api.name] = server.base_url
        say(json.dumps({"urls": urls, "sample": str(PAPERS)}))
        for line in sys.stdin:
            gate.order(line.strip())


def _services(records: Path) -> tuple[Api, ...]:
    """Return the services; OpenAlex also knows the papers of the sample."""
    works = load_records(records / "openalex_works.jsonl.gz") + load_records(WORKS)
    return (
        OpenAlex(works),
        SemanticScholar(load_records(records / "s2_papers.jsonl.gz")),
        Crossref(load_records(records / "crossref_works.jsonl.gz")),
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
