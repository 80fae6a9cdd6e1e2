"""Recording what the program does to its files, in order, with a library under its C library."""

from __future__ import annotations

import shutil
import struct
import subprocess
from enum import IntEnum
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.program import Program

SOURCE = Path(__file__).with_name("recorder.c")
EXTRA_PRAGMA = Path(__file__).with_name("extra_pragma")
HEAD = struct.Struct("=IIIIQQQ")


ANNOUNCED = "--- another command"


class Kind(IntEnum):
    """What a record tells; the numbers are those of ``recorder.c``."""

    CREATE = 1
    WRITE = 2
    TRUNCATE = 3
    SYNC = 4
    RENAME = 5
    LINK = 6
    UNLINK = 7
    MKDIR = 8
    RMDIR = 9
    SAY = 10


WITH_DATA = (Kind.WRITE, Kind.SAY)


class Op(NamedTuple):
    """One change, in the order in which they happened."""

    kind: Kind
    path: str
    other: str = ""
    inode: int = 0
    offset: int = 0
    data: bytes = b""
    size: int = 0


def compile_recorder(directory: Path) -> Path:
    """Return the recorder as a library, or skip the test where there is no C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("there is no C compiler for the recorder")
    library = directory / "recorder.so"
    command = [compiler, "-O2", "-shared", "-fPIC", "-o", str(library), str(SOURCE)]
    subprocess.run([*command, "-ldl", "-lpthread"], check=True)
    return library


def variables(root: Path, library: Path, log: Path) -> dict[str, str]:
    """Return the environment in which a process has its changes below a directory recorded."""
    return {"LD_PRELOAD": str(library), "POWER_ROOT": str(root), "POWER_LOG": str(log)}


def record(program: Program, library: Path, log: Path, *, pragma: str = "") -> None:
    """Let every later start of a program append its changes under its directory to a log.

    ``pragma`` is executed by each of its writing connections: how the harness is tested itself.
    """
    program.environment |= variables(program.directory, library, log)
    if pragma:
        program.environment |= {"PYTHONPATH": str(EXTRA_PRAGMA), "POWER_PRAGMA": pragma}


def announce(log: Path) -> None:
    """Note in a log that the user starts another command: what was said before may change now."""
    said = f"{ANNOUNCED}\n".encode()
    with log.open("ab") as file:
        file.write(HEAD.pack(Kind.SAY, 0, 0, 0, 0, 0, len(said)) + said)


def stop_recording(program: Program) -> None:
    """Let later starts of a program be unobserved and as they are."""
    for name in ("LD_PRELOAD", "POWER_ROOT", "POWER_LOG", "PYTHONPATH", "POWER_PRAGMA"):
        program.environment.pop(name, None)


def read_log(log: Path) -> list[Op]:
    """Return what was recorded."""
    data, ops, at = log.read_bytes(), [], 0
    while at < len(data):
        number, path, other, _, inode, offset, length = HEAD.unpack_from(data, at)
        kind = Kind(number)
        ends = [at + HEAD.size, path, other, length if kind in WITH_DATA else 0]
        for index in range(1, 4):
            ends[index] += ends[index - 1]
        first, second, third = (data[ends[i] : ends[i + 1]] for i in range(3))
        at = ends[3]
        ops.append(
            Op(kind, first.decode(), second.decode(), inode, offset, third, length - len(third))
        )
    assert at == len(data), "the log ends in the middle of a record"
    return ops
