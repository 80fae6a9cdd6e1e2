"""Addresses and outputs that the user has named for a session, where nobody else can write.

Each session has a file in the user's own state directory, with mode 0600 in a directory of mode
0700. What lies next to a database proves nothing: the database may be somebody else's.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import msgspec
from msgspec import Struct
from platformdirs import user_state_path

from jobrunner.errors import FileError
from jobrunner.files.atomic import write_whole
from jobrunner.store.paths import SESSION_ID

_NOTHING: Mapping[str, str] = MappingProxyType({})

MOST_BYTES = 1 << 20
"""A larger file is not one of ours."""


class Confirmed(Struct, frozen=True, omit_defaults=True):
    """What the user has named for a session: addresses by source, and output files."""

    addresses: dict[str, frozenset[str]] = {}
    outputs: frozenset[str] = frozenset()


def confirmed(session_id: str) -> Confirmed:
    """Return what the user has named for a session.

    A file that somebody else could have written counts as none.
    """
    path = _file(session_id)
    try:
        if not SESSION_ID.fullmatch(session_id) or not _is_private(path.parent):
            return Confirmed()
        with path.open("rb") as file:
            return msgspec.json.decode(file.read(MOST_BYTES), type=Confirmed)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return Confirmed()


def confirm(
    session_id: str, addresses: Mapping[str, str] = _NOTHING, output: str | None = None
) -> None:
    """Remember that the user named these addresses, or this output, for a session.

    Raises FileError if they cannot be written where only the user can write.
    """
    before = confirmed(session_id)
    known = before.addresses
    after = Confirmed(
        {
            **known,
            **{name: known.get(name, frozenset()) | {url} for name, url in addresses.items()},
        },
        before.outputs | {output} if output else before.outputs,
    )
    if after != before:
        _write(_file(session_id), after)


def _write(path: Path, content: Confirmed) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        is_private = _is_private(path.parent)
    except OSError as error:
        raise FileError(f"cannot write {path.parent}: {error.strerror}") from error
    if not is_private:
        raise FileError(f"{path.parent} belongs to another user")
    write_whole(path, [msgspec.json.encode(content, order="sorted")], mode=0o600)


def forget(session_id: str) -> None:
    """Forget what was named for a deleted session."""
    with contextlib.suppress(OSError):
        _file(session_id).unlink()


def _file(session_id: str) -> Path:
    return user_state_path("jobrunner") / "sessions" / f"{session_id}.json"


def _is_private(directory: Path) -> bool:
    """Return whether only this user can write in a directory; close our own one to others."""
    found = directory.stat()
    if found.st_uid != os.geteuid():
        return False
    if stat.S_IMODE(found.st_mode) & 0o077:
        directory.chmod(0o700)
    return True
