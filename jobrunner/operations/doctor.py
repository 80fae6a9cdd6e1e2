"""Checks of this machine for conditions that would make a run fail."""

from __future__ import annotations

import platform
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from msgspec import Struct

from jobrunner.errors import DamageFound, JobrunnerError
from jobrunner.files.filesystem import NETWORK, fault_of, kind_of
from jobrunner.files.path_queries import exists, real_path
from jobrunner.files.system_errors import user_error_of
from jobrunner.settings.addresses import Address, naming_option
from jobrunner.settings.settings import EMAIL, Settings, variable
from jobrunner.store.audit import check_database
from jobrunner.store.database import OLDEST_SQLITE, open_database
from jobrunner.store.schema import HEAD
from jobrunner.store.schema_version import read_revision

WAL_RESET_FIXED = (3, 51, 3)
"""The SQLite version that fixed the WAL-reset bug (https://www.sqlite.org/wal.html).

Earlier versions can corrupt a database if two connections write and checkpoint at the same moment
after a reset of the write-ahead log.
"""

LITTLE_SPACE = 1 << 30
"""Bytes of free disk space below which ``doctor`` warns."""


class Check(Struct, frozen=True, kw_only=True):
    """The result of one check; ``verdict`` is ok, warning, problem or damage."""

    name: str
    verdict: str
    message: str


def examine(database: Path, sources: Iterable[str], settings: Settings) -> list[Check]:
    """Run all checks. ``database`` need not exist."""
    directory = _existing(real_path(database).parent)
    checks: dict[str, Callable[[], tuple[str, str]]] = {
        "python": _python,
        "sqlite": _sqlite,
        "file system": lambda: _file_system(directory),
        "locks": lambda: _locks(directory),
        "disk space": lambda: _space(directory),
        "migrations": lambda: _migrations(database),
        "database": lambda: _integrity(database),
    }
    results = [_check(name, look) for name, look in checks.items()]
    return [*results, *_keys(sources, settings)]


def _check(name: str, look: Callable[[], tuple[str, str]]) -> Check:
    try:
        verdict, message = look()
    except DamageFound as error:
        verdict, message = "damage", str(error)
    except (JobrunnerError, OSError) as error:
        verdict, message = "problem", str(user_error_of(error))
    return Check(name=name, verdict=verdict, message=message)


def _existing(directory: Path) -> Path:
    while not exists(directory):
        directory = directory.parent
    return directory


def _python() -> tuple[str, str]:
    return "ok", f"{platform.python_version()} on {platform.system()} {platform.machine()}"


def _sqlite() -> tuple[str, str]:
    version = sqlite3.sqlite_version
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        return "problem", f"{version}: jobrunner needs 3.38 or later"
    if sqlite3.sqlite_version_info < WAL_RESET_FIXED:
        return "ok", (
            f"{version}; it has the WAL-reset bug (fixed in 3.51.3). jobrunner avoids it by writing"
            " from one connection: do not write to the database with other programs"
        )
    return "ok", version


def _file_system(directory: Path) -> tuple[str, str]:
    kind = kind_of(directory)
    if kind in NETWORK:
        return "problem", (
            f"{directory} is on {kind}, a network file system: put the database on a local disk"
        )
    return "ok", f"{directory} is on {kind or 'an unknown file system'}"


def _locks(directory: Path) -> tuple[str, str]:
    fault = fault_of(directory)
    if fault is not None:
        return "problem", f"{directory}: {fault}; use a local disk"
    with tempfile.TemporaryDirectory(prefix=".jobrunner-doctor-", dir=directory) as own:
        connection = sqlite3.connect(Path(own) / "wal.db", isolation_level=None)
        try:
            mode = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
        finally:
            connection.close()
    if mode != "wal":
        return "problem", f"{directory}: SQLite's write-ahead log does not work; use a local disk"
    return "ok", "locks and the write-ahead log work"


def _space(directory: Path) -> tuple[str, str]:
    free = shutil.disk_usage(directory).free
    verdict = "ok" if free >= LITTLE_SPACE else "warning"
    return verdict, f"{free / (1 << 30):.1f} GiB free in {directory}"


def _migrations(database: Path) -> tuple[str, str]:
    revision = _revision(database)
    if revision is None:
        return "ok", f"{database} has no tables yet; the first run creates them at {HEAD}"
    if revision == HEAD:
        return "ok", f"the schema is at {HEAD}"
    if revision > HEAD:
        return "problem", f"the schema is at {revision}, newer than {HEAD}: upgrade jobrunner"
    return "warning", f"the schema is at {revision}; opening it will upgrade it to {HEAD}"


def _integrity(database: Path) -> tuple[str, str]:
    revision = _revision(database)
    if revision is None:
        return "ok", "nothing to check"
    if revision != HEAD:
        return "warning", f"not checked: the schema is not at {HEAD}"
    opened = open_database(database)
    try:
        problems = check_database(opened)
    finally:
        opened.close()
    if problems:
        return "damage", "; ".join(problems)
    return "ok", "pages and references are intact"


def _revision(database: Path) -> str | None:
    return read_revision(database) if exists(database) else None


def _keys(sources: Iterable[str], settings: Settings) -> list[Check]:
    found = [
        Check(
            name=f"key {source}",
            verdict="ok",
            message="set" if source in settings.keys else f"not set: {variable(source, 'API_KEY')}",
        )
        for source in sources
    ]
    email = "set" if settings.email else f"not set, so sources cannot contact you: {EMAIL}"
    return [
        *found,
        Check(name="e-mail", verdict="ok", message=email),
        *(_address(source, address) for source, address in settings.addresses.items()),
    ]


def _address(source: str, address: Address) -> Check:
    """Warn about an address that no run uses before the user has named it."""
    if address.named:
        return Check(name=f"address {source}", verdict="ok", message=str(address))
    hint = f"not used until you add {naming_option(source, address.url)} once"
    return Check(name=f"address {source}", verdict="warning", message=f"{address}; {hint}")
