"""The three local services in a process of their own, so that a forking process has no threads.

``python -m tests.promises.kills.service_process DIRECTORY`` serves the made-up library, logs every
request under the directory before it is answered, and obeys lines on its standard input:
``spoil 3 5`` answers broken records for these papers, ``slow 2`` answers after two seconds,
``calm`` as it should again. It ends with its standard input.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from jobrunner.demo.messages import Api, Plan, Reply
from jobrunner.demo.openalex import OpenAlex
from jobrunner.demo.server import LocalServer, Served
from tests.support import made_up_papers, three_sources
from tests.support.servers.crossref import Crossref
from tests.support.servers.faults import always, slow
from tests.support.servers.semantic_scholar import SemanticScholar

ROOT = Path(__file__).resolve().parents[3]
NUMBER = re.compile(r"study number (\d+)")

PAPERS = 52
UNKNOWN = {
    three_sources.OPENALEX: (1, 9),
    three_sources.SEMANTIC_SCHOLAR: (2, 9),
    three_sources.CROSSREF: (1, 7),
}
"""Numbers that a service does not know: some are looked up, some are searched in vain."""


def apis() -> Iterator[Api]:
    held = {name: [n for n in range(PAPERS) if n not in gone] for name, gone in UNKNOWN.items()}
    yield OpenAlex([made_up_papers.work(n) for n in held[three_sources.OPENALEX]])
    yield SemanticScholar([three_sources.paper(n) for n in held[three_sources.SEMANTIC_SCHOLAR]])
    yield Crossref([three_sources.item(n) for n in held[three_sources.CROSSREF]])


def spoiling(numbers: frozenset[int]) -> Plan:
    """Spoil the records of some papers: no source can read them."""
    return lambda _request, _number: lambda reply: _spoiled(reply, numbers)


def _spoiled(reply: Reply, numbers: frozenset[int]) -> Reply:
    try:
        answer = msgspec.json.decode(reply.body)
    except msgspec.DecodeError:
        return reply
    return replace(reply, body=msgspec.json.encode(_walk(answer, numbers)))


def _walk(value: Any, numbers: frozenset[int]) -> Any:
    if isinstance(value, list):
        return [_walk(one, numbers) for one in value]
    if not isinstance(value, dict):
        return value
    found = NUMBER.search(str(value.get("title", "")))
    if found and int(found[1]) in numbers:
        broken = {"authors": "nobody", "authorships": "nobody", "author": "nobody"}
        return {name: broken.get(name, one) for name, one in value.items()}
    return {name: _walk(one, numbers) for name, one in value.items()}


PLANS: dict[str, Callable[[list[str]], Plan | None]] = {
    "spoil": lambda words: spoiling(frozenset(map(int, words))),
    "slow": lambda words: always(slow(float(words[0]))),
    "calm": lambda _words: None,
}


def serve(directory: Path, latency: float) -> None:
    """Serve until the standard input ends."""
    with ExitStack() as stack:
        servers = {
            api.name: stack.enter_context(
                LocalServer(api, log=directory / f"{api.name}.log", latency=latency)
            )
            for api in apis()
        }
        _say({name: server.base_url for name, server in servers.items()})
        for line in sys.stdin:
            order, *words = line.split()
            plan = PLANS[order](words)
            for server in servers.values():
                server.faults = plan
            _say(order)


def _say(what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


class Services:
    """The process of the services, and its log as far as it has been read."""

    def __init__(self, directory: Path, *, latency: float = 0.004) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._logs = {name: directory / f"{name}.log" for name in three_sources.NAMES}
        self._read = dict.fromkeys(three_sources.NAMES, 0)
        command = [
            sys.executable,
            "-m",
            "tests.promises.kills.service_process",
            str(directory),
            str(latency),
        ]
        self._process = subprocess.Popen(
            command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.base_urls: dict[str, str] = self._heard()

    def order(self, *words: object) -> None:
        """Change how the services answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(" ".join(map(str, words)) + "\n")
        self._process.stdin.flush()
        self._heard()

    def _heard(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())

    def unread(self) -> int:
        """How many requests were logged since they were read."""
        return sum(len(self._lines(name)) for name in three_sources.NAMES)

    def read(self) -> dict[str, list[Served]]:
        """Return the requests since the last call."""
        return {name: self._tail(name) for name in three_sources.NAMES}

    def _tail(self, name: str) -> list[Served]:
        lines = self._lines(name)
        self._read[name] += sum(map(len, lines))
        return [msgspec.json.decode(line, type=Served) for line in lines]

    def _lines(self, name: str) -> list[bytes]:
        with self._logs[name].open("rb") as file:
            file.seek(self._read[name])
            return [line for line in file if line.endswith(b"\n")]

    def close(self) -> None:
        """End the process."""
        self._process.communicate(timeout=60)


if __name__ == "__main__":
    os.setpgid(0, 0)  # an interrupt from the keyboard is for the harness
    serve(Path(sys.argv[1]), float(sys.argv[2]))
