"""Whether a file can be written where the user wants it, without harm to others."""

from __future__ import annotations

import os
from pathlib import Path

from jobrunner.errors import SettingsError
from jobrunner.files.path_queries import exists, is_directory, is_file, real_path
from jobrunner.store.paths import owner_of


def check_output(output: Path, database: Path, input_path: Path | str | None) -> None:
    """Raise SettingsError if a place cannot take a file, or that would replace one that is needed.

    Such are the session's input, and what the program keeps in and beside its database.
    """
    try:
        place, database = real_path(output), real_path(database)
        is_input = input_path is not None and place == real_path(Path(input_path))
    except OSError as error:  # links lead in a circle
        hint = "name another file with --output"
        raise SettingsError(f"cannot write {output}: {error.strerror}", hint=hint) from error
    owner = owner_of(place, database)
    if is_input:
        reason = "it is the input"
    elif owner:
        reason = f"it belongs to {owner}"
    elif is_directory(place):
        reason = "it is a directory"
    elif not _can_be_file(output, place):
        reason = "it is no file"
    else:
        return
    raise SettingsError(f"cannot write {output}: {reason}", hint="name another file with --output")


def check_directory(output: Path) -> None:
    """Raise SettingsError if no file can be made in the directory of a place."""
    directory = real_path(output).parent
    if not is_directory(directory):
        reason = "its directory does not exist"
    elif not os.access(directory, os.W_OK):
        reason = "its directory is read-only"
    else:
        return
    hint = "name another file, in a directory that exists, with --output"
    raise SettingsError(f"cannot write {output}: {reason}", hint=hint)


def _can_be_file(output: Path, place: Path) -> bool:
    """Tell whether a name can be a file's: it is new, or is one; and no stream is meant."""
    if str(output) == "-" or _is_device(output):
        return False
    return is_file(place) or not exists(place)


def _is_device(path: Path) -> bool:
    """Tell whether a name is one of the system's, such as /dev/stdout, whatever it leads to now."""
    named = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow it
    return named.parent in (Path("/dev"), Path("/dev/fd")) or named.is_relative_to("/proc")
