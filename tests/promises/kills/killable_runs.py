"""Runs of the program that can be killed: forked from this warm process, or started afresh.

A start of the interpreter with all its imports takes longer than most of the runs that are killed
here, so most of them are forks of a process that has imported everything and has neither threads
nor an open database. Some are started as users start them, so that nothing depends on the fork.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from msgspec import Struct

from jobrunner import crash_points
from tests.promises.kills import mutations
from tests.support.forked_program import be_program, fork, import_program, redirect

LIMIT_S = 900.0
"""A run that takes longer than this hangs."""

POLL_S = 0.002


class Ended(Struct, frozen=True):
    """How a run ended: its exit code, minus the signal if one killed it; what it said."""

    code: int
    said: str

    @property
    def was_killed(self) -> bool:
        return self.code == -signal.SIGKILL


def warm_up() -> None:
    """Import what a run imports, once for all forks."""
    import_program()
    gc.collect()
    gc.freeze()


class Child:
    """One run of the program, in the background."""

    def __init__(
        self,
        directory: Path,
        environment: Mapping[str, str],
        arguments: Sequence[object],
        *,
        forked: bool,
        said: Path,
    ) -> None:
        self._said = said
        said.unlink(missing_ok=True)
        words = [str(argument) for argument in arguments]
        self.pid = _start(directory, environment, words, said, forked=forked)
        self._code: int | None = None

    def poll(self) -> bool:
        """Whether the run has ended."""
        if self._code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self._code = os.waitstatus_to_exitcode(status)
        return self._code is not None

    def wait(self, until: Callable[[], bool] = lambda: False) -> bool:
        """Wait for its end, or something else; return whether it has ended.

        Raises TimeoutError, with the run killed, if neither comes.
        """
        deadline = time.monotonic() + LIMIT_S
        while not self.poll():
            if until():
                return False
            if time.monotonic() > deadline:
                self.kill()
                raise TimeoutError(f"a run hangs: {self._text()}")
            time.sleep(POLL_S)
        return True

    def kill(self) -> None:
        """Kill it, if it has not ended, and wait until it is gone."""
        if not self.poll():
            os.kill(self.pid, signal.SIGKILL)
            _, status = os.waitpid(self.pid, 0)
            self._code = os.waitstatus_to_exitcode(status)

    def ended(self) -> Ended:
        """Wait for its end and return it."""
        self.wait()
        assert self._code is not None
        return Ended(self._code, self._text())

    def _text(self) -> str:
        """What it said; killed at once, it has not even made the file for it."""
        return self._said.read_text(errors="replace") if self._said.exists() else ""


def _start(
    directory: Path,
    environment: Mapping[str, str],
    words: Sequence[str],
    said: Path,
    *,
    forked: bool,
) -> int:
    pid = fork()
    if pid == 0:
        _become(directory, environment, words, said, forked=forked)
    return pid


def _become(
    directory: Path,
    environment: Mapping[str, str],
    words: Sequence[str],
    said: Path,
    *,
    forked: bool,
) -> NoReturn:
    """Be the program, in a fork, or in an interpreter that is started anew; never return."""
    try:
        redirect(said)
        os.chdir(directory)
        if not forked:
            command = [sys.executable, "-m", "jobrunner", *words]
            os.execve(sys.executable, command, environment)  # noqa: S606
        os.environ.clear()
        os.environ.update(environment)
        crash_points.arm(os.environ.get("JOBRUNNER_FAULT", ""))
        mutations.apply(os.environ.get(mutations.VARIABLE, ""))
        be_program(list(words))
    finally:
        os._exit(70)  # nothing may get back into the harness
