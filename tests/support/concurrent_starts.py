"""Many starts of the program at the very same moment: forks of one process that has it loaded.

A start from nothing takes half a second, and its moment varies by more than any race lasts; these
wait at a gate with everything imported, so that hundreds of them meet.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple, NoReturn

from jobrunner.store import database
from tests.support.events import LIMIT_S
from tests.support.forked_program import be_program, fork, import_program, redirect


class End(NamedTuple):
    """How one start ended; ``code`` is None for one that goes on working."""

    command: str
    pid: int
    code: int | None
    out: str
    err: str


class Crowd:
    """The process that forks; it is started once for many races."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.concurrent_starts"],
            cwd=Path(__file__).resolve().parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def race(
        self,
        directory: Path,
        environment: dict[str, str],
        commands: list[list[str]],
        *,
        kill: int | None = None,
        stay: int = 0,
    ) -> list[End]:
        """Start all commands at once, and kill a process as the gate opens.

        Returns when at most ``stay`` of them are still at work; those are killed then.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        wanted = {
            "directory": str(directory),
            "environment": environment,
            "commands": commands,
            "kill": kill,
            "stay": stay,
        }
        self._process.stdin.write(json.dumps(wanted) + "\n")
        self._process.stdin.flush()
        return [End(*end) for end in json.loads(self._process.stdout.readline())]

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        with self._process:
            self._process.stdin.close()


def _start(command: list[str], gate: int, place: Path) -> NoReturn:
    """Wait for the gate, then be the program."""
    redirect(place / f"{os.getpid()}.out", place / f"{os.getpid()}.err")
    os.read(gate, 1)
    be_program(command)


def _reap(children: dict[int, list[str]], stay: int) -> dict[int, int]:
    """Wait until at most ``stay`` children are at work, and kill those.

    Returns the exit codes of the others by pid.
    """
    ended: dict[int, int] = {}
    deadline = time.monotonic() + LIMIT_S
    while len(ended) < len(children) - stay and time.monotonic() < deadline:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid:
            ended[pid] = os.waitstatus_to_exitcode(status)
        else:
            time.sleep(0.01)
    for pid in children.keys() - ended.keys():
        while time.monotonic() < deadline and not _is_at_work(pid):
            over, status = os.waitpid(pid, os.WNOHANG)
            if over:
                ended[pid] = os.waitstatus_to_exitcode(status)
                break
            time.sleep(0.05)
        else:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    return ended


def _is_at_work(pid: int) -> bool:
    """Tell whether a process has registered itself as a runner: it is no slow loser of the race."""
    query = "SELECT 1 FROM run WHERE pid = ? AND ended_at IS NULL"
    address = "file:.jobrunner/state.db?mode=ro"
    with suppress(sqlite3.Error), closing(sqlite3.connect(address, uri=True)) as connection:
        return connection.execute(query, (pid,)).fetchone() is not None
    return False


def _run(commands: list[list[str]], kill: int | None, stay: int, place: Path) -> list[End]:
    gate, opener = os.pipe()
    children: dict[int, list[str]] = {}
    for command in commands:
        pid = fork()
        if pid == 0:
            os.close(opener)
            _start(command, gate, place)
        children[pid] = command
    if kill is not None:
        os.kill(kill, signal.SIGKILL)
    os.close(opener)
    os.close(gate)
    ended = _reap(children, stay)
    return [
        End(
            " ".join(command),
            pid,
            ended.get(pid),
            (place / f"{pid}.out").read_text(encoding="utf-8"),
            (place / f"{pid}.err").read_text(encoding="utf-8"),
        )
        for pid, command in children.items()
    ]


if __name__ == "__main__":
    import_program()
    database.BUSY_TIMEOUT_MS = int(1000 * LIMIT_S)  # a busy machine keeps them waiting for long
    for line in sys.stdin:
        wanted = json.loads(line)
        os.chdir(wanted["directory"])
        os.environ.clear()
        os.environ.update(wanted["environment"])
        with TemporaryDirectory() as name:
            ends = _run(wanted["commands"], wanted["kill"], wanted["stay"], Path(name))
        sys.stdout.write(json.dumps(ends) + "\n")
        sys.stdout.flush()
