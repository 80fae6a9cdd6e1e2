"""Snapshot files that are not needed any more: which of them may be deleted."""

from __future__ import annotations

import re
from pathlib import Path

from jobrunner.store.database import Database
from jobrunner.store.snapshots import list_snapshots, own_snapshots

_NAME = re.compile(r"\d{6,}\.json")
_UNFINISHED = re.compile(r"\.\d{6,}\.json(\.sha256)?\.[0-9a-f]+\.tmp")


def delete_leftovers(database: Database, session_id: str, directory: Path) -> None:
    """Delete snapshot files that no row names: old ones of this session, and what crashes left.

    Nothing else: beside a restored session lie files of before, perhaps the only ones that hold
    what it lacks.
    """
    kept = [Path(row.path).name for row in list_snapshots(database, session_id)]
    own = {Path(path).name for path in own_snapshots(database, session_id)}
    for path in directory.iterdir():
        name = path.name.removesuffix(".sha256")
        is_left = _UNFINISHED.fullmatch(name) or (_NAME.fullmatch(name) and name > kept[0])
        if name not in kept and (name in own or is_left):
            path.unlink(missing_ok=True)
