"""The context of one command, with the database to close when it ends."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

_COMMAND = re.compile(r"`(jobrunner [^`]+)`")


class CommandContext:
    """Created by ``main`` and passed to every command as the ``obj`` of typer's context.

    ``find_damage`` describes the damage in the database that the command opened, or returns None.
    """

    def __init__(self) -> None:
        self.db_option: Path | None = None
        # Set when a database is opened: importing the store here would slow down --help.
        self.find_damage: Callable[[], str | None] = lambda: None
        self._exit_stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._exit_stack.close()

    def call_at_exit(self, close: Callable[[], None]) -> None:
        """Call a function when the command ends."""
        self._exit_stack.callback(close)

    def command(self, line: str) -> str:
        """Return a command for the user to type, with --db if the current command has it."""
        if self.db_option is None or "--db" in line:
            return line
        return f"{line} --db {shlex.quote(str(self.db_option))}"

    def complete_commands(self, text: str) -> str:
        """Add --db to the commands in a text, which are those between backquotes."""
        return _COMMAND.sub(lambda match: f"`{self.command(match[1])}`", text)
