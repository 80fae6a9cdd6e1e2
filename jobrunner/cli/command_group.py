"""The table of commands. A command's module is imported when the command is called."""

from __future__ import annotations

from importlib import import_module
from typing import Any, TypeAlias

import typer
import typer.main
from typer.core import TyperCommand, TyperGroup

Click: TypeAlias = Any
"""An object of click, of which typer carries a copy that it does not export."""

COMMANDS = {
    "run": "Enrich a paper list from the sources.",
    "resume": "Go on with an unfinished session.",
    "retry": "Ask again about papers that failed.",
    "status": "Show how far a session is.",
    "plan": "Say what a run would take.",
    "duplicates": "List papers that are the same work.",
    "explain": "Say why a paper's values are what they are.",
    "review": "Decide about ambiguous papers.",
    "snapshot": "Write the enriched papers as of now.",
    "verify": "Recount and check everything.",
    "restore": "Make a session from a snapshot.",
    "sources": "List sources, limits and keys.",
    "doctor": "Look for trouble on this machine.",
    "demo": "Watch a run being killed and resumed.",
    "sessions": "List, show, delete and clean up sessions.",
    "db": "The schema of the database.",
}
"""The first sentence of each command's help, in the order in which they are listed.

The module of a command has its name, and adds it to an app with ``register``.
"""


class CommandGroup(TyperGroup):
    """Finds commands in modules of their own; help and completion list them by the table alone."""

    def __init__(self, **settings: Click) -> None:
        super().__init__(**settings)
        self.commands = {name: TyperCommand(name, help=text) for name, text in COMMANDS.items()}

    def list_commands(self, ctx: Click) -> list[str]:
        """Return the names of all commands."""
        return list(COMMANDS)

    def get_command(self, ctx: Click, cmd_name: str) -> Click:
        """Import a command; None if there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        app = typer.Typer(rich_markup_mode=None)
        import_module(f"jobrunner.cli.commands.{cmd_name}").register(app)
        return typer.main.get_group(app).commands[cmd_name]

    def format_commands(self, ctx: Click, formatter: Click) -> None:
        """Write the list of commands into the help."""
        self._listing().format_commands(ctx, formatter)

    def shell_complete(self, ctx: Click, incomplete: str) -> Click:
        """Return what a shell may complete a word to."""
        listing = self._listing()
        return listing.shell_complete(typer.Context(listing, parent=ctx), incomplete)

    def _listing(self) -> TyperGroup:
        """Return a group of the same look, whose commands are names and sentences alone."""
        return TyperGroup(name=self.name, commands=dict(self.commands), params=self.params)


def show_commands(context: typer.Context) -> None:
    """Show the help of a group that is called without one of its commands: a usage error."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(2)
