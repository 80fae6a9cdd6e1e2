"""A database where locks or shared memory do not work: noticed before anything is written there."""

from __future__ import annotations

import ctypes
import os
import shutil
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from jobrunner.errors import Refused
from jobrunner.files.filesystem import ALLOW, check_place, kind_of
from tests.support import made_up_papers
from tests.support.program import Program, load, rows_of

PAPERS = made_up_papers.papers(lookups=4, searches=0)

BREAKING = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>

static int is_broken(const char *what) {
    const char *broken = getenv("BROKEN");
    return broken && !strcmp(broken, what);
}

int flock(int file, int operation) {
    if (is_broken("flock")) { errno = EOPNOTSUPP; return -1; }
    if (is_broken("exclusion")) return 0;
    return ((int (*)(int, int))dlsym(RTLD_NEXT, "flock"))(file, operation);
}

static int locking(const char *name, int file, int command, void *argument) {
    if (is_broken("fcntl") && (command == F_SETLK || command == F_SETLKW)) {
        errno = ENOLCK;
        return -1;
    }
    return ((int (*)(int, int, ...))dlsym(RTLD_NEXT, name))(file, command, argument);
}

int fcntl(int file, int command, ...) {
    va_list list;
    va_start(list, command);
    void *argument = va_arg(list, void *);
    va_end(list);
    return locking("fcntl", file, command, argument);
}

int fcntl64(int file, int command, ...) {
    va_list list;
    va_start(list, command);
    void *argument = va_arg(list, void *);
    va_end(list);
    return locking("fcntl64", file, command, argument);
}

void *mmap(void *at, size_t size, int protection, int flags, int file, off_t offset) {
    if (is_broken("mmap") && file >= 0 && flags & MAP_SHARED && protection & PROT_WRITE) {
        errno = ENODEV;
        return MAP_FAILED;
    }
    return ((void *(*)(void *, size_t, int, int, int, off_t))dlsym(RTLD_NEXT, "mmap"))(
        at, size, protection, flags, file, offset);
}

void *mmap64(void *at, size_t size, int protection, int flags, int file, off_t offset) {
    return mmap(at, size, protection, flags, file, offset);
}
"""
"""System calls as they are on file systems of other kinds; the variable BROKEN names which."""

FAULTS = {
    "flock": "its file system does not support locks (Operation not supported)",
    "fcntl": "its file system does not support locks (No locks available)",
    "exclusion": "the locks of its file system do not exclude each other",
    "mmap": "its file system does not support shared memory (No such device)",
}


@pytest.fixture(scope="module")
def breaking(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library that breaks system calls of whoever loads it first."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler")
    place = tmp_path_factory.mktemp("breaking")
    (place / "breaking.c").write_text(BREAKING, encoding="ascii")
    command = [compiler, "-shared", "-fPIC", "-o", "breaking.so", "breaking.c", "-ldl"]
    subprocess.run(command, cwd=place, check=True)
    return place / "breaking.so"


@pytest.fixture(params=FAULTS)
def broken(request: pytest.FixtureRequest, program: Program, breaking: Path) -> Program:
    """The program on a file system on which one thing does not work."""
    program.environment |= {"LD_PRELOAD": str(breaking), "BROKEN": request.param}
    return program


def fault_in(program: Program) -> str:
    return FAULTS[program.environment["BROKEN"]]


def test_a_run_where_locks_do_not_work_is_refused_before_it_makes_anything(
    broken: Program,
) -> None:
    broken.input(PAPERS)
    said = broken.run("run", "papers.json", code=5).stderr
    assert f"a database in {broken.database.parent} is not safe: {fault_in(broken)}" in said
    assert "put the database on a local disk with --db" in said
    assert not any(broken.database.parent.iterdir())


def test_a_resume_where_locks_do_not_work_is_refused_and_changes_nothing(broken: Program) -> None:
    load(broken, PAPERS)
    before = rows_of(broken)
    said = broken.run("resume", code=5).stderr
    assert fault_in(broken) in said
    assert "put the database on a local disk with --db" in said
    assert rows_of(broken) == before


def test_the_doctor_finds_that_locks_do_not_work(broken: Program) -> None:
    said = broken.run("doctor", code=1).stdout
    (line,) = (line for line in said.splitlines() if line.split()[1] == "locks")
    verdict, _, message = line.split(maxsplit=2)
    assert verdict == "problem"
    assert message.startswith(f"{broken.directory}: {fault_in(broken)}")


# ---- by the name of the file system


class Mount:
    """A real mount of a kind that is named, with nothing in it, served by this process.

    The kernel asks over a descriptor (FUSE); all that it is told is that the root is a directory.
    """

    def __init__(self, place: Path, kind: str) -> None:
        self.place = place
        place.mkdir()
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        options = f"fd={self._device},rootmode=40000,user_id=0,group_id=0"
        arguments = (b"none", os.fsencode(place), kind.encode(), 0, options.encode())
        if self._libc.mount(*arguments):
            os.close(self._device)
            raise OSError(ctypes.get_errno(), "mount")
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):  # the mount is gone
            while True:
                request = os.read(self._device, 1 << 18)
                _, operation, unique = struct.unpack_from("<IIQ", request)
                error, body = self._answer(operation)
                if error is not None:
                    head = struct.pack("<IiQ", 16 + len(body), -error, unique)
                    os.write(self._device, head + body)

    def _answer(self, operation: int) -> tuple[int | None, bytes]:
        init, get_attributes, look_up, forget = 26, 3, 1, 2
        if operation == init:
            return 0, struct.pack("<IIIIHHII8I", 7, 31, 0, 0, 12, 12, 1 << 17, 1, *(0,) * 8)
        if operation == get_attributes:
            directory = struct.pack(
                "<6Q10I", 1, 0, 0, 0, 0, 0, 0, 0, 0, 0o40755, 2, 0, 0, 0, 4096, 0
            )
            return 0, struct.pack("<QII", 60, 0, 0) + directory
        if operation == forget:
            return None, b""
        return (2 if operation == look_up else 38), b""  # ENOENT, ENOSYS

    def close(self) -> None:
        """Unmount it."""
        self._libc.umount2(os.fsencode(self.place), 2)
        os.close(self._device)


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Path]:
    """A directory that is mounted as over sshfs."""
    try:
        mount = Mount(tmp_path / "a network", "fuse.sshfs")
    except OSError:
        pytest.skip("FUSE cannot be mounted here: it needs root and /dev/fuse")
    yield mount.place
    mount.close()


def test_the_kind_of_a_mounted_file_system_is_known(network: Path) -> None:
    assert kind_of(network / "deep") == "fuse.sshfs"
    assert kind_of(network.parent) != "fuse.sshfs"


def test_a_run_on_a_network_file_system_is_refused(program: Program, network: Path) -> None:
    program.input(PAPERS)
    said = program.run("run", "papers.json", "--db", network / "state.db", code=5).stderr
    assert f"{network} is on fuse.sshfs, a network file system" in said
    assert "put the database on a local disk with --db" in said
    assert "set JOBRUNNER_NETWORK_DISK=1" in said


def test_a_network_file_system_can_be_allowed(
    network: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(ALLOW, raising=False)
    with pytest.raises(Refused, match="a network file system") as caught:
        check_place(network)
    assert str(caught.value.hint).endswith(f"set {ALLOW}=1")
    monkeypatch.setenv(ALLOW, "1")
    check_place(network)


def test_the_doctor_names_a_network_file_system(program: Program, network: Path) -> None:
    said = program.run("doctor", "--db", network / "state.db", code=1).stdout
    assert "problem  file system" in said
    assert "is on fuse.sshfs, a network file system: put the database on a local disk" in said
