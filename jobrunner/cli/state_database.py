"""Opens the state database of a command, and closes it when the command ends."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from pathlib import Path

from jobrunner.cli.command_context import CommandContext
from jobrunner.store.database import Database, default_path, open_database

MOST_PROBLEMS = 3
"""Problems shown in one error message; ``verify`` lists all of them."""


def database_path(option: Path | None) -> Path:
    """Return the given database path, or the default."""
    return option or default_path()


def open_db(context: CommandContext, path: Path | None, *, create: bool = False) -> Database:
    """Open the given state database, or the default one."""
    context.db_option = path  # before opening: the hints of its errors name commands as well
    database = open_database(database_path(path), create=create)
    context.call_at_exit(database.close)
    context.find_damage = partial(find_damage, database)
    return database


def find_damage(database: Database) -> str | None:
    """Describe the damage in a database, or return None if it is sound."""
    # Imports half of the program and is rarely needed, so `status` should not wait for it.
    from jobrunner.operations.verify import verify_all  # noqa: PLC0415

    problems: list[str] = []
    with suppress(Exception):  # the original error matters more than a failure of this check
        for _, report in verify_all(database):
            problems += report.problems
    return f"the database is damaged: {'; '.join(problems[:MOST_PROBLEMS])}" if problems else None
