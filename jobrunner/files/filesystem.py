"""Check whether a directory is safe for a database: it needs working locks and shared memory.

SQLite's write-ahead log requires memory shared between its processes, and only locks prevent two
runners. Network file systems guarantee neither, and they fail silently.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from jobrunner.errors import Refused

NETWORK = frozenset(
    (
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre"),
        *("gpfs", "beegfs", "orangefs", "panfs", "ocfs2", "gfs2"),
        *("fuse.sshfs", "fuse.glusterfs", "fuse.ceph", "fuse.s3fs", "fuse.rclone", "fuse.juicefs"),
    )
)
"""File systems on which SQLite's write-ahead log or locks are known to be unsafe."""

ALLOW = "JOBRUNNER_NETWORK_DISK"
"""The variable that allows a network disk if set to 1: only one machine uses the database."""


def check_place(directory: Path) -> None:
    """Refuse a directory on a network file system. Raises :class:`Refused`."""
    kind = kind_of(directory)
    if kind in NETWORK and os.environ.get(ALLOW) != "1":
        raise Refused(
            f"{directory} is on {kind}, a network file system, where a database is not safe:"
            " machines share neither locks nor SQLite's log",
            hint="put the database on a local disk with --db, or, if only this machine uses it,"
            f" set {ALLOW}=1",
        )


def check_locks(directory: Path) -> None:
    """Refuse a directory in which locks or shared memory do not work. Raises :class:`Refused`."""
    fault = fault_of(directory)
    if fault is not None:
        raise Refused(
            f"a database in {directory} is not safe: {fault}",
            hint="put the database on a local disk with --db",
        )


def kind_of(directory: Path) -> str:
    """Return the type of the file system of a directory, or '' if unknown."""
    best, kind = "", ""
    for mount_point, type_ in _mounts():
        inside = directory == Path(mount_point) or Path(mount_point) in directory.parents
        if inside and len(mount_point) >= len(best):
            best, kind = mount_point, type_
    return kind


def _mounts() -> Iterator[tuple[str, str]]:
    try:
        lines = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return
    for line in lines.splitlines():
        fields = line.split(" ")
        yield re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), fields[1]), fields[2]


def fault_of(directory: Path) -> str | None:
    """Test locks and shared memory on a temporary file. Return the fault, or None if all works.

    Also None if no file can be created there: opening the database will report why.
    """
    try:
        with tempfile.TemporaryFile(dir=directory, prefix=".jobrunner-", buffering=0) as file:
            return _fault(file)
    except OSError:
        return None


def _fault(file: IO[bytes]) -> str | None:
    # Both kinds of locks: jobrunner uses flock, SQLite uses lockf.
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _can_lock_again(file):
            return "the locks of its file system do not exclude each other"
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1)
    except OSError as error:
        return f"its file system does not support locks ({error.strerror})"
    try:
        file.truncate(mmap.PAGESIZE)
    except OSError:  # a limit of the process or the disk, not a fault of the file system
        return None
    try:
        mmap.mmap(file.fileno(), mmap.PAGESIZE).close()
    except OSError as error:
        if error.errno != errno.ENOMEM:
            return f"its file system does not support shared memory ({error.strerror})"
    return None


def _can_lock_again(file: IO[bytes]) -> bool:
    """Return whether a second holder can take the lock of the first."""
    try:
        second = os.open(f"/proc/self/fd/{file.fileno()}", os.O_RDWR | os.O_CLOEXEC)
    except OSError:  # no /proc: cannot be tested
        return False
    try:
        fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(second)
    return True
