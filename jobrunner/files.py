"""Files that are there whole or not at all, with checksums that ``sha256sum -c`` accepts."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from msgspec import Struct

from jobrunner import faults
from jobrunner.errors import FileError

READ_ONLY = 0o444
CHUNK = 1 << 20

SYNC_EVERY = 16 << 20
"""Bytes: a large file that is synced at its end alone makes the commits of a run wait for it."""


class Written(Struct, frozen=True):
    """What was written: the SHA-256 in hex and the number of bytes."""

    sha256: str
    bytes: int


def write_whole(path: Path, chunks: Iterable[bytes], *, mode: int = 0o666) -> Written:
    """Write a file so that a crash at any moment leaves the old one or the new one, whole.

    The bytes go to a temporary file in the same directory, are synced, and are renamed; then the
    directory is synced. Raises :class:`FileError`; the temporary file is gone then, and the old
    file is as it was.
    """
    temporary = _temporary(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        written = _write(temporary, chunks, mode)
        faults.point("snapshot.written")
        _put(temporary, path)
    except OSError as error:
        raise FileError(
            f"cannot write {path}: {error.strerror or error}",
            hint="free some space or name another place, then go on: nothing was lost",
        ) from error
    finally:
        _discard(temporary)
    return written


def _temporary(path: Path) -> Path:
    """Return a name beside a file, on the same file system, that nothing has."""
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")


def _put(temporary: Path, path: Path) -> None:
    """Give a finished file its name, durably.

    The checksum of what had the name goes first: none ever stands beside a file that it is not of.
    """
    sidecar_of(path).unlink(missing_ok=True)
    temporary.replace(path)
    sync_directory(path.parent)


def _discard(temporary: Path) -> None:
    """Delete a temporary file, if there is one, without hiding an earlier error."""
    with contextlib.suppress(OSError):
        temporary.unlink()


def _write(path: Path, chunks: Iterable[bytes], mode: int) -> Written:
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

    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as file, ThreadPoolExecutor(1) as writer:
        last = writer.submit(put, b"")
        for block in _blocks(chunks):
            last.result()
            last = writer.submit(put, block)
        last.result()
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


def sync_directory(directory: Path) -> None:
    """Make renames in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sidecar_of(path: Path) -> Path:
    """Return the file that holds another file's checksum."""
    return path.with_name(path.name + ".sha256")


def write_sidecar(path: Path, sha256: str) -> None:
    """Write the checksum of a file beside it; ``sha256sum -c --strict`` reads it."""
    write_whole(sidecar_of(path), [os.fsencode(f"{sha256}  {path.name}\n")])


def read_sidecar(path: Path) -> str | None:
    """Return the checksum that stands beside a file, None if none does or it is no checksum."""
    try:
        line = os.fsdecode(sidecar_of(path).read_bytes())
    except OSError:
        return None
    digest, _, name = line.strip().partition("  ")
    is_digest = len(digest) == 64 and all(c in "0123456789abcdef" for c in digest)
    return digest if is_digest and name == path.name else None


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hex. Raises :class:`FileError`."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise FileError(f"cannot read {path}: {error.strerror}", hint="check the path") from error


def publish(source: Path, target: Path, sha256: str, *, link: bool) -> None:
    """Make ``target`` a whole copy of ``source`` (or a link to it), with its own checksum file."""
    if not (link and _link(source, target)):
        _copy(source, target)
    write_sidecar(target, sha256)


def _link(source: Path, target: Path) -> bool:
    temporary = _temporary(target)
    try:
        temporary.hardlink_to(source)
        _put(temporary, target)
    except OSError:  # a file system without links
        return False
    finally:
        _discard(temporary)
    return True


def _copy(source: Path, target: Path) -> None:
    temporary = _temporary(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with source.open("rb") as old, temporary.open("xb") as new:
            shutil.copyfileobj(old, new, CHUNK)
            new.flush()
            os.fsync(new.fileno())
        _put(temporary, target)
    except OSError as error:
        raise FileError(
            f"cannot write {target}: {error.strerror or error}",
            hint=f"free some space or name another place; its content is safe in {source}",
        ) from error
    finally:
        _discard(temporary)


def is_published(target: Path, sha256: str) -> bool:
    """Tell whether ``target`` was published with this checksum."""
    return target.exists() and read_sidecar(target) == sha256
