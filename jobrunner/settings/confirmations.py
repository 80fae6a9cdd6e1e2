"""Addresses that the user has named for a session, remembered where nobody else can write.

Each session has a file in the user's own state directory, with mode 0600 in a directory of mode
0700. What lies next to a database proves nothing: the database may be somebody else's.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path

import msgspec
from platformdirs import user_state_path

from jobrunner.errors import FileError
from jobrunner.files.atomic import write_whole
from jobrunner.store.paths import SESSION_ID

MOST_BYTES = 1 << 20
"""A larger file is not one of ours."""


def confirmed(session_id: str) -> dict[str, frozenset[str]]:
    """Return the addresses of each source that the user has named for a session.

    A file that somebody else could have written counts as none.
    """
    path = _file(session_id)
    try:
        if not SESSION_ID.fullmatch(session_id) or not _is_private(path.parent):
            return {}
        with path.open("rb") as file:
            return msgspec.json.decode(file.read(MOST_BYTES), type=dict[str, frozenset[str]])
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return {}


def confirm(session_id: str, urls: Mapping[str, str]) -> None:
    """Remember that the user named these addresses for a session.

    Raises FileError if they cannot be written where only the user can write.
    """
    known = confirmed(session_id)
    both = {name: known.get(name, frozenset()) | {url} for name, url in urls.items()}
    if both.items() <= known.items():
        return
    path = _file(session_id)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        is_private = _is_private(path.parent)
    except OSError as error:
        raise FileError(f"cannot write {path.parent}: {error.strerror}") from error
    if not is_private:
        raise FileError(f"{path.parent} belongs to another user")
    write_whole(path, [msgspec.json.encode({**known, **both}, order="sorted")], mode=0o600)


def forget(session_id: str) -> None:
    """Forget the addresses of a deleted session."""
    with contextlib.suppress(OSError):
        _file(session_id).unlink()


def _file(session_id: str) -> Path:
    return user_state_path("jobrunner") / "addresses" / f"{session_id}.json"


def _is_private(directory: Path) -> bool:
    """Return whether only this user can write in a directory; close our own one to others."""
    found = directory.stat()
    if found.st_uid != os.geteuid():
        return False
    if stat.S_IMODE(found.st_mode) & 0o077:
        directory.chmod(0o700)
    return True
