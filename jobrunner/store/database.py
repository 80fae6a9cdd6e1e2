"""Open the database: pragmas, transactions, schema version.

The driver's own transaction handling is switched off. SQLAlchemy's ``begin`` event sends BEGIN
IMMEDIATE for writers and BEGIN for readers. With the driver's default, a SELECT runs outside the
transaction, and two writers overwrite each other's updates without an error.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TypeAlias
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import QueuePool, StaticPool

from jobrunner.errors import DatabaseBusy, StoreError
from jobrunner.files.filesystem import check_locks, check_place
from jobrunner.store import migrations
from jobrunner.store.file_guard import Guard
from jobrunner.store.paths import locate, nothing_at
from jobrunner.store.sqlite_errors import code_of, translated

APPLICATION_ID = 0x4A52554E
"""'JRUN': marks a SQLite file as a jobrunner database (``PRAGMA application_id``)."""

PAGE_SIZE = 16384
"""Page size in bytes. Records of about 3 KB leave a third of SQLite's default 4 KB page empty."""

LOG_PAGES = 1000
"""Pages in the write-ahead log after which a commit runs a checkpoint (SQLite's default)."""

BUSY_TIMEOUT_MS = 30_000
SHORT_TIMEOUT_MS = 200
"""Timeout after the first one expired, so that ending a run does not wait 30 s for every write."""

OLDEST_SQLITE = (3, 38, 0)

DEFAULT_PATH = Path(".jobrunner/state.db")
"""The state database of a working directory, where none is named."""


ReadTransaction: TypeAlias = Connection
"""The transaction of :meth:`Database.read`, for callers that pass it on without using SQL."""


class Database:
    """One open database file, with one writing connection and reading connections on demand."""

    def __init__(self, path: Path, writer: Engine, reader: Engine) -> None:
        self.path = path
        self._writer = writer
        self._reader = reader
        self._turn = threading.RLock()
        self._writing = False
        self._has_written = False
        self._guard = Guard(path, writer)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Open the only write transaction. The whole block is committed, or nothing.

        Threads take turns. Nested transactions are a programming error: the inner one would share
        the connection, and its failure would silently end the outer one.
        """
        with self._turn:
            if self._writing:
                raise RuntimeError("a write transaction is open already")
            self._guard.check()
            self._writing = True
            try:
                with translated(self.path), self._writer.begin() as connection:
                    self._guard.note()
                    self._has_written = True
                    yield connection
            except DatabaseBusy:
                self._run_on_writer(f"PRAGMA busy_timeout={SHORT_TIMEOUT_MS}")
                raise
            finally:
                self._writing = False

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a read transaction: the whole block sees the same committed state."""
        self._guard.check()
        with translated(self.path, reading=True), self._reader.begin() as connection:
            yield connection

    @contextmanager
    def read_long(self) -> Iterator[Connection]:
        """Open a read transaction that may take minutes while other threads commit.

        A checkpoint cannot go past the state that a reader sees, so the log grows during the block.
        The checkpoint at its end runs here. Otherwise the next commit would run it and delay the
        run.
        """
        self._let_log_grow(to_pages=0)
        try:
            with self.read() as connection:
                yield connection
            self._checkpoint()
        finally:
            self._let_log_grow(to_pages=LOG_PAGES)

    def _let_log_grow(self, *, to_pages: int) -> None:
        """Run a checkpoint in a commit once the log has this many pages; never if 0."""
        with self._turn:
            self._run_on_writer(f"PRAGMA wal_autocheckpoint={to_pages}")

    def _checkpoint(self) -> None:
        """Run a checkpoint in this thread while others write. A later commit retries it."""
        with (
            suppress(StoreError),
            translated(self.path, quiet=True),
            closing(connect(self.path)) as connection,
        ):
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def close(self) -> None:
        """Close the database, after a checkpoint if it was written. Safe after an error.

        Only writers run the checkpoint: a reader's would compete with the run for the log.
        """
        with self._turn:
            self._reader.dispose()
            try:
                if self._has_written:
                    self._guard.check()
                    self._run_on_writer("PRAGMA busy_timeout=0", "PRAGMA wal_checkpoint(TRUNCATE)")
            finally:
                self._writer.dispose()

    def _run_on_writer(self, *statements: str) -> None:
        with translated(self.path, quiet=True), self._writer.connect() as connection:
            driver = connection.connection.driver_connection
            assert driver is not None  # noqa: S101 - a live connection has its driver
            for statement in statements:
                driver.execute(statement)


def default_path() -> Path:
    """Return ``JOBRUNNER_DB`` if it is set, else ``DEFAULT_PATH``."""
    return Path(os.environ.get("JOBRUNNER_DB") or DEFAULT_PATH)


def open_database(path: Path, *, create: bool = False) -> Database:
    """Open a state database and upgrade its schema if needed, after a backup copy.

    With ``create``, a missing or empty file becomes a new database. Raises :class:`StoreError`
    (missing, unreadable, not a jobrunner database, disk full),
    :class:`~jobrunner.errors.LeaseHeld` (the database must be upgraded but is in use by a run),
    :class:`~jobrunner.errors.Refused` (made by a newer jobrunner, or its file system is not safe)
    or :class:`DamageFound`.
    """
    _check_sqlite()
    path = locate(path, create=create)
    if create:
        check_place(path.parent)
    check_locks(path.parent)
    with translated(path):
        migrations.prepare(path, partial(connect, create=create))
    writer = create_engine("sqlite://", creator=lambda: connect(path), poolclass=StaticPool)
    reader = create_engine("sqlite://", creator=lambda: _connect_ro(path), poolclass=QueuePool)
    event.listen(writer, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    event.listen(reader, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    return Database(path, writer, reader)


def _check_sqlite() -> None:
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise StoreError(
            f"SQLite {sqlite3.sqlite_version} is too old: 3.38 or later is needed",
            hint="use a Python built with a newer SQLite",
        )


def connect(path: Path, *, create: bool = False) -> sqlite3.Connection:
    """Open a writing driver connection with our pragmas. Raises sqlite3.Error, StoreError.

    Without ``create``, a missing or empty file is refused and not changed.
    """
    return _connect(
        path,
        "rwc" if create else "rw",
        lambda connection: _configure(connection, path, create=create),
    )


def _connect_ro(path: Path) -> sqlite3.Connection:
    def configure(connection: sqlite3.Connection) -> None:
        connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        connection.execute("PRAGMA query_only=ON")

    return _connect(path, "ro", configure)


def _connect(
    path: Path, mode: str, configure: Callable[[sqlite3.Connection], None]
) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"file://{quote(os.fsencode(path.absolute()))}?mode={mode}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        configure(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _configure(connection: sqlite3.Connection, path: Path, *, create: bool) -> None:
    connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    empty = connection.execute("PRAGMA schema_version").fetchone()[0] == 0
    owner = connection.execute("PRAGMA application_id").fetchone()[0]
    if owner != APPLICATION_ID and not (empty and owner == 0):
        raise StoreError(f"{path} is not a jobrunner database", hint="choose another with --db")
    if empty and not create:
        raise nothing_at(path)
    if empty:  # the page size can only be set before the first table
        connection.execute(f"PRAGMA page_size={PAGE_SIZE}")
    if _use_wal(connection) != "wal":
        raise StoreError(
            f"the file system of {path} does not support SQLite's write-ahead log",
            hint="put the database on a local disk with --db",
        )
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")


def _use_wal(connection: sqlite3.Connection) -> str:
    """Switch to the write-ahead log. Return the journal mode now in effect.

    SQLite's busy timeout does not cover this switch, which two processes may attempt at the same
    time on a new file.
    """
    deadline = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            return str(connection.execute("PRAGMA journal_mode=WAL").fetchone()[0])
        except sqlite3.OperationalError as error:
            if code_of(error) != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
                raise
            time.sleep(0.01)
