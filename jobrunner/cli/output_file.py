"""The output file: whether it can be written, and whether it may."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from jobrunner.cli.console import print_message
from jobrunner.errors import SettingsError
from jobrunner.files.path_queries import exists, is_directory, is_file, real_path
from jobrunner.settings.confirmations import confirmed
from jobrunner.snapshots.publish import Output, refusal, session_in
from jobrunner.store.database import Database
from jobrunner.store.paths import owner_of
from jobrunner.store.rows import SessionRow
from jobrunner.store.sessions import list_sessions


def check_output(output: Path, database: Path, input_path: Path | str | None) -> None:
    """Raise SettingsError if the output cannot be a file or would replace one that is needed.

    Needed files are the session's input, the database, and the program's files next to it.
    """
    try:
        place = real_path(output)
        exists(place)
    except OSError as error:  # such as a loop of symbolic links, or a name that is too long
        hint = "name another file with --output"
        raise SettingsError(f"cannot write {output}: {error.strerror}", hint=hint) from error
    owner = owner_of(place, _real_or_as_given(database))
    if input_path is not None and place == _real_or_as_given(Path(input_path)):
        reason = "it is the input"
    elif owner:
        reason = f"it belongs to {owner}"
    elif is_directory(place):
        reason = "it is a directory"
    elif _is_too_long(place):
        reason = "its name is too long"
    elif not _can_be_file(output, place):
        reason = "it is not a regular file"
    else:
        return
    raise SettingsError(f"cannot write {output}: {reason}", hint="name another file with --output")


def announced_output(database: Database, session: SessionRow, *, is_named: bool) -> Output | None:
    """Return the output of a session after telling what happens to it.

    ``is_named``: the user named it in this command.
    """
    if not session.output:
        return None
    may_create = is_named or session.output in confirmed(session.id).outputs
    output = Output(Path(session.output), may_create=may_create, may_replace=is_named)
    _announce(database, session, output)
    return output


def _announce(database: Database, session: SessionRow, output: Output) -> None:
    reason = refusal(database, session.id, output)
    if reason is not None:
        option = shlex.quote(str(output.path))
        print_message(f"warning: {output.path} is not written: {reason}")
        print_message(
            f"  to write it, add -o {option}; see `jobrunner status` for its newest snapshot"
        )
        return
    other = session_in(output.path) if output.may_replace else None
    if other not in (None, session.id):
        print_message(f"warning: {output.path} holds session {other}, and is replaced")
    for one in list_sessions(database):
        if one.output == session.output and one.id not in (session.id, other):
            print_message(f"warning: session {one.id} writes to {output.path} too")


def _is_too_long(place: Path) -> bool:
    """Return whether a temporary file or the checksum file next to the output has no valid name."""
    longest = f".{place.name}.sha256.01234567.tmp"
    try:
        return len(os.fsencode(longest)) > os.pathconf(place.parent, "PC_NAME_MAX")
    except OSError:  # a missing directory is reported as such
        return False


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
