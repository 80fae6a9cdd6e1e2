"""Checksums of files, and the checksum files next to them, for ``sha256sum -c``."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from jobrunner.errors import FileError
from jobrunner.files.path_queries import exists
from jobrunner.files.system_errors import remedy


def sidecar_of(path: Path) -> Path:
    """Return the path of a file's checksum file."""
    return path.with_name(path.name + ".sha256")


def sidecar_line(path: Path, sha256: str) -> bytes:
    """Return the content of a file's checksum file."""
    return os.fsencode(f"{sha256}  {path.name}\n")


def read_sidecar(path: Path) -> str | None:
    """Return the checksum in a file's checksum file, or None if that is missing or invalid."""
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
        raise FileError(f"cannot read {path}: {error.strerror}", hint=remedy(error)) from error


def is_published(target: Path, sha256: str) -> bool:
    """Return whether ``target`` was published with this checksum."""
    # The file is not hashed again: this runs at every start, and a snapshot may be large.
    return exists(target) and read_sidecar(target) == sha256
