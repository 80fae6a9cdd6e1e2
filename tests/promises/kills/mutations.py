"""Broken jobrunners, to show that the harness sees what it is there for.

Each is a mistake that a system like this one could hold. They are made in the forks of the harness
alone, by name; runs in processes of their own are whole.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

from sqlalchemy import Connection

from jobrunner import crash_points
from jobrunner.files import atomic, directories, locks
from jobrunner.snapshots import retention, write
from jobrunner.store import batches, run_lifecycle, runs, source_states, transactions
from jobrunner.store.batches import Batch
from jobrunner.store.database import Database
from jobrunner.store.lease import Lease
from jobrunner.store.rows import SnapshotRow, SourceRow

VARIABLE = "TORTURE_MUTATION"


def apply(name: str) -> None:
    """Break this process in the named way; '' leaves it as it is."""
    if name:
        ALL[name]()


def _patch(module: ModuleType, name: str, new: Callable[..., Any]) -> None:
    setattr(module, name, new)


def _everywhere(old: Callable[..., Any], new: Callable[..., Any]) -> None:
    """Replace a function in every module of the program that knows it."""
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
        crash_points.point("commit.inside")
        with database.write() as connection:
            insert_records(connection, *later.pop())

    _patch(batches, "_insert_records", insert_later)
    _everywhere(commit, commit_twice)


def no_lease() -> None:
    """Let everybody have the lease of a session, and write to it without one."""
    _patch(locks, "try_lock", lambda *_arguments, **_options: True)
    transactions._TOUCH = transactions._TOUCH.replace(
        "AND run_id IS ?", "AND (true OR run_id IS ?)"
    )


def late_checksum() -> None:
    """Record a snapshot before its checksum is written."""
    finish, sidecar = retention.finish_snapshot, atomic.write_sidecar

    def finish_late(database: Database, held: Lease, row: SnapshotRow) -> None:
        finish(database, held, row)
        crash_points.point("snapshot.recorded")
        sidecar(database.path.parent / row.path, row.sha256)

    _patch(write, "write_sidecar", lambda *_arguments: None)
    _everywhere(finish, finish_late)


def stale_checksum() -> None:
    """Leave the checksum of the old file beside the new one until its own is written."""

    def put(temporary: Path, path: Path) -> None:
        temporary.replace(path)
        directories.sync_directory(path.parent)

    _patch(atomic, "_put", put)


def torn_output() -> None:
    """Write a file in its place, without a temporary one."""

    def write_torn(
        path: Path, chunks: Iterable[bytes], *, mode: int = 0o666, summed: bool = False
    ) -> atomic.Written:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        with path.open("wb") as file:
            path.chmod(mode & 0o644)
            written = atomic._write(file, chunks)
        if summed:
            atomic.write_sidecar(path, written.sha256)
        return written

    def copy_torn(source: Path, target: Path, sha256: str) -> None:
        data = source.read_bytes()
        with target.open("wb") as file:
            file.write(data[: len(data) // 2])
            file.flush()
            crash_points.point("publish.copied")
            file.write(data[len(data) // 2 :])
        atomic.write_sidecar(target, sha256)

    _everywhere(atomic.write_whole, write_torn)
    _patch(atomic, "_copy", copy_torn)


def redo() -> None:
    """Begin each run one batch too early, as if the last commit were not to be trusted."""
    start = run_lifecycle.start_run

    def start_early(database: Database, held: Lease) -> None:
        start(database, held)
        for source in source_states.list_sources(database, held.session_id):
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


def forgotten_identifiers() -> None:
    """Lose what a source finds for the next ones, in runs that go on."""
    start, insert_records = run_lifecycle.start_run, batches._insert_records

    def insert_without(connection: Connection, *arguments: Any) -> None:
        insert_records(connection, *arguments)
        connection.exec_driver_sql("DELETE FROM identifier WHERE origin = 'openalex'")

    def start_forgetful(database: Database, held: Lease) -> None:
        start(database, held)
        if len(runs.list_runs(database, held.session_id)) > 1:
            _patch(batches, "_insert_records", insert_without)

    _everywhere(start, start_forgetful)


ALL: dict[str, Callable[[], None]] = {
    "counters_apart": counters_apart,
    "no_lease": no_lease,
    "late_checksum": late_checksum,
    "stale_checksum": stale_checksum,
    "torn_output": torn_output,
    "redo": redo,
    "forgotten_identifiers": forgotten_identifiers,
}
