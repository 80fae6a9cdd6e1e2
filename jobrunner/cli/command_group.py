"""The table of commands. A command's module is imported only when the command is called."""

from __future__ import annotations

from importlib import import_module

import typer
import typer.main
from typer.core import TyperCommand, TyperGroup

from jobrunner.cli.usage_errors import Click, Group, use_own_messages

COMMANDS = {
    "run": "Enrich a paper list from the sources.",
    "resume": "Continue an unfinished session.",
    "retry": "Retry failed papers.",
    "status": "Show a session's progress.",
    "plan": "Estimate requests, cost and time.",
    "duplicates": "List papers that are the same work.",
    "explain": "Explain where a paper's values come from.",
    "review": "Resolve ambiguous papers by hand.",
    "snapshot": "Write a snapshot of the enriched papers.",
    "verify": "Recount and check everything.",
    "restore": "Restore a session from a snapshot.",
    "sources": "List sources, limits and keys.",
    "doctor": "Check this machine for problems.",
    "demo": "Watch a run being killed and resumed.",
    "sessions": "List, show, delete and clean up sessions.",
    "db": "Show or upgrade the database schema.",
}
"""The first sentence of each command's help, in listing order.

Each command has a module of the same name, whose ``register`` adds the command to an app.
"""


class CommandGroup(Group):
    """Loads commands on demand. Help and completion need only the table."""

    def __init__(self, **settings: Click) -> None:
        super().__init__(**settings)
        self.commands = {name: TyperCommand(name, help=text) for name, text in COMMANDS.items()}

    def list_commands(self, ctx: Click) -> list[str]:
        """Return the names of all commands, in listing order."""
        return list(COMMANDS)

    def get_command(self, ctx: Click, cmd_name: str) -> Click:
        """Import a command and return it, or None if the name is unknown."""
        if cmd_name not in COMMANDS:
            return None
        app = typer.Typer(rich_markup_mode=None)
        import_module(f"jobrunner.cli.commands.{cmd_name}").register(app)
        use_own_messages(app)
        return typer.main.get_group(app).commands[cmd_name]

    def format_commands(self, ctx: Click, formatter: Click) -> None:
        """Write the list of commands to the help text."""
        self._listing().format_commands(ctx, formatter)

    def shell_complete(self, ctx: Click, incomplete: str) -> Click:
        """Return the completions of a word."""
        listing = self._listing()
        return listing.shell_complete(typer.Context(listing, parent=ctx), incomplete)

    def _listing(self) -> TyperGroup:
        """Return a group that looks the same but holds only names and help sentences."""
        return TyperGroup(name=self.name, commands=dict(self.commands), params=self.params)


def show_commands(context: typer.Context) -> None:
    """Treat a group called without a command as a usage error: show its help and exit with 2."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(2)
