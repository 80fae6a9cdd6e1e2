"""Publish the newest snapshot: to its fixed path and to the user's output file."""

from __future__ import annotations

from pathlib import Path

from jobrunner.files.atomic import publish
from jobrunner.files.checksums import is_published
from jobrunner.files.path_queries import exists
from jobrunner.snapshots.retention import finish_snapshot
from jobrunner.snapshots.write import write_snapshot
from jobrunner.store.database import Database
from jobrunner.store.lease import Lease
from jobrunner.store.rows import SnapshotRow
from jobrunner.store.snapshots import (
    list_snapshots,
    newest_path,
)


def take_snapshot(
    database: Database, lease: Lease, reason: str, output: Path | None = None
) -> SnapshotRow:
    """Write, record and publish a snapshot of a leased session. Raises FileError, StoreError."""
    row = write_snapshot(database, lease.session_id, reason)
    finish_snapshot(database, lease, row)
    publish_newest(database, lease.session_id, output)
    return row


def publish_newest(database: Database, session_id: str, output: Path | None = None) -> None:
    """Publish the newest recorded snapshot at its fixed path and at ``output``, unless it is there.

    Called at every start and after every snapshot, so that a crash in between is repaired.
    """
    rows = list_snapshots(database, session_id)
    if not rows:
        return
    newest = rows[-1]
    source = database.path.parent / newest.path
    if not exists(source):  # deleted by somebody: another snapshot is owed anyway
        return
    target = newest_path(database, session_id)
    if not is_published(target, newest.sha256):
        publish(source, target, newest.sha256, link=True)
    if output is not None and not is_published(output, newest.sha256):
        publish(source, output, newest.sha256, link=False)
