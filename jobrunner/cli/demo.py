"""``demo``: stub to be replaced."""

import typer


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
