"""The three local services in one process, run by the Python of the older version.

They are those of the older version's ``jobrunner.demo``, so both versions are served alike. The
first line of the output is JSON with their addresses. Then each line of the input is an order:
``hold N`` lets N requests be answered and keeps all later ones waiting, and the first of these is
told with the line ``held``; ``release`` lets all be answered.
"""

from __future__ import annotations

import importlib
import json
import sys
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any

RECORDS = {
    "OpenAlex": "openalex_works.jsonl.gz",
    "SemanticScholar": "s2_papers.jsonl.gz",
    "Crossref": "crossref_works.jsonl.gz",
}


class Gate:
    """Counts requests, and keeps those waiting that come after the last one allowed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left: int | None = None
        self._opened = threading.Event()

    def order(self, text: str) -> None:
        """Do what a line of the input says."""
        word, _, number = text.partition(" ")
        with self._lock:
            self._opened.set()
            self._left = None
            if word == "hold":
                self._opened = threading.Event()
                self._left = int(number)
        say("done")

    def plan(self, _request: object, _number: int) -> object:
        """Return what is done to the answer of a request: it waits at the gate, or nothing."""
        with self._lock:
            if self._left is None:
                return None
            self._left -= 1
            if self._left >= 0:
                return None
            first, opened = self._left == -1, self._opened

        def wait(reply: object) -> object:
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
    sample: Any = importlib.import_module("jobrunner.demo")
    gate = Gate()
    with ExitStack() as stack:
        urls = {}
        for kind, name in RECORDS.items():
            served = sample.load_records(records / name)
            if kind == "OpenAlex":
                served += sample.load_records(sample.WORKS)
            api = getattr(sample, kind)(served)
            server = stack.enter_context(sample.LocalServer(api, faults=gate.plan))
            urls[api.name] = server.base_url
        say(json.dumps({"urls": urls, "sample": str(sample.PAPERS)}))
        for line in sys.stdin:
            gate.order(line.strip())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
