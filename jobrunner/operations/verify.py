"""Verifies rows, counters, the database file, snapshots and their checksums."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct

from jobrunner.errors import DamageFound
from jobrunner.files.checksums import read_sidecar, sha256_of, sidecar_of
from jobrunner.files.path_queries import exists, is_file
from jobrunner.snapshots.compare import differences
from jobrunner.snapshots.document import Document, PaperEntry
from jobrunner.snapshots.publish import session_in, was_published
from jobrunner.store.audit import check_database, check_session
from jobrunner.store.database import Database
from jobrunner.store.lease import is_running
from jobrunner.store.rows import SnapshotRow
from jobrunner.store.sessions import get_session, list_sessions
from jobrunner.store.snapshots import list_snapshots, newest_path


class VerifyReport(Struct, frozen=True):
    """The problems of a session, grouped by remedy.

    Damaged ``rows`` are restored from a snapshot. Damaged ``files`` are snapshots, which can be
    written again from the rows.
    """

    rows: list[str]
    files: list[str]

    @property
    def problems(self) -> list[str]:
        """All problems."""
        return self.rows + self.files


def verify_all(
    database: Database, session_id: str | None = None
) -> Iterator[tuple[str, VerifyReport]]:
    """Verify a database and all its sessions, or only one; yield each session's id and report.

    Problems of the database itself are reported under its path. Raises SessionError for an unknown
    session.
    """
    problems = verify_database(database)
    if problems:
        yield str(database.path), VerifyReport(problems, [])
    try:
        sessions = [get_session(database, session_id)] if session_id else list_sessions(database)
        for session in sessions:
            yield session.id, session_report(database, session.id)
    except DamageFound as error:
        yield str(database.path), VerifyReport([str(error)], [])


def verify_database(database: Database) -> list[str]:
    """Return the problems that SQLite finds in the database file."""
    try:
        return check_database(database)
    except DamageFound as error:
        return [str(error)]


def verify_session(database: Database, session_id: str) -> list[str]:
    """Return all problems of a session; see :func:`session_report`."""
    return session_report(database, session_id).problems


def session_report(database: Database, session_id: str) -> VerifyReport:
    """Return the problems of a session's rows and snapshots.

    During a run the snapshot files are not checked, because they may change.
    """
    try:
        rows = check_session(database, session_id)
    except DamageFound as error:
        return VerifyReport([str(error)], [])
    if is_running(database, session_id):
        return VerifyReport(rows, [])
    snapshots = list_snapshots(database, session_id)
    report = _with_snapshots(database, session_id, rows, snapshots)
    # A run may have started, or even ended, during the check: its files do not match these rows.
    if is_running(database, session_id) or snapshots != list_snapshots(database, session_id):
        return VerifyReport(rows, [])
    return report


def _with_snapshots(
    database: Database, session_id: str, rows: list[str], snapshots: Sequence[SnapshotRow]
) -> VerifyReport:
    """Return the report of a session, given the problems of its ``rows``."""
    if not snapshots:
        return VerifyReport(rows, [])
    files: list[str] = []
    for snapshot in snapshots:
        files += _verify_snapshot(database, snapshot)
    if not rows and not files:
        # Only intact rows and files can be compared.
        rows = _compare(database, session_id, snapshots[-1])
    files += _verify_newest(database, session_id, snapshots)
    return VerifyReport(rows, files + _verify_output(database, session_id, snapshots))


def _compare(database: Database, session_id: str, row: SnapshotRow) -> list[str]:
    try:
        return list(differences(database, session_id, database.path.parent / row.path))
    except DamageFound as error:
        return [str(error)]


def _verify_newest(
    database: Database, session_id: str, snapshots: Sequence[SnapshotRow]
) -> list[str]:
    """Check that the published file is a kept snapshot or an older one.

    After a crash it may be older than all kept ones, until the next run publishes the newest.
    """
    newest = newest_path(database, session_id)
    if not exists(newest):
        return []
    checksums = {read_sidecar(newest), *(row.sha256 for row in snapshots)}
    if sha256_of(newest) in checksums:
        return []
    return [f"{newest} does not match any snapshot (its checksum differs)"]


def _verify_output(
    database: Database, session_id: str, snapshots: Sequence[SnapshotRow]
) -> list[str]:
    """Check that the output holds a snapshot of this session: a kept one, or any whole one.

    ``snapshot -o`` may have written it. An output that was moved away is no problem.
    """
    output = get_session(database, session_id).output
    path = Path(output) if output else None
    if path is None or not is_file(path):
        return []
    if sha256_of(path) in {row.sha256 for row in snapshots}:
        return []
    if session_in(path) != session_id:
        damaged = was_published(path, snapshots)
        return [f"the output {path} no longer holds a snapshot"] if damaged else []
    return [f"the output: {problem}" for problem in verify_file(path)[0]]


def _verify_snapshot(database: Database, row: SnapshotRow) -> list[str]:
    path = database.path.parent / row.path
    if not exists(path):
        return [f"snapshot {path} is missing"]
    problems, papers = verify_file(path)
    if problems:
        return problems
    if sha256_of(path) != row.sha256:
        return [f"snapshot {path} does not have the recorded checksum"]
    if papers != row.papers:
        return [f"snapshot {path} holds {papers} papers, but {row.papers} were recorded"]
    return []


def verify_file(path: Path) -> tuple[list[str], int]:
    """Return the problems of a snapshot file, and the number of papers in it.

    Raises FileError if the file cannot be read, Refused if a newer jobrunner wrote it.
    """
    problems = []
    digest, recorded = sha256_of(path), read_sidecar(path)
    if recorded is None:
        problems.append(f"{sidecar_of(path)} is missing or holds no valid checksum")
    elif recorded != digest:
        problems.append(f"{path} does not have the checksum in {sidecar_of(path).name}")
    try:
        papers = _recount(path)
    except DamageFound as error:
        return [*problems, str(error)], 0
    return problems, papers


def _recount(path: Path) -> int:
    """Read a whole document and check each batch's count of papers; return the number of papers."""
    papers = 0
    counts: Counter[tuple[str, int]] = Counter()
    with Document(path) as document:
        for paper in document.papers():
            papers += 1
            counts.update(_batches_of(paper))
        for batch in document.batches():
            present = counts.pop((batch.source, batch.number), 0)
            if present != batch.papers:
                raise document.damaged(
                    f"batch {batch.number} of {batch.source} counted {batch.papers} papers,"
                    f" but the file holds {present}"
                )
        if counts:
            raise document.damaged(f"{len(counts)} batches are missing")
    return papers


def _batches_of(paper: PaperEntry) -> Iterator[tuple[str, int]]:
    """Yield source and number of the batch of every answer about a paper."""
    for source, record in paper.records.items():
        yield source, record.batch
    for retired in paper.retired:
        yield retired.source or "", retired.batch
    yield from paper.missed.items()
