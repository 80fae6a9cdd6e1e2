"""Snapshot files that are not needed any more: which of them may be deleted."""

from __future__ import annotations

import re
from pathlib import Path

from jobrunner.store.database import Database
from jobrunner.store.snapshots import list_snapshots, own_snapshots, was_restored

_NAME = re.compile(r"\d{6,}\.json")
_UNFINISHED = re.compile(r"\.\d{6,}\.json(\.sha256)?\.[0-9a-f]+\.tmp")


def delete_old_snapshots(database: Database, session_id: str, directory: Path) -> None:
    """Delete snapshot files that no row names: old ones of this session, and what crashes left.

    Nothing else: beside a restored session lie files of before, perhaps the only ones that hold
    what it lacks; all of them are numbered before its own.
    """
    kept = {Path(row.path).name for row in list_snapshots(database, session_id)}
    first = ""
    if was_restored(database, session_id):
        own = {Path(path).name for path in own_snapshots(database, session_id)}
        first = min(own | kept)
    for path in directory.iterdir():
        name = path.name.removesuffix(".sha256")
        is_own = _UNFINISHED.fullmatch(name) or (_NAME.fullmatch(name) and name >= first)
        if is_own and name not in kept:
            path.unlink(missing_ok=True)
