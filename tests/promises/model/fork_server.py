"""Starting the program at once: a process that has imported everything forks for each command.

It reads one JSON object per line (arguments, directory, environment, a kill) and writes how the
command ended. It has no threads: those would not be there in the child.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from jobrunner import crash_points
from jobrunner.store.database import Database
from tests.support.forked_program import be_program, fork, import_program, redirect

COMMIT_BEFORE, COMMIT_AFTER = "any commit, before", "any commit, after"
"""Moments of every transaction that writes, beside the named ones of the loop."""


class Done(NamedTuple):
    """How a command ended, and what it said."""

    code: int
    said: str

    @property
    def killed(self) -> bool:
        return self.code == -signal.SIGKILL


class ForkServer:
    """A process that forks for each command."""

    def __init__(self, directory: Path, environment: dict[str, str]) -> None:
        self._directory = directory
        self._said = directory / "said.txt"
        self._child = subprocess.Popen(
            [sys.executable, "-m", "tests.promises.model.fork_server"],
            cwd=Path(__file__).resolve().parents[3],
            env=environment,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def run(
        self, directory: Path, *arguments: object, kill: tuple[str, int] | None = None, **env: str
    ) -> Done:
        """Run a command to its end; ``kill`` is a moment, and which passing of it is the last."""
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        order = {
            "arguments": [str(argument) for argument in arguments],
            "directory": str(directory),
            "said": str(self._said),
            "kill": kill,
            "environment": env,
        }
        self._child.stdin.write(json.dumps(order) + "\n")
        self._child.stdin.flush()
        code = int(self._child.stdout.readline())
        return Done(code, self._said.read_text(encoding="utf-8", errors="replace"))

    def close(self) -> None:
        """Let the process end."""
        self._child.communicate()


def serve() -> None:
    """Fork for each line of standard input."""
    import_program()
    for line in sys.stdin:
        order = json.loads(line)
        child = fork()
        if not child:
            _become(order)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _become(order: dict[str, Any]) -> NoReturn:
    """Be the command, in this forked child, and end."""
    redirect(Path(order["said"]))
    os.chdir(order["directory"])
    os.environ.update(order["environment"])
    if order["kill"]:
        moment, count = order["kill"]
        if moment in (COMMIT_BEFORE, COMMIT_AFTER):
            _kill_at_commit(moment, count)
        else:
            crash_points.arm(f"{moment}:{count}")
    be_program(order["arguments"])


def _kill_at_commit(moment: str, count: int) -> None:
    """Let the process die at the n-th transaction that writes, whatever it is."""
    write = Database.write
    left = count

    @contextmanager
    def deadly(database: Database) -> Iterator[Any]:
        nonlocal left
        left -= 1
        with write(database) as connection:
            yield connection
            if moment == COMMIT_BEFORE and left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        if moment == COMMIT_AFTER and left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    Database.write = deadly  # type: ignore[method-assign, assignment]


if __name__ == "__main__":
    serve()
