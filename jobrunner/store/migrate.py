"""Bring a database to the schema that this version works with, all or nothing.

The version is read with one query, and a new database gets its tables from the schema: Alembic (a
third of a second to import) is loaded only to upgrade an older one. Foreign keys are off while it
runs: rebuilding a parent table with them on deletes its children
(https://www.sqlite.org/lang_altertable.html, section 7).
"""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from jobrunner.errors import DamageFound, LeaseHeld, Refused, StoreError
from jobrunner.store.lease import FileLock
from jobrunner.store.schema import HEAD, metadata

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection, Engine

Connect = Callable[[Path], sqlite3.Connection]


def migrations_directory() -> Path:
    """Return where the migrations are: in the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "migrations"
    return installed if installed.is_dir() else package.parent / "migrations"


def current_revision(connection: sqlite3.Connection) -> str | None:
    """Return the revision that a database is at, or None if it is empty."""
    known = connection.execute(
        "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'alembic_version'"
    ).fetchone()
    if known is None:
        return None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if row is None else str(row[0])


def prepare(path: Path, connect: Connect) -> None:
    """Make or upgrade the schema until it is at :data:`HEAD`. Raises what :func:`upgrade` does."""
    while (revision := _revision_of(path, connect)) != HEAD:
        if revision is None:
            make(path, connect)
        else:
            upgrade(path, connect, revision)


def _revision_of(path: Path, connect: Connect) -> str | None:
    with closing(connect(path)) as connection:
        return current_revision(connection)


def make(path: Path, connect: Connect) -> None:
    """Make the tables of an empty database, unless another process has come first."""
    with engine(path, connect).begin() as connection:
        if current_revision(_driver(connection)) is None:
            metadata.create_all(connection)
            for statement in _STAMP:
                connection.exec_driver_sql(statement)


_VERSIONS = """
    CREATE TABLE alembic_version
        (version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))
"""
_STAMP = (
    _VERSIONS,
    f"INSERT INTO alembic_version VALUES ('{HEAD}')",  # noqa: S608 - a constant
    "PRAGMA application_id = 1246909774",  # 'JRUN': see jobrunner.store.database.APPLICATION_ID
)
"""What a database that migrations made has beside the tables."""


def upgrade(path: Path, connect: Connect, revision: str) -> Path | None:
    """Upgrade to :data:`HEAD` from the revision that was found.

    Return the backup copy that was made first: None if another process came first. Raises
    :class:`Refused` for a database of a newer version, :class:`LeaseHeld` while a run works on it.
    """
    from alembic.config import Config  # noqa: PLC0415 - see the head of this module
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(migrations_directory()).replace("%", "%%"))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if revision not in known:
        raise Refused(
            f"{path} was made by a newer jobrunner (schema {revision}; this one knows {HEAD})",
            hint="upgrade jobrunner, or name another database with --db",
        )
    with FileLock(lock_path(path)) as lock:
        _hold_alone(lock, path, connect)
        if revision == HEAD or _revision_of(path, connect) != revision:
            return None
        copy = _new_copy(path, revision)
        try:
            _back_up(path, connect, copy)
            _migrate(path, connect, config, revision)
        except BaseException:  # the database is as it was
            copy.unlink()
            raise
        return copy


def _migrate(path: Path, connect: Connect, config: Config, revision: str) -> None:
    """Run the migrations in one transaction, unless another process has come first."""
    from alembic import command  # noqa: PLC0415

    with engine(path, connect).begin() as connection:
        if current_revision(_driver(connection)) == revision:
            config.attributes["connection"] = connection
            command.upgrade(config, HEAD)


def _hold_alone(lock: FileLock, path: Path, connect: Connect) -> None:
    """Take the database's lock, so that no run is at work while its tables change.

    Another upgrade is waited for, however long it takes; a run is not.
    """
    while not lock.acquire(exclusive=True):
        if lock.acquire(exclusive=False, patience=0):  # shared, so its holders are runs
            if _revision_of(path, connect) == HEAD:
                return
            raise LeaseHeld(
                f"{path} must be upgraded, but a run is at work on it",
                hint="wait for the run, or stop it, and try again",
            )


def lock_path(path: Path) -> Path:
    """Return the file whose lock every run of a database shares and a migration holds alone."""
    return path.with_name(path.name + ".lock")


def _new_copy(path: Path, revision: str) -> Path:
    """Make the file for a backup, open to whom the database is; earlier ones are kept."""
    for number in count(1):
        middle = "" if number == 1 else f".{number}"
        copy = path.with_name(f"{path.name}.pre-{revision}{middle}.bak")
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
            os.close(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode))
        except FileExistsError:
            continue
        except OSError as error:
            raise StoreError(
                f"cannot make the backup copy {copy}: {error.strerror}",
                hint="make the directory writable, or free some space, and try again",
            ) from error
        return copy
    raise AssertionError  # numbers do not end


def _back_up(path: Path, connect: Connect, copy: Path) -> None:
    with closing(connect(path)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)


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
    """Raise :class:`DamageFound` if a row points at nothing."""
    broken = _driver(connection).execute("PRAGMA foreign_key_check").fetchall()
    if broken:
        raise DamageFound(
            f"{len(broken)} rows point at missing rows, first in {broken[0][0]}",
            hint="get back the newest snapshot with `jobrunner restore SNAPSHOT --db NEW.db`",
        )


def _driver(connection: Connection) -> sqlite3.Connection:
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)  # noqa: S101 - our engine makes no other
    return driver
