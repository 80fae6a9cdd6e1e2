"""Starting programs as a user would, and what each took."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from benchmarks.speed.workload import SOURCES

ROOT = Path(__file__).resolve().parents[2]
JOBRUNNER = (sys.executable, "-m", "jobrunner")


class Cost(NamedTuple):
    """What one process took."""

    wall_s: float
    cpu_s: float
    peak_mb: float


class Place(NamedTuple):
    """Where a benchmark works: a directory of its own, and that of the plug-ins."""

    directory: Path
    packages: Path

    def start(
        self, *command: object, variables: Mapping[str, str] | None = None, own_group: bool = False
    ) -> subprocess.Popen[bytes]:
        """Start a program there; what it says goes to the file said.txt."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("JOBRUNNER_")}
        paths = os.pathsep.join((str(self.packages), str(ROOT)))
        with (self.directory / "said.txt").open("ab") as said:
            return subprocess.Popen(
                [str(part) for part in command],
                cwd=self.directory,
                env={**environment, "PYTHONPATH": paths, **(variables or {})},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                process_group=0 if own_group else None,
            )

    def measure(self, *command: object, **variables: str) -> Cost:
        """Run a program to its end. Raises CalledProcessError if it fails."""
        began = time.monotonic()
        return finish(self.start(*command, variables=variables), began)

    @property
    def state(self) -> Path:
        """The database of the runs there."""
        return self.directory / ".jobrunner" / "state.db"


def finish(child: subprocess.Popen[bytes], began: float) -> Cost:
    """Wait for a program's end. Raises CalledProcessError if it fails."""
    _, status, used = os.wait4(child.pid, 0)
    wall = time.monotonic() - began
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, child.args)
    return Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def run(papers: Path, *options: object, sources: tuple[str, ...] = SOURCES) -> list[object]:
    """Return the command for a run of a list."""
    named = [part for source in sources for part in ("--source", source)]
    return [*JOBRUNNER, "run", papers, *named, *options]
