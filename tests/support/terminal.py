"""A pseudo-terminal with the program in it, and what stands on its screen."""

from __future__ import annotations

import codecs
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

_CUT_OFF = re.compile(r"\x1b(\[[?\d;]*)?$")
_PIECE = re.compile(r"\x1b\[([?\d;]*)([A-Za-z])|([^\x1b])")


class Terminal:
    """A terminal that somebody looks at, so many ``columns`` wide; ``child`` is what runs in it."""

    def __init__(self, end: int, child: subprocess.Popen[bytes], columns: int) -> None:
        self.child = child
        self._end = end
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._screen = Screen(columns)

    def press(self, keys: str) -> None:
        os.write(self._end, keys.encode())

    def rows(self) -> list[str]:
        """Return what stands on the screen now, row by row."""
        with suppress(OSError):  # nothing more is there, or the program has ended
            while chunk := os.read(self._end, 65536):
                self._screen.write(self._decode(chunk))
        return list(self._screen.rows)

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


class Screen:
    """What stands on a screen that never scrolls; ``rows`` is all that was written to it."""

    def __init__(self, columns: int) -> None:
        self.rows = [""]
        self._columns = columns
        self._row = self._column = 0
        self._held_back = ""

    def write(self, text: str) -> None:
        """Write a text; an escape sequence may come in two parts."""
        text = self._held_back + text
        self._held_back = ""
        cut_off = _CUT_OFF.search(text)
        if cut_off:
            text, self._held_back = text[: cut_off.start()], cut_off[0]
        for parameters, command, character in _PIECE.findall(text):
            assert command in "AKmlh", f"an escape sequence that was not thought of: {command}"
            if command == "A":
                self._row -= int(parameters or 1)
            elif command == "K":
                self.rows[self._row] = ""
            elif character == "\r":
                self._column = 0
            elif character == "\n":
                self._next_row()
            elif character:
                self._put(character)

    def _next_row(self) -> None:
        self._row += 1
        if self._row == len(self.rows):
            self.rows.append("")

    def _put(self, character: str) -> None:
        if self._column == self._columns:
            self._next_row()
            self._column = 0
        before = self.rows[self._row].ljust(self._column)
        self.rows[self._row] = before[: self._column] + character + before[self._column + 1 :]
        self._column += 1
