"""What one call of the program holds until its end: the database that its command opened."""

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
    """Made by ``main``, and given to every command as the ``obj`` of typer's context.

    ``find_damage`` says what is wrong with the database that the command opened, None if nothing
    is. It comes with the database, so that this module needs no library of databases.
    """

    def __init__(self) -> None:
        self.db_option: Path | None = None
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
        """Call a function when the command has ended."""
        self._exit_stack.callback(close)

    def command(self, line: str) -> str:
        """Return a command to be typed, with --db if this one was given it."""
        if self.db_option is None or "--db" in line:
            return line
        return f"{line} --db {shlex.quote(str(self.db_option))}"

    def complete_commands(self, text: str) -> str:
        """Complete the commands in a text, those between back quotes."""
        return _COMMAND.sub(lambda match: f"`{self.command(match[1])}`", text)
