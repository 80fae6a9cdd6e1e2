"""Files that are there whole or not at all, with checksums that ``sha256sum -c`` accepts."""

from __future__ import annotations

import contextlib
import glob
import hashlib
import os
import secrets
import shutil
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

AHEAD = 8
"""Blocks that may wait to be written: while one is synced, the next ones are made."""

SYNC_EVERY = 16 << 20
"""Bytes: a large file that is synced at its end alone makes the commits of a run wait for it."""


class Written(Struct, frozen=True):
    """What was written: the SHA-256 in hex and the number of bytes."""

    sha256: str
    bytes: int


def write_whole(
    path: Path, chunks: Iterable[bytes], *, mode: int = 0o666, summed: bool = False
) -> Written:
    """Write a file so that a crash at any moment leaves the old one or the new one, whole.

    The bytes go to a temporary file in the same directory, are synced, and are renamed; then the
    directory is synced. ``summed`` puts its checksum beside it, also when others write the same
    file. Raises :class:`FileError`; the temporary file is gone then, and the old file is as it was.
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
            hint=f"{remedy(error)}, or name another place",
        ) from error
    return written


@contextlib.contextmanager
def _temporary(path: Path, mode: int = 0o666) -> Iterator[tuple[Path, BinaryIO]]:
    """Make a file beside another, on the same file system; what is left of it in the end is gone.

    It is open, and so held against :func:`_sweep`, until it has got its name.
    """
    temporary, descriptor = _make(path, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield temporary, file
    finally:
        _discard(temporary)


def _make(path: Path, mode: int) -> tuple[Path, int]:
    """Make a new file beside another, and hold it; another process may sweep it before that."""
    while True:
        temporary = _new_name(path)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        if _hold(descriptor) and is_at(temporary, os.fstat(descriptor)):
            return temporary, descriptor
        os.close(descriptor)


def _new_name(path: Path) -> Path:
    """Return a name beside a file that nothing has."""
    _sweep(path)
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")


def _sweep(path: Path) -> None:
    """Delete what killed processes left of a file; a living writer holds the lock on its own."""
    for left in named_like(path.parent, f".{glob.escape(path.name)}.????????.tmp"):
        with contextlib.suppress(OSError), left.open("rb") as file:
            if try_lock(file.fileno()):
                left.unlink()


def _put(temporary: Path, path: Path) -> None:
    """Give a finished file its name, durably.

    The checksum of what had the name goes first, and for good before the file comes: none ever
    stands beside a file that it is not of.
    """
    with contextlib.suppress(FileNotFoundError):
        sidecar_of(path).unlink()
        sync_directory(path.parent)
    temporary.replace(path)
    sync_directory(path.parent)


def _put_pair(temporary: Path, path: Path, sha256: str) -> None:
    """Give a finished file its name and put its checksum beside it, both under one lock.

    Without it, of two that write a file at once one may leave its checksum beside the other's.
    """
    written = temporary.stat()
    with _temporary(sidecar_of(path)) as (beside, file):
        _write(file, [sidecar_line(path, sha256)])
        crash_points.point("snapshot.written")
        with directory_lock(path.parent):
            _put(temporary, path)
            crash_points.point("publish.renamed")
            if is_at(path, written):  # or somebody has lost patience and has put his own there
                _put(beside, sidecar_of(path))


def _discard(temporary: Path) -> None:
    """Delete a temporary file, if there is one, without hiding an earlier error."""
    with contextlib.suppress(OSError):
        temporary.unlink()


def _write(file: BinaryIO, chunks: Iterable[bytes]) -> Written:
    """Write and sync a new file.

    A second thread hashes, writes and syncs a block while the caller's makes the next one: none of
    that needs the interpreter.
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
    """Join chunks to blocks that are worth a change of threads."""
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
    """Tell :func:`_sweep` that a temporary file has a living writer; False if it is swept now."""
    try:
        return try_lock(descriptor)
    except OSError:  # a file system without locks: nothing is swept there
        return True


def write_sidecar(path: Path, sha256: str) -> None:
    """Write the checksum of a file beside it; ``sha256sum -c --strict`` reads it."""
    write_whole(sidecar_of(path), [sidecar_line(path, sha256)])


def publish(source: Path, target: Path, sha256: str, *, link: bool) -> None:
    """Make ``target`` a whole copy of ``source`` (or a link to it), with its own checksum file."""
    if not (link and _link(source, target, sha256)):
        _copy(source, target, sha256)


def _link(source: Path, target: Path, sha256: str) -> bool:
    temporary = _new_name(target)
    try:
        temporary.hardlink_to(source)
        _put_pair(temporary, target, sha256)
    except OSError:  # a file system without links
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
            hint=f"{remedy(error)}, or name another place; its content is safe in {source}",
        ) from error
