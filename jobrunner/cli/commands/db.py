"""``db``: show or upgrade the database schema."""

from __future__ import annotations

import typer

from jobrunner.cli.command_group import show_commands
from jobrunner.cli.console import print_result
from jobrunner.cli.options import Db
from jobrunner.cli.state_database import database_path
from jobrunner.store.schema import HEAD
from jobrunner.store.schema_version import read_revision, upgrade_database

db_app = typer.Typer(
    invoke_without_command=True, callback=show_commands, help="Show or upgrade the database schema."
)


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.add_typer(db_app, name="db", epilog="Example: jobrunner db current")


@db_app.command(epilog="Example: jobrunner db current --db state.db")
def current(db: Db = None) -> None:
    """Print the schema revision of the database.

    The command also prints the revision that this version of jobrunner uses.
    """
    path = database_path(db)
    print_result(f"{path}: {read_revision(path) or 'empty'} (this version uses {HEAD})")


@db_app.command(epilog="Example: jobrunner db upgrade --db state.db")
def upgrade(db: Db = None) -> None:
    """Back up the database and upgrade its schema.

    Every command does this automatically when it opens an older database.
    """
    path = database_path(db)
    before, after, backup = upgrade_database(path)
    change = f", was {before}" if before != after else ", already current"
    print_result(f"{path}: {after}{change}")
    if backup:
        print_result(f"backup {backup}")
