"""The state database of a command: opened here, closed when the command ends."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from pathlib import Path

from jobrunner.cli.command_context import CommandContext
from jobrunner.store.database import Database, default_path, open_database

MOST_PROBLEMS = 3
"""Problems that an error names; ``verify`` lists them all."""


def database_path(option: Path | None) -> Path:
    """Return the path of the database that is named, or of the default one."""
    return option or default_path()


def open_db(context: CommandContext, path: Path | None, *, create: bool = False) -> Database:
    """Open the state database that is named, or the default one."""
    context.db_option = path  # before the opening: an error of it names commands, too
    database = open_database(database_path(path), create=create)
    context.call_at_exit(database.close)
    context.find_damage = partial(find_damage, database)
    return database


def find_damage(database: Database) -> str | None:
    """Return what is wrong with a database, None if nothing is."""
    # Seldom needed, and half of the program hangs on it: `status` need not wait for that.
    from jobrunner.operations.verify import verify_all  # noqa: PLC0415

    problems: list[str] = []
    with suppress(Exception):  # the error that made us look is the one to be told
        for _, report in verify_all(database):
            problems += report.problems
    return f"the database is damaged: {'; '.join(problems[:MOST_PROBLEMS])}" if problems else None
