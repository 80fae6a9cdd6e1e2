"""Checks that an output file can be written without replacing a file that is needed."""

from __future__ import annotations

import os
from pathlib import Path

from jobrunner.errors import SettingsError
from jobrunner.files.path_queries import exists, is_directory, is_file, real_path
from jobrunner.store.paths import owner_of


def check_output(output: Path, database: Path, input_path: Path | str | None) -> None:
    """Raise SettingsError if the output cannot be a file or would replace one that is needed.

    Needed files are the session's input, the database, and the program's files next to it.
    """
    try:
        place = real_path(output)
    except OSError as error:  # a loop of symbolic links
        hint = "name another file with --output"
        raise SettingsError(f"cannot write {output}: {error.strerror}", hint=hint) from error
    owner = owner_of(place, _real_or_as_given(database))
    if input_path is not None and place == _real_or_as_given(Path(input_path)):
        reason = "it is the input"
    elif owner:
        reason = f"it belongs to {owner}"
    elif is_directory(place):
        reason = "it is a directory"
    elif not _can_be_file(output, place):
        reason = "it is not a regular file"
    else:
        return
    raise SettingsError(f"cannot write {output}: {reason}", hint="name another file with --output")


def _real_or_as_given(path: Path) -> Path:
    """Return a path with its symlinks resolved. A loop is reported when the file is opened."""
    try:
        return real_path(path)
    except OSError:
        return path


def check_directory(output: Path) -> None:
    """Raise SettingsError if no file can be created in the output's directory."""
    directory = real_path(output).parent
    if not is_directory(directory):
        reason = "its directory does not exist"
    elif not os.access(directory, os.W_OK):
        reason = "its directory is read-only"
    else:
        return
    hint = "use --output to name a file in a writable directory"
    raise SettingsError(f"cannot write {output}: {reason}", hint=hint)


def _can_be_file(output: Path, place: Path) -> bool:
    """Return whether a regular file is or can be created at a path that is not a device."""
    if str(output) == "-" or _is_device(output):
        return False
    return is_file(place) or not exists(place)


def _is_device(path: Path) -> bool:
    """Return whether a path names a device, such as /dev/stdout, even if it is redirected."""
    named = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow the link
    return named.parent in (Path("/dev"), Path("/dev/fd")) or named.is_relative_to("/proc")
