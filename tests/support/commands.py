"""The commands of the program, with the words that call them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer
import typer.main
from typer.core import TyperGroup

from jobrunner.cli.main import app


def commands(command: Any, names: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every command of the program with the words that call it."""
    if not isinstance(command, TyperGroup):
        yield names, command
        return
    context = typer.Context(command)
    for name in command.list_commands(context):
        yield from commands(command.get_command(context, name), (*names, name))


COMMANDS = dict(commands(typer.main.get_command(app)))
