"""Verification: rows, counters, SQLite's own check, snapshots and their checksums."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from jobrunner.errors import DamageFound
from jobrunner.files.checksums import read_sidecar, sha256_of, sidecar_of
from jobrunner.files.path_queries import exists
from jobrunner.snapshots.compare import differences
from jobrunner.snapshots.document import Document
from jobrunner.store.audit import check_database, check_session
from jobrunner.store.database import Database
from jobrunner.store.lease import is_running
from jobrunner.store.rows import SnapshotRow
from jobrunner.store.snapshots import list_snapshots, newest_path


def verify_database(database: Database) -> list[str]:
    """Return what SQLite finds wrong with the database, [] if nothing is."""
    try:
        return check_database(database)
    except DamageFound as error:
        return [str(error)]


class VerifyReport(Struct, frozen=True):
    """What is wrong with a session, by where the remedy is.

    Damaged ``rows`` are got back from a snapshot; ``files``, the snapshots, are made again from the
    rows.
    """

    rows: list[str]
    files: list[str]


def verify_session(database: Database, session_id: str) -> list[str]:
    """Return everything that is wrong with a session, [] if it is as it should be.

    See :func:`examine_session`.
    """
    found = examine_session(database, session_id)
    return found.rows + found.files


def examine_session(database: Database, session_id: str) -> VerifyReport:
    """Return what is wrong with the rows of a session and with its snapshots.

    Beside a run that goes on the snapshots' files are left out: they may change meanwhile.
    """
    try:
        found = check_session(database, session_id)
    except DamageFound as error:
        return VerifyReport([str(error)], [])
    if is_running(database, session_id):
        return VerifyReport(found, [])
    rows = list_snapshots(database, session_id)
    files = [line for row in rows for line in _verify_snapshot(database, row)]
    compared = [] if found or files or not rows else _compare(database, session_id, rows[-1])
    newest = newest_path(database, session_id)
    if rows and exists(newest) and not _is_snapshot(newest, rows):
        files.append(f"{newest} is none of the snapshots (its checksum differs)")
    # A run may have come meanwhile, and gone again.
    undisturbed = not is_running(database, session_id) and rows == list_snapshots(
        database, session_id
    )
    return VerifyReport(found + compared, files) if undisturbed else VerifyReport(found, [])


def _compare(database: Database, session_id: str, row: SnapshotRow) -> list[str]:
    try:
        return list(differences(database, session_id, database.path.parent / row.path))
    except DamageFound as error:
        return [str(error)]


def _is_snapshot(newest: Path, rows: Sequence[SnapshotRow]) -> bool:
    """Tell whether a file is a snapshot that is kept, or one of before.

    After a crash it may be an older one than those, until the next run brings the newest there.
    """
    digest = sha256_of(newest)
    return digest == read_sidecar(newest) or digest in [row.sha256 for row in rows]


def _verify_snapshot(database: Database, row: SnapshotRow) -> list[str]:
    path = database.path.parent / row.path
    if not exists(path):
        return [f"snapshot {path} is missing"]
    found, papers = verify_file(path)
    if not found and sha256_of(path) != row.sha256:
        return [f"snapshot {path} has not the checksum that was recorded"]
    if not found and papers != row.papers:
        return [f"snapshot {path} holds {papers} papers, {row.papers} were recorded"]
    return found


def verify_file(path: Path) -> tuple[list[str], int]:
    """Return what is wrong with a snapshot file, and the number of papers in it.

    Raises FileError if it cannot be read at all, Refused if a newer jobrunner wrote it.
    """
    found = []
    digest, written = sha256_of(path), read_sidecar(path)
    if written is None:
        found.append(f"{sidecar_of(path)} is missing or holds no checksum of it")
    elif written != digest:
        found.append(f"{path} does not have the checksum in {sidecar_of(path).name}")
    try:
        papers = _recount(path)
    except DamageFound as error:
        return [*found, str(error)], 0
    return found, papers


def _recount(path: Path) -> int:
    """Read a document whole; every record's batch must be there with as many as it counted."""
    counts: dict[tuple[str, int], int] = {}
    papers = 0
    with Document(path) as document:
        for paper in document.papers():
            papers += 1
            entries = [(name, entry.batch) for name, entry in paper.records.items()]
            entries += [(entry.source or "", entry.batch) for entry in paper.retired]
            entries += paper.missed.items()
            for entry in entries:
                counts[entry] = counts.get(entry, 0) + 1
        for batch in document.batches():
            there = counts.pop((batch.source, batch.number), 0)
            if there != batch.papers:
                raise document.damaged(
                    f"batch {batch.number} of {batch.source} counted {batch.papers} papers,"
                    f" but {there} are there"
                )
        if counts:
            raise document.damaged(f"{len(counts)} batches are missing in it")
    return papers
