"""A small, fast local HTTP/1.1 server that simulates a service and can inject faults.

::

    with LocalServer(OpenAlex(works)) as server:
        ask(server.base_url)
        assert server.requests[0].ids == ("doi:10.1000/182",)
"""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
from msgspec import Struct

from jobrunner.demo.connections import Listener
from jobrunner.demo.limits import Violation, Watch
from jobrunner.demo.messages import Allowed, Api, Plan, Reply, Request

DROPPED = 0
"""The logged status of a request whose connection was reset."""


class Served(Struct, frozen=True, kw_only=True):
    """One served request. ``started`` and ``ended`` are times of the monotonic clock.

    ``query`` is as sent. ``ids`` holds what was requested, as the protocol writes it
    ('doi:10.1000/182', 'title.search:some words'). ``faulty``: a fault was injected.
    """

    started: float
    ended: float
    method: str
    path: str
    query: str
    status: int
    ids: tuple[str, ...] = ()
    faulty: bool = False


class LocalServer:
    """Serves an API on 127.0.0.1, as a context manager or after :meth:`start`.

    ``log``: a file to which each request is appended as a line of JSON before it is answered.
    ``latency``: seconds before each reply. ``enforce``: reply 429 beyond the published limits
    (:attr:`violations` are counted in any case). ``faults``: the plan of faults to inject; it may
    be replaced at any time.
    """

    def __init__(
        self,
        api: Api,
        *,
        port: int = 0,
        log: Path | str | None = None,
        latency: float = 0.0,
        enforce: bool = False,
        faults: Plan | None = None,
    ) -> None:
        self.api = api
        self.latency = latency
        self.enforce = enforce
        self.faults = faults
        self.requests: list[Served] = []
        self.violations: list[Violation] = []
        self._port = port
        self._log = _Log(log)
        self._watch = Watch()
        self._number = 0
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._listener: Listener | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def port(self) -> int:
        """The port of the server, valid also after :meth:`stop`."""
        return self._port

    @property
    def base_url(self) -> str:
        """The base URL for clients."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start serving. A stopped server restarts on the same port."""
        self._stopping.clear()
        self._log.open()
        self._listener = Listener(self._port, self.handle)
        self._port = self._listener.port
        self._listener.start()

    def stop(self) -> None:
        """Close all connections and refuse new ones."""
        self._stopping.set()
        if self._listener is not None:
            self._listener.stop()
            self._listener = None
        self._log.close()

    def handle(self, request: Request, started: float) -> Reply:
        """Count and log a request; return its reply after the delay."""
        allowed = self.api.allowed(request)
        number, refused = self._begin(allowed, started)
        reply, faulty = Reply(status=DROPPED, drop=True), False
        try:
            reply, faulty = self._reply(request, number, refused=refused)
            if self.latency or reply.delay:
                self._stopping.wait(self.latency + reply.delay)
        finally:
            self._end(request, allowed, started, reply, faulty=faulty)
        return reply

    def _begin(self, allowed: Allowed, started: float) -> tuple[int, bool]:
        with self._lock:
            self._number += 1
            violations = self._watch.begin(allowed, started)
            self.violations += violations
            refused = self.enforce and bool(violations)
            if refused:
                self._watch.refuse(allowed)
            return self._number, refused

    def _reply(self, request: Request, number: int, *, refused: bool) -> tuple[Reply, bool]:
        if refused:
            return self.api.too_many(request), False
        plan = self.faults
        if plan is None:
            return self.api.answer(request), False
        with self._lock:
            fault = plan(request, number)
        if isinstance(fault, Reply):
            return fault, True
        reply = self.api.answer(request)
        return (reply, False) if fault is None else (fault(reply), True)

    def _end(
        self, request: Request, allowed: Allowed, started: float, reply: Reply, *, faulty: bool
    ) -> None:
        served = Served(
            started=started,
            ended=time.monotonic(),
            method=request.method,
            path=request.path,
            query=request.raw_query,
            status=DROPPED if reply.drop else reply.status,
            ids=self.api.asked(request),
            faulty=faulty,
        )
        with self._lock:
            self._watch.end(allowed)
            self.requests.append(served)
        self._log.append(served)


class _Log:
    """A file of JSON lines. Each line is one write, so a killed process leaves no partial line."""

    def __init__(self, path: Path | str | None) -> None:
        self._path = path
        self._file: int | None = None

    def open(self) -> None:
        if self._path is not None:
            self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def append(self, served: Served) -> None:
        if self._file is not None:
            os.write(self._file, msgspec.json.encode(served) + b"\n")

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


def read_log(path: Path | str) -> list[Served]:
    """Return the requests in a log file, even while the server is running."""
    lines = Path(path).read_bytes().splitlines(keepends=True)
    return [msgspec.json.decode(line, type=Served) for line in lines if line.endswith(b"\n")]
