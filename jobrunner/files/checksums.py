"""Checksums of files, and the checksum files next to them, for ``sha256sum -c``."""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path

from jobrunner.errors import FileError
from jobrunner.files.system_errors import remedy


def sidecar_of(path: Path) -> Path:
    """Return the path of a file's checksum file."""
    return path.with_name(path.name + ".sha256")


def sidecar_line(path: Path, sha256: str) -> bytes:
    """Return the content of a file's checksum file."""
    escaped = _escaped(path.name)
    mark = "\\" if escaped != path.name else ""
    return os.fsencode(f"{mark}{sha256}  {escaped}\n")


def _escaped(name: str) -> str:
    r"""Escape a name as ``sha256sum`` does, whose lines then begin with a backslash."""
    return name.replace("\\", r"\\").replace("\n", r"\n").replace("\r", r"\r")


def read_sidecar(path: Path) -> str | None:
    """Return the checksum in a file's checksum file, or None if that is missing or invalid."""
    try:
        line = os.fsdecode(sidecar_of(path).read_bytes())
    except OSError:
        return None
    digest, _, name = line.rstrip("\n").removeprefix("\\").partition("  ")
    is_digest = len(digest) == 64 and all(c in "0123456789abcdef" for c in digest)
    return digest if is_digest and name == _escaped(path.name) else None


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hex. Raises :class:`FileError`."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise FileError(f"cannot read {path}: {error.strerror}", hint=remedy(error)) from error


def is_published(target: Path, sha256: str, size: int) -> bool:
    """Return whether ``target`` was published with this checksum and still has this size.

    The file is not hashed, so that this can be asked often.
    """
    try:
        return target.stat().st_size == size and read_sidecar(target) == sha256
    except OSError:
        return False


def is_whole(target: Path, sha256: str, size: int, *, same: Path | None = None) -> bool:
    """Return whether ``target`` was published with this checksum and still has this content.

    It is hashed unless it is a hard link to ``same``, whose content is known.
    """
    if not is_published(target, sha256, size):
        return False
    with contextlib.suppress(OSError):
        if same is not None and target.samefile(same):
            return True
    return sha256_of(target) == sha256
