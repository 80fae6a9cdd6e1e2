"""Create or upgrade the database schema in one transaction.

The revision is read with one query, and a new database gets its tables from the schema. Alembic,
which takes a third of a second to import, is loaded only to upgrade an older database. Foreign keys
are off during an upgrade: with them on, rebuilding a parent table deletes its children
(https://www.sqlite.org/lang_altertable.html, section 7).
"""

from __future__ import annotations

import os
import re
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from jobrunner import crash_points
from jobrunner.errors import GET_BACK, DamageFound, LeaseHeld, Refused, StoreError
from jobrunner.files.directories import sync_directory
from jobrunner.files.locks import FileLock
from jobrunner.files.path_queries import is_directory, real_path
from jobrunner.files.system_errors import remedy
from jobrunner.store.schema import HEAD, metadata

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection, Engine

Connect = Callable[[Path], sqlite3.Connection]


def migrations_directory() -> Path:
    """Return the migrations directory: in the installed package, or next to it in a checkout."""
    package = real_path(Path(__file__)).parents[1]
    installed = package / "migrations"
    return installed if is_directory(installed) else package.parent / "migrations"


def current_revision(connection: sqlite3.Connection) -> str | None:
    """Return the schema revision of a database, or None if it is empty.

    Tables and revision are created in one transaction. Raises :class:`DamageFound` if there are
    tables but no revision.
    """
    tables = {
        name
        for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
    }
    if not tables:
        return None
    row = None
    if "alembic_version" in tables:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    if row is None or re.fullmatch(r"\d{4}", str(row[0])) is None:
        raise DamageFound(
            "the database is damaged: the revision of its schema is missing", hint=GET_BACK
        )
    return str(row[0])


def prepare(path: Path, connect: Connect) -> None:
    """Create or upgrade the schema to :data:`HEAD`. Raises the same errors as :func:`upgrade`."""
    # A loop: another process may create or upgrade the database between the check and the work.
    while (revision := _revision_of(path, connect)) != HEAD:
        if revision is None:
            make(path, connect)
        else:
            upgrade(path, connect, revision)


def _revision_of(path: Path, connect: Connect) -> str | None:
    with closing(connect(path)) as connection:
        return current_revision(connection)


def make(path: Path, connect: Connect) -> None:
    """Create the tables of an empty database, unless another process has done so."""
    with engine(path, connect).begin() as connection:
        if current_revision(_driver(connection)) is None:
            metadata.create_all(connection)
            for statement in _STAMP:
                connection.exec_driver_sql(statement)
            crash_points.point("migrate.inside")


_VERSIONS = """
    CREATE TABLE alembic_version
        (version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))
"""
_STAMP = (
    _VERSIONS,
    f"INSERT INTO alembic_version VALUES ('{HEAD}')",  # noqa: S608 - a constant
    "PRAGMA application_id = 1246909774",  # 'JRUN': see jobrunner.store.database.APPLICATION_ID
)
"""What migrations add to a new database besides its tables."""


def upgrade(path: Path, connect: Connect, revision: str) -> Path | None:
    """Upgrade a database from ``revision`` to :data:`HEAD`.

    Return the path of the backup copy, or None if another process has already upgraded it. Raises
    :class:`Refused` if a newer version made the database, :class:`LeaseHeld` if a run is using it.
    """
    from alembic.config import Config  # noqa: PLC0415 - see the head of this module
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(migrations_directory()).replace("%", "%%"))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if revision not in known:
        raise Refused(
            f"{path} was made by a newer jobrunner (schema {revision}; this one supports {HEAD})",
            hint="upgrade jobrunner, or choose another database with --db",
        )
    with FileLock(lock_path(path)) as lock:
        _hold_alone(lock, path, connect)
        if revision == HEAD or _revision_of(path, connect) != revision:
            return None
        with backed_up(path, connect, revision) as copy:
            _migrate(path, connect, config, revision)
        return copy


@contextmanager
def alone(path: Path, connect: Connect) -> Iterator[None]:
    """Back up a database and keep runs off it while a block changes its schema by hand.

    Raises the same errors as :func:`upgrade`.
    """
    with FileLock(lock_path(path)) as lock, ExitStack() as stack:
        _hold_alone(lock, path, connect, busy=True)
        revision = _revision_of(path, connect)
        if revision is not None:
            stack.enter_context(backed_up(path, connect, revision))
        yield


def _migrate(path: Path, connect: Connect, config: Config, revision: str) -> None:
    """Run the migrations in one transaction, unless another process has done so."""
    from alembic import command  # noqa: PLC0415

    with engine(path, connect).begin() as connection:
        if current_revision(_driver(connection)) == revision:
            config.attributes["connection"] = connection
            command.upgrade(config, HEAD)
            crash_points.point("migrate.inside")


def _hold_alone(lock: FileLock, path: Path, connect: Connect, *, busy: bool = False) -> None:
    """Take the database's lock exclusively, so that no run is active while its tables change.

    Wait for another upgrade without limit, but not for a run. If the database is at :data:`HEAD` by
    now, return without the lock, unless ``busy`` says that the caller needs it anyway.
    """
    while not lock.acquire(exclusive=True):
        if lock.acquire(exclusive=False, patience=0):  # shared, so its holders are runs
            if not busy and _revision_of(path, connect) == HEAD:
                return
            raise LeaseHeld(
                f"{path} must be upgraded, but a run is using it",
                hint="wait for the run or stop it, then try again",
            )


def lock_path(path: Path) -> Path:
    """Return the lock file that runs of a database share and a migration holds exclusively."""
    return path.with_name(path.name + ".lock")


@contextmanager
def backed_up(path: Path, connect: Connect, revision: str) -> Iterator[Path]:
    """Back up a database before a block changes it. If the block fails, the copy is deleted.

    The copy gets its final name only when it is complete. Earlier copies are kept.
    """
    copy = next(copy for copy in _copies(path, revision) if not os.path.lexists(copy))
    unfinished = copy.with_name(f".{copy.name}.tmp")
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        unfinished.unlink(missing_ok=True)  # left by a killed process: we hold the lock
        os.close(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode))
    except OSError as error:
        raise StoreError(
            f"cannot create the backup copy {copy}: {error.strerror}",
            hint=f"{remedy(error)}, and try again",
        ) from error
    try:
        with closing(connect(path)) as source, closing(sqlite3.connect(unfinished)) as target:
            source.backup(target)
        unfinished.rename(copy)
        sync_directory(copy.parent)
        yield copy
    except BaseException:  # the transaction was rolled back: the copy is not needed
        unfinished.unlink(missing_ok=True)
        copy.unlink(missing_ok=True)
        raise


def _copies(path: Path, revision: str) -> Iterator[Path]:
    for number in count(1):
        middle = "" if number == 1 else f".{number}"
        yield path.with_name(f"{path.name}.pre-{revision}{middle}.bak")


def engine(path: Path, connect: Connect) -> Engine:
    """Return an engine for migrations: IMMEDIATE transactions, foreign keys off."""
    from sqlalchemy import create_engine, event  # noqa: PLC0415
    from sqlalchemy.pool import NullPool  # noqa: PLC0415

    def connect_without_foreign_keys() -> sqlite3.Connection:
        connection = connect(path)
        connection.execute("PRAGMA foreign_keys=OFF")
        return connection

    engine = create_engine("sqlite://", creator=connect_without_foreign_keys, poolclass=NullPool)
    event.listen(engine, "begin", lambda begun: begun.exec_driver_sql("BEGIN IMMEDIATE"))
    return engine


def check_foreign_keys(connection: Connection) -> None:
    """Raise :class:`DamageFound` if a row refers to a missing row."""
    broken = _driver(connection).execute("PRAGMA foreign_key_check").fetchall()
    if broken:
        raise DamageFound(
            f"{len(broken)} rows refer to missing rows, the first in {broken[0][0]}",
            hint=GET_BACK,
        )


def _driver(connection: Connection) -> sqlite3.Connection:
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)  # noqa: S101 - our engine makes no other
    return driver
