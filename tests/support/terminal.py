"""A pseudo-terminal with the program in it, and what stands on its screen."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.support.events import eventually
from tests.support.program import Program

LINES = 40
AT_TERMINAL = ("setsid", "--ctty")
"""Starts the command after it so that its standard input is the terminal that controls it."""

_PIECE = re.compile(r"\x1b\[([?\d;]*)([A-Za-z])|([^\x1b])")


class Terminal:
    """A terminal that somebody looks at, so many ``columns`` wide; ``child`` is what runs in it."""

    def __init__(self, end: int, child: subprocess.Popen[bytes], columns: int) -> None:
        self.child = child
        self._end = end
        self._columns = columns
        self._written = b""

    def press(self, keys: str) -> None:
        os.write(self._end, keys.encode())

    def rows(self) -> list[str]:
        """Return what stands on the screen now, row by row."""
        with suppress(OSError):  # nothing more is there, or the program has ended
            while chunk := os.read(self._end, 65536):
                self._written += chunk
        return screen(self._written.decode(errors="replace"), self._columns)

    def shows(self, text: str) -> bool:
        """Tell whether a text stands there, also from one row to the next."""
        return text in "".join(self.rows())

    def finish(self) -> list[str]:
        """Wait for the end of the program; return what it leaves on the screen."""
        eventually(lambda: self.rows() and self.child.poll() is not None)
        return self.rows()


@contextmanager
def terminal(program: Program, *arguments: object, columns: int = 80) -> Iterator[Terminal]:
    """Start the program at a terminal, where ^C is a signal; it is killed with the block's end."""
    end, other_end = pty.openpty()
    termios.tcsetwinsize(other_end, (LINES, columns))
    os.set_blocking(end, False)
    sizes = ("COLUMNS", "LINES")
    child = subprocess.Popen(
        [*AT_TERMINAL, sys.executable, "-m", "jobrunner", *map(str, arguments)],
        cwd=program.directory,
        env={k: v for k, v in program.environment.items() if k not in sizes} | {"TERM": "xterm"},
        stdin=other_end,
        stdout=other_end,
        stderr=other_end,
    )
    os.close(other_end)
    try:
        yield Terminal(end, child, columns)
    finally:
        child.kill()
        child.wait()
        os.close(end)


def screen(written: str, columns: int) -> list[str]:
    """Return what stands on a screen that never scrolls, after all that was written to it."""
    rows, row, column = [""], 0, 0
    for parameters, command, character in _PIECE.findall(written):
        assert command in "AKmlh", f"an escape sequence that was not thought of: {command}"
        if command == "A":
            row -= int(parameters or 1)
        elif command == "K":
            rows[row] = ""
        elif character == "\r":
            column = 0
        elif character:
            if character == "\n" or column == columns:
                row, column = row + 1, column if character == "\n" else 0
                rows += [""] * (row == len(rows))
            if character != "\n":
                before = rows[row].ljust(column)
                rows[row] = before[:column] + character + before[column + 1 :]
                column += 1
    return rows
