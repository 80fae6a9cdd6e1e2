"""Questions about paths, with the same answers on every Python.

``pathlib`` answers differently from version to version: where links lead in a circle ``resolve``
raises a RuntimeError or nothing, and ``exists`` and ``glob`` raise an error of the operating system
or hide it.
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
    """Follow all links, whether or not there is anything in the end.

    Raises OSError where links lead in a circle.
    """
    real = Path(os.path.realpath(path))
    try:
        real.stat()
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise
    return real


def exists(path: Path) -> bool:
    """Tell whether there is anything. Raises OSError where that cannot be seen."""
    return _mode(path) != 0


def is_file(path: Path) -> bool:
    """Tell whether there is a regular file. Raises OSError where that cannot be seen."""
    return stat.S_ISREG(_mode(path))


def is_directory(path: Path) -> bool:
    """Tell whether there is a directory. Raises OSError where that cannot be seen."""
    return stat.S_ISDIR(_mode(path))


def _mode(path: Path) -> int:
    """Return the mode of what is there, links followed; 0 if there is nothing."""
    try:
        return path.stat().st_mode
    except OSError as error:
        if error.errno not in _NOTHING_THERE:
            raise
    except ValueError:  # a name that no file can have
        pass
    return 0


def named_like(directory: Path, pattern: str) -> list[Path]:
    """Return what a directory holds under names like ``pattern``, links to nothing included.

    Nothing if it is not there or may not be read. Raises OSError where reading it fails.
    """
    with suppress(FileNotFoundError, NotADirectoryError, PermissionError):
        return [path for path in directory.iterdir() if fnmatchcase(path.name, pattern)]
    return []
