"""Snapshot retention: record a new snapshot and delete the ones no longer needed."""

from __future__ import annotations

import re
from pathlib import Path

from jobrunner import crash_points
from jobrunner.files.path_queries import exists
from jobrunner.store.database import Database
from jobrunner.store.lease import Lease
from jobrunner.store.rows import SnapshotRow
from jobrunner.store.snapshots import (
    list_snapshots,
    own_snapshots,
    record_snapshot,
    snapshot_directory,
    was_restored,
)

KEEP = 3
"""The number of snapshots to keep. Older ones are deleted when a new one is recorded."""

_NAME = re.compile(r"\d{6,}\.json")
_UNFINISHED = re.compile(r"\.\d{6,}\.json(\.sha256)?\.[0-9a-f]+\.tmp")


def delete_old_snapshots(database: Database, session_id: str, directory: Path) -> None:
    """Delete snapshot files without a row: old ones of this session and leftovers of crashes.

    In a restored session, keep the files from before the restore: they may be the only ones with
    the answers that it lacks. Their numbers are lower than those of its own snapshots.
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


def finish_snapshot(database: Database, lease: Lease, row: SnapshotRow) -> None:
    """Record a written snapshot and delete old ones. Call :func:`publish_newest` next.

    Rows of snapshots whose files somebody deleted are removed: a missing old snapshot is no damage.
    """
    # Record first: after a crash in between, a file too many does no harm, but a missing file does.
    crash_points.point("snapshot.recording")
    root = database.path.parent
    rows = list_snapshots(database, lease.session_id)
    gone = [old.number for old in rows if not exists(root / old.path)]
    record_snapshot(database, lease, row, keep=KEEP, gone=gone)
    crash_points.point("snapshot.recorded")
    directory = snapshot_directory(database, lease.session_id)
    delete_old_snapshots(database, lease.session_id, directory)
