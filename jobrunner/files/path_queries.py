"""Path queries that behave the same in every Python version.

``pathlib`` differs between versions: for a symlink loop ``resolve`` raises RuntimeError or nothing,
and ``exists`` and ``glob`` raise or suppress errors of the operating system.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path

_NOTHING_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


def real_path(path: Path) -> Path:
    """Resolve all symlinks. The path need not exist. Raises OSError for a symlink loop."""
    real = Path(os.path.realpath(path))
    try:
        real.stat()
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise
    return real


def exists(path: Path) -> bool:
    """Return whether the path exists. Raises OSError if that cannot be determined."""
    return _mode(path) != 0


def is_file(path: Path) -> bool:
    """Return whether the path is a regular file. Raises OSError if that cannot be determined."""
    return stat.S_ISREG(_mode(path))


def is_directory(path: Path) -> bool:
    """Return whether the path is a directory. Raises OSError if that cannot be determined."""
    return stat.S_ISDIR(_mode(path))


def _mode(path: Path) -> int:
    """Return the file mode after following symlinks, or 0 if nothing exists."""
    try:
        return path.stat().st_mode
    except OSError as error:
        if error.errno not in _NOTHING_THERE:
            raise
    except ValueError:  # an impossible name, such as one with a null byte
        pass
    return 0


def named_like(directory: Path, pattern: str) -> list[Path]:
    """Return the entries of a directory whose names match ``pattern``, even broken symlinks.

    Return nothing if it does not exist or may not be read. Raises OSError if reading it fails.
    """
    with suppress(FileNotFoundError, NotADirectoryError, PermissionError):
        return [path for path in directory.iterdir() if fnmatchcase(path.name, pattern)]
    return []
