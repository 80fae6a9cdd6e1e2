"""Broken jobrunners, to show that the harness sees what it is there for.

Each is a mistake that a system like this one could hold. They are made in the forks of the harness
alone, by name; runs in processes of their own are whole.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from jobrunner import faults, files, snapshots
from jobrunner.store import batches, lease, runs, sources, writing
from jobrunner.store import snapshots as rows_of_snapshots
from jobrunner.store.batches import Batch
from jobrunner.store.database import Database
from jobrunner.store.rows import SnapshotRow, SourceRow
from jobrunner.store.runs import Lease

VARIABLE = "TORTURE_MUTATION"


def apply(name: str) -> None:
    """Break this process in the named way; '' leaves it as it is."""
    if name:
        ALL[name]()


def _everywhere(old: Callable[..., Any], new: Callable[..., Any]) -> None:
    """Replace a function in every module of the program that knows it."""
    import sys  # noqa: PLC0415 - of the modules as they are now

    for name, module in list(sys.modules.items()):
        if name.startswith("jobrunner"):
            for attribute, value in list(vars(module).items()):
                if value is old:
                    setattr(module, attribute, new)


def counters_apart() -> None:
    """Commit a batch's counters first, and its records in a second transaction."""
    insert_records = batches._insert_records
    later: list[tuple[Any, ...]] = []
    commit = batches.commit_batch

    def insert_later(*arguments: Any) -> None:
        later.append(arguments[1:])

    def commit_twice(database: Database, held: Lease, source: SourceRow, batch: Batch) -> None:
        commit(database, held, source, batch)
        faults.point("commit.inside")
        with database.write() as connection:
            insert_records(connection, *later.pop())

    batches._insert_records = insert_later
    _everywhere(commit, commit_twice)


def no_lease() -> None:
    """Take the lease of a session without asking whether somebody has it."""
    lease._try_lock = lambda *_arguments, **_options: True
    _everywhere(writing.fence, lambda *_arguments, **_options: None)


def late_checksum() -> None:
    """Record a snapshot before its checksum is written."""
    finish, sidecar = snapshots.finish_snapshot, snapshots.write_sidecar

    def finish_late(database: Database, held: Lease, row: SnapshotRow) -> None:
        finish(database, held, row)
        faults.point("snapshot.recorded")
        sidecar(database.path.parent / row.path, row.sha256)

    snapshots.write_sidecar = lambda *_arguments: None
    _everywhere(finish, finish_late)


def stale_checksum() -> None:
    """Leave the checksum of the old file beside the new one until its own is written."""

    def put(temporary: Path, path: Path) -> None:
        temporary.replace(path)
        files.sync_directory(path.parent)

    files._put = put


def torn_output() -> None:
    """Write a file in its place, without a temporary one."""

    def write_torn(path: Path, chunks: Iterable[bytes], *, mode: int = 0o666) -> files.Written:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        return files._write(path, chunks, mode)

    def copy_torn(source: Path, target: Path) -> None:
        data = source.read_bytes()
        with target.open("wb") as file:
            file.write(data[: len(data) // 2])
            file.flush()
            faults.point("publish.copied")
            file.write(data[len(data) // 2 :])

    _everywhere(files.write_whole, write_torn)
    files._copy = copy_torn


def redo() -> None:
    """Begin each run one batch too early, as if the last commit were not to be trusted."""
    start = runs.start_run

    def start_early(database: Database, held: Lease) -> None:
        start(database, held)
        for source in sources.list_sources(database, held.session_id):
            with database.write() as connection:
                _forget_last(connection, source.id)

    _everywhere(start, start_early)


def _forget_last(connection: Connection, source_id: int) -> None:
    last = "(SELECT max(id) FROM batch WHERE source_id = ?)"
    for table, column in (("record", "batch_id"), ("lookup_miss", "batch_id"), ("batch", "id")):
        connection.exec_driver_sql(
            f"DELETE FROM {table} WHERE {column} = {last}",  # noqa: S608
            (source_id,),
        )


def uncounted_redo() -> None:
    """Ask again about papers of the last batch, and throw the answers away."""
    start, commit = runs.start_run, batches.commit_batch
    kept: dict[int, list[Any]] = {}

    def start_early(database: Database, held: Lease) -> None:
        start(database, held)
        with database.write() as connection:
            for source in sources.list_sources(database, held.session_id):
                rows = connection.exec_driver_sql(
                    "SELECT id, source_id, paper_id FROM record WHERE batch_id ="
                    " (SELECT max(id) FROM batch WHERE source_id = ?)",
                    (source.id,),
                ).all()
                kept[source.id] = [row.paper_id for row in rows]

    def commit_new(database: Database, held: Lease, source: SourceRow, batch: Batch) -> None:
        commit(database, held, source, batch)

    _everywhere(start, start_early)
    _everywhere(commit, commit_new)


def forgotten_identifiers() -> None:
    """Lose what a committed batch found for the next source, in a run that goes on."""
    insert_records = batches._insert_records

    def insert_without(connection: Connection, *arguments: Any) -> None:
        insert_records(connection, *arguments)
        if os.getpid() % 2:
            connection.exec_driver_sql("DELETE FROM identifier WHERE origin = 'openalex'")

    batches._insert_records = insert_without


def snapshot_of_two_moments() -> None:
    """Record a snapshot as showing what was committed while it was written."""
    record = rows_of_snapshots.record_snapshot

    def record_more(database: Database, held: Lease, row: SnapshotRow, **options: int) -> None:
        from msgspec.structs import replace  # noqa: PLC0415

        record(database, held, replace(row, revision=row.revision + 1), **options)

    _everywhere(record, record_more)


ALL: dict[str, Callable[[], None]] = {
    "counters_apart": counters_apart,
    "no_lease": no_lease,
    "late_checksum": late_checksum,
    "stale_checksum": stale_checksum,
    "torn_output": torn_output,
    "redo": redo,
    "forgotten_identifiers": forgotten_identifiers,
    "snapshot_of_two_moments": snapshot_of_two_moments,
}
