"""Publishing: the newest snapshot is brought to where users look."""

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
    """Write a snapshot of a leased session, record and publish it. Raises FileError, StoreError."""
    row = write_snapshot(database, lease.session_id, reason)
    finish_snapshot(database, lease, row)
    publish_newest(database, lease.session_id, output)
    return row


def publish_newest(database: Database, session_id: str, output: Path | None = None) -> None:
    """Bring the newest recorded snapshot to its fixed place, and to ``output``, if it is not there.

    Asked at each start and after each snapshot, so that a crash in between heals itself.
    """
    rows = list_snapshots(database, session_id)
    if not rows:
        return
    newest = rows[-1]
    source = database.path.parent / newest.path
    if not exists(source):  # somebody deleted it: the next one is owed
        return
    target = newest_path(database, session_id)
    if not is_published(target, newest.sha256):
        publish(source, target, newest.sha256, link=True)
    if output is not None and not is_published(output, newest.sha256):
        publish(source, output, newest.sha256, link=False)
