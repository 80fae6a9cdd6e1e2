"""The means to make an environment hostile, and what must be true of a session in spite of it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import struct
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from _pytest.mark import ParameterSet

from jobrunner.demo.server import LocalServer
from tests.support.program import Program, papers_of
from tests.support.session_checks import (
    assert_all_is_well,
    assert_counters_are_the_rows,
    committed_questions,
)

RUN = ("run", "papers.json", "-o", "out.json", "--batch-size", 10, "--checkpoint-interval", 0.002)
KILLED = -signal.SIGKILL
MANY = 1_000_000
"""So many calls fail that all later ones do."""


def torture(*values: object) -> ParameterSet:
    """Keep a case of a test out of the default suite, for which all of them take too long."""
    return pytest.param(*values, marks=pytest.mark.torture)


# ---- disks


@contextmanager
def disk(place: Path, size: str) -> Iterator[Path]:
    """Mount a small disk during the block."""
    place.mkdir(parents=True, exist_ok=True)
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    if _fails("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place):
        pytest.skip("mounting is not allowed here")
    try:
        yield place
    finally:
        assert not _fails("umount", "-l", place)


def remount(place: Path, how: str) -> bool:
    """Make a mounted disk read-only (``ro``) or writable (``rw``) again; False if it is in use."""
    return not _fails("mount", "-o", f"remount,{how}", place)


def _fails(*command: str | Path) -> bool:
    return bool(subprocess.run(command, capture_output=True, check=False).returncode)


def fill(directory: Path, *, leaving: int = 0) -> None:
    """Use up a small disk, but for some bytes."""
    left = shutil.disk_usage(directory).free - leaving
    with suppress(OSError), (directory / "filling").open("ab", 0) as file:
        while left > 0:
            left -= file.write(b"\0" * min(left, 1 << 20))


def free(directory: Path) -> None:
    """Give back what :func:`fill` used up."""
    (directory / "filling").unlink()


# ---- calls that fail, and clocks


@pytest.fixture(scope="session")
def library_of_faults(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The C library of ``faulty.c``, to be preloaded."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("there is no C compiler")
    built = tmp_path_factory.mktemp("library") / "faulty.so"
    source = Path(__file__).with_name("faulty.c")
    command = [compiler, "-shared", "-fPIC", "-O1", "-o", str(built), str(source), "-ldl"]
    subprocess.run(command, check=True)
    return built


class Faults:
    """Calls of the C library that fail in a program, and a clock that a test can set."""

    def __init__(self, program: Program, library: Path) -> None:
        self._environment = program.environment
        self._log = program.directory.with_name("faults.log")
        self._now = program.directory.with_name("now")
        self._environment |= {"LD_PRELOAD": str(library), "FAULTY_NOW": str(self._now)}
        self._now.write_bytes(struct.pack("dd", 0.0, 1.0))

    def fail(self, call: str, path: str, error: int, *, first: int = 1, count: int = 1) -> None:
        """Let calls fail (read, write, sync or rename) on the files whose path ends so."""
        self._environment["FAULTY"] = f"{call}:{path}:{error}:{first}:{count}"
        self._environment["FAULTY_LOG"] = str(self._log)

    def stop(self) -> int:
        """Let no more calls fail; return how many did."""
        self._environment.pop("FAULTY", None)
        told = self._log.read_text(encoding="utf-8").splitlines() if self._log.exists() else []
        return len(told)

    def set_clock(self, ahead: float) -> None:
        """Set the clock of the program, also while it runs, to so many seconds ahead."""
        self._set(0, ahead)

    def wait(self) -> None:
        """Let calls succeed, uncounted, until :meth:`begin`, also while the program runs."""
        self._set(1, 0.0)

    def begin(self) -> None:
        """Let the calls fail from now on."""
        self._set(1, 1.0)

    def _set(self, place: int, value: float) -> None:
        with self._now.open("r+b") as file:
            file.seek(8 * place)
            file.write(struct.pack("d", value))


# ---- locks and limits


HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=900)
for statement in sys.argv[2:]:
    connection.execute(statement).fetchall()
print("held", flush=True)
sys.stdin.readline()
"""

Hold = Callable[..., "subprocess.Popen[str]"]


@contextmanager
def holders(python: str) -> Iterator[Hold]:
    """Let other processes hold locks on a database, at most until the end of the block."""
    with ExitStack() as stack:

        def hold(database: Path, *statements: str) -> subprocess.Popen[str]:
            child = stack.enter_context(
                subprocess.Popen(
                    [python, "-c", HOLD, str(database), *statements],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            stack.callback(child.kill)
            assert child.stdout is not None
            assert child.stdout.readline() == "held\n"
            return child

        yield hold


def limited(**limits: int) -> tuple[str, ...]:
    """Return the command that starts a program under limits, such as ``nofile=20``."""
    if shutil.which("prlimit") is None:
        pytest.skip("there is no prlimit")
    return "prlimit", *(f"--{name}={value}" for name, value in limits.items())


def without_privileges() -> tuple[str, ...]:
    """Return the command that starts a program which file permissions bind, also as root."""
    if os.geteuid() != 0:
        return ()
    if shutil.which("setpriv") is None:
        pytest.skip("root may write everywhere, and there is no setpriv")
    powers = ("dac_override", "dac_read_search", "fowner", "linux_immutable")
    return "setpriv", "--bounding-set", ",".join(f"-{power}" for power in powers)


# ---- what must be true


def told(done: subprocess.CompletedProcess[str]) -> str:
    """Return the error of a run that failed: one line, with one that says what to do next."""
    assert "Traceback" not in done.stderr
    errors = re.findall(r"^error: (.+)\n  (.+)$", done.stderr, re.MULTILINE)
    assert len(errors) == done.stderr.count("error: ") == 1, done.stderr
    message, hint = errors[0]
    assert "bug" not in hint, done.stderr
    return f"{message}|{hint}"


def assert_it_goes_on(
    program: Program, server: LocalServer, uninterrupted: list[dict[str, Any]]
) -> None:
    """Nothing committed is lost or asked for again, and the end is as if nothing had happened.

    A list that was not loaded whole has left nothing, and is given anew.
    """
    asked_before = len(server.requests)
    committed: set[str] = set()
    if program.has_started():
        assert_counters_are_the_rows(program)
        program.call("status")
        program.call("verify")
        committed = committed_questions(program)
        program.call("resume", "-o", "out.json", code=None)
    else:
        program.call(*RUN)
    asked_again = {name for one in server.requests[asked_before:] for name in one.ids}
    assert committed.isdisjoint(asked_again)
    assert program.query("SELECT DISTINCT status FROM session") == [("completed",)]
    assert_all_is_well(program)
    assert papers_of(program.directory / "out.json") == uninterrupted
