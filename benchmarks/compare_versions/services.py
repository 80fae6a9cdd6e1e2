"""Starting the services, and telling them when to let a program wait."""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import IO, Self, cast

from benchmarks.compare_versions.versions import ROOT

SERVING = (sys.executable, "-m", "benchmarks.compare_versions.serving")
LOOK_S = 0.1


class Services:
    """The three services, in a process of their own; ``urls`` are their addresses, by name."""

    def __init__(self, records: Path) -> None:
        self._child = subprocess.Popen(
            [*SERVING, records.resolve()],
            cwd=ROOT,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._orders = cast("IO[str]", self._child.stdin)
        self._answers = cast("IO[str]", self._child.stdout)
        self._said: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def __enter__(self) -> Self:
        told = json.loads(self._hear())
        self.urls: dict[str, str] = told["urls"]
        self.sample = Path(told["sample"])
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._child.terminate()
        self._child.wait()

    def hold(self, after: int) -> None:
        """Let so many more requests be answered, and no others until :meth:`release`."""
        self._order(f"hold {after}")

    def release(self) -> int:
        """Answer everything. Return how many requests came since the last order."""
        return self._order("release")

    def wait_until_held(self, program: subprocess.Popen[str]) -> bool:
        """Wait until a request is kept waiting; False if the program ended before."""
        while program.poll() is None:
            try:
                return self._said.get(timeout=LOOK_S) == "held"
            except queue.Empty:
                continue
        return False

    def _order(self, text: str) -> int:
        self._orders.write(text + "\n")
        self._orders.flush()
        while not (said := self._hear()).startswith("done"):
            pass
        return int(said.removeprefix("done"))

    def _hear(self) -> str:
        said = self._said.get()
        if not said:
            raise RuntimeError("the services have ended")
        return said

    def _listen(self) -> None:
        for line in self._answers:
            self._said.put(line.strip())
        self._said.put("")
