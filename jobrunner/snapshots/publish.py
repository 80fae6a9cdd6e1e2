"""Publish the newest snapshot: to its fixed path and to the user's output file."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from jobrunner.errors import DamageFound, Refused
from jobrunner.files.atomic import publish
from jobrunner.files.checksums import is_whole, read_sidecar
from jobrunner.files.path_queries import exists, is_file, real_path
from jobrunner.snapshots.document import Document
from jobrunner.snapshots.retention import finish_snapshot
from jobrunner.snapshots.write import write_snapshot
from jobrunner.store.database import Database
from jobrunner.store.lease import Lease
from jobrunner.store.paths import owner_of
from jobrunner.store.rows import SnapshotRow
from jobrunner.store.snapshots import (
    list_snapshots,
    newest_path,
)


class Output(Struct, frozen=True):
    """The output file of a session, and what the user has allowed.

    A stored path proves nothing: the database may be somebody else's. ``may_create``: the user has
    named the path for this session. ``may_replace``, which includes it: in this command.
    """

    path: Path
    may_create: bool = False
    may_replace: bool = False


def refusal(database: Database, session_id: str, output: Output) -> str | None:
    """Return why the output is not written, or None if it is.

    Without ``may_replace``, only a snapshot of the same session is replaced, or what is left of one
    at a path that the user has named before.
    """
    try:
        owner = owner_of(real_path(output.path), database.path)
        if owner:
            return f"it belongs to {owner}"
        if not exists(output.path):
            return None if output.may_create else "you have not named it"
        if not is_file(output.path):
            return "it is not a regular file"
    except OSError as error:
        return error.strerror or str(error)
    may = output.may_replace or _is_own(database, session_id, output)
    return None if may else "the file there is not a snapshot of this session"


def _is_own(database: Database, session_id: str, output: Output) -> bool:
    if session_in(output.path) == session_id:
        return True
    return output.may_create and was_published(output.path, list_snapshots(database, session_id))


def was_published(path: Path, snapshots: Iterable[SnapshotRow]) -> bool:
    """Return whether the checksum file of an output names one of these snapshots.

    The output itself may have been cut or changed since.
    """
    return read_sidecar(path) in {row.sha256 for row in snapshots}


def session_in(path: Path) -> str | None:
    """Return the id of the session that a file is a snapshot of, or None if it is no snapshot."""
    with contextlib.suppress(DamageFound, Refused, OSError), Document(path) as document:
        return document.head.session
    return None


def take_snapshot(
    database: Database, lease: Lease, reason: str, output: Output | None = None
) -> SnapshotRow:
    """Write, record and publish a snapshot of a leased session. Raises FileError, StoreError."""
    row = write_snapshot(database, lease.session_id, reason)
    finish_snapshot(database, lease, row)
    publish_newest(database, lease.session_id, output)
    return row


def publish_newest(database: Database, session_id: str, output: Output | None = None) -> None:
    """Publish the newest recorded snapshot at its fixed path and at ``output``, unless it is there.

    Called at every start and after every snapshot, so that a crash in between is repaired, and so
    is a file that was cut or changed. An output that is refused is left as it is.
    """
    rows = list_snapshots(database, session_id)
    if not rows:
        return
    newest = rows[-1]
    source = database.path.parent / newest.path
    if not exists(source):  # deleted by somebody: another snapshot is owed anyway
        return
    target = newest_path(database, session_id)
    if not is_whole(target, newest.sha256, newest.bytes, same=source):
        publish(source, target, newest.sha256, link=True)
    if output is None or is_whole(output.path, newest.sha256, newest.bytes):
        return
    if refusal(database, session_id, output) is None:
        publish(source, output.path, newest.sha256, link=False)
