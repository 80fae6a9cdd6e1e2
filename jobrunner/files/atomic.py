"""Atomic file writes, with checksum files for ``sha256sum -c``."""

from __future__ import annotations

import contextlib
import glob
import hashlib
import os
import secrets
import shutil
import stat
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct

from jobrunner import crash_points
from jobrunner.errors import FileError
from jobrunner.files.checksums import sidecar_line, sidecar_of
from jobrunner.files.directories import is_at, make_directory, sync_directory
from jobrunner.files.locks import directory_lock, try_lock
from jobrunner.files.path_queries import named_like
from jobrunner.files.system_errors import remedy

READ_ONLY = 0o444
CHUNK = 1 << 20
"""Bytes per write. Smaller writes spend more time switching threads."""

AHEAD = 8
"""Blocks that may be queued for the writing thread, so that a sync does not stall the caller."""

SYNC_EVERY = 16 << 20
"""Bytes between syncs. A single sync at the end of a large file would delay the run's commits."""


class Written(Struct, frozen=True):
    """The SHA-256 (in hex) and the size in bytes of a written file."""

    sha256: str
    bytes: int


def write_whole(
    path: Path, chunks: Iterable[bytes], *, mode: int | None = None, summed: bool = False
) -> Written:
    """Write a file atomically: a crash at any moment leaves the old file or the new one, complete.

    The bytes are written to a temporary file in the same directory and synced. The file is then
    renamed and the directory synced. ``summed``: also write its checksum next to it, safe against
    concurrent writers of the same file. Without ``mode``, the file keeps the mode of the one that
    it replaces. Raises :class:`FileError`; the temporary file is then deleted and the old file
    unchanged.
    """
    try:
        make_directory(path.parent)
        with _temporary(path, mode) as (temporary, file):
            written = _write(file, chunks)
            crash_points.point("snapshot.written")
            if summed:
                _put_pair(temporary, path, written.sha256)
            else:
                _put(temporary, path)
    except OSError as error:
        raise FileError(
            f"cannot write {path}: {error.strerror or error}",
            hint=f"{remedy(error)}, or choose another path",
        ) from error
    return written


@contextlib.contextmanager
def _temporary(path: Path, mode: int | None = None) -> Iterator[tuple[Path, BinaryIO]]:
    """Create a temporary file next to ``path``, on the same file system; delete it if not renamed.

    It stays open, and so locked against :func:`_sweep`, until it is renamed.
    """
    temporary, descriptor = _make(path, 0o666 if mode is None else mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if mode is None:
                _take_mode(descriptor, path)
            yield temporary, file
    finally:
        _discard(temporary)


def _make(path: Path, mode: int) -> tuple[Path, int]:
    """Create and lock a new file next to ``path``. Retry if another process sweeps it first."""
    while True:
        temporary = _new_name(path)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        if _hold(descriptor) and is_at(temporary, os.fstat(descriptor)):
            return temporary, descriptor
        os.close(descriptor)


def _take_mode(descriptor: int, replaced: Path) -> None:
    """Give a new file the mode, and if possible the owner, of the file that it replaces."""
    with contextlib.suppress(OSError):
        old = replaced.stat()
        with contextlib.suppress(PermissionError):
            os.fchown(descriptor, old.st_uid, old.st_gid)
        os.fchmod(descriptor, stat.S_IMODE(old.st_mode))


def _new_name(path: Path) -> Path:
    """Return a new temporary name next to a file, after deleting leftovers."""
    _sweep(path)
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")


def _sweep(path: Path) -> None:
    """Delete temporary files of killed processes. A live writer holds a lock on its own."""
    for left in named_like(path.parent, f".{glob.escape(path.name)}.????????.tmp"):
        with contextlib.suppress(OSError), left.open("rb") as file:
            if try_lock(file.fileno()):
                left.unlink()


def _put(temporary: Path, path: Path) -> None:
    """Rename a finished file to its final name, durably.

    The old checksum is durably deleted first, so that no file ever has the checksum of another.
    """
    with contextlib.suppress(FileNotFoundError):
        sidecar_of(path).unlink()
        sync_directory(path.parent)
    temporary.replace(path)
    sync_directory(path.parent)


def _put_pair(temporary: Path, path: Path, sha256: str) -> None:
    """Rename a finished file and its checksum to their final names under one lock.

    Without the lock, two concurrent writers could leave the file of one with the checksum of the
    other.
    """
    written = temporary.stat()
    with _temporary(sidecar_of(path)) as (sidecar, file):
        _write(file, [sidecar_line(path, sha256)])
        crash_points.point("snapshot.written")
        with directory_lock(path.parent):
            _put(temporary, path)
            crash_points.point("publish.renamed")
            # Another writer whose wait for the lock timed out may have replaced the file.
            if is_at(path, written):
                _put(sidecar, sidecar_of(path))


def _discard(temporary: Path) -> None:
    """Delete a temporary file if it exists, without hiding an earlier error."""
    with contextlib.suppress(OSError):
        temporary.unlink()


def _write(file: BinaryIO, chunks: Iterable[bytes]) -> Written:
    """Write and sync a new file.

    A second thread hashes, writes and syncs one block while the caller produces the next: these
    calls release the interpreter lock.
    """
    digest = hashlib.sha256()
    size = synced = 0

    def put(block: bytes) -> None:
        nonlocal size, synced
        digest.update(block)
        size += file.write(block)
        if size - synced >= SYNC_EVERY:
            file.flush()
            os.fsync(file.fileno())
            synced = size

    with ThreadPoolExecutor(1) as writer:
        under_way: deque[Future[None]] = deque()
        for block in _blocks(chunks):
            under_way.append(writer.submit(put, block))
            if len(under_way) > AHEAD:
                under_way.popleft().result()
        for write in under_way:
            write.result()
    file.flush()
    os.fsync(file.fileno())
    return Written(digest.hexdigest(), size)


def _blocks(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Join chunks into blocks large enough to be worth a thread switch."""
    block: list[bytes] = []
    size = 0
    for chunk in chunks:
        block.append(chunk)
        size += len(chunk)
        if size >= CHUNK:
            yield b"".join(block)
            block.clear()
            size = 0
    yield b"".join(block)


def _hold(descriptor: int) -> bool:
    """Lock a temporary file against :func:`_sweep`. Return False if it is being swept."""
    try:
        return try_lock(descriptor)
    except OSError:  # a file system without locks: nothing can be swept there either
        return True


def write_sidecar(path: Path, sha256: str) -> None:
    """Write the checksum of a file next to it, in the format of ``sha256sum -c --strict``."""
    write_whole(sidecar_of(path), [sidecar_line(path, sha256)])


def publish(source: Path, target: Path, sha256: str, *, link: bool) -> None:
    """Make ``target`` a copy of ``source``, or a hard link to it, with its own checksum file."""
    if not (link and _link(source, target, sha256)):
        _copy(source, target, sha256)


def _link(source: Path, target: Path, sha256: str) -> bool:
    temporary = _new_name(target)
    try:
        temporary.hardlink_to(source)
        _put_pair(temporary, target, sha256)
    except OSError:  # such as a file system without hard links
        return False
    finally:
        _discard(temporary)
    return True


def _copy(source: Path, target: Path, sha256: str) -> None:
    try:
        make_directory(target.parent)
        with source.open("rb") as old, _temporary(target) as (temporary, new):
            shutil.copyfileobj(old, new, CHUNK)
            new.flush()
            os.fsync(new.fileno())
            crash_points.point("publish.copied")
            _put_pair(temporary, target, sha256)
    except OSError as error:
        raise FileError(
            f"cannot write {target}: {error.strerror or error}",
            hint=f"{remedy(error)}, or choose another path; its content is safe in {source}",
        ) from error
