"""The part of a text that is in memory while it is read in chunks, and positions in it."""

from __future__ import annotations

import re

from jobrunner.errors import InputError, Truncated
from jobrunner.inputs.text_stream import TextReader

CHUNK = 1 << 17
LARGEST_VALUE = 64 << 20
"""Most characters of one value in memory: a small compressed file can contain a huge one."""

_NOT_SPACE = re.compile(r"[^ \t\n\r]")


class Window:
    """The part of the text that is in memory; reading continues at ``position``.

    With ``hold``, no text is dropped, so that positions stay valid while the text grows.
    """

    def __init__(self, reader: TextReader, chunk: int = CHUNK) -> None:
        self.name = reader.name
        self.text = ""
        self.position = 0
        self.hold = False
        self.ended = False
        self._reader = reader
        self._chunk = chunk
        self._lines = 0
        self._columns = 0

    @property
    def line_number(self) -> int:
        """The line of ``position``, from 1."""
        return self._lines + self.text.count("\n", 0, self.position) + 1

    def grow(self) -> bool:
        """Read more; False at the end. Doubles the text, so that parsing it again stays cheap."""
        if not self.hold:
            self._drop()
        if len(self.text) - self.position > LARGEST_VALUE:
            raise self.error(f"a value of more than {LARGEST_VALUE >> 20} MiB")
        more = self._reader.read(max(self._chunk, len(self.text)))
        self.ended = not more
        self.text += more
        return bool(more)

    def peek(self) -> str:
        """Skip white space; return the next character without consuming it, '' at the end."""
        while True:
            match = _NOT_SPACE.search(self.text, self.position)
            if match:
                self.position = match.start()
                return self.text[self.position]
            self.position = len(self.text)
            if not self.grow():
                return ""

    def take(self, wanted: str, after: str) -> str:
        """Consume the next character, which must be one of ``wanted``."""
        character = self.peek()
        if not character:
            raise Truncated
        if character not in wanted:
            expected = " or ".join(wanted)
            raise self.error(f"expected {expected} {after}, not {self.excerpt()}")
        self.position += 1
        return character

    def line(self) -> str | None:
        """Consume the rest of the line; None at the end."""
        end = self._line_end()
        line = self.text[self.position : end]
        is_last = end == len(self.text)
        if is_last and not line:
            return None
        self.position = end if is_last else end + 1
        return line

    def _line_end(self) -> int:
        """Return the end of the line that begins at ``position``; read more text if needed."""
        searched = 0
        while True:
            end = self.text.find("\n", self.position + searched)
            if end >= 0:
                return end
            searched = len(self.text) - self.position
            if not self.grow():
                return len(self.text)

    def error(self, message: str, at: int | None = None, hint: str | None = None) -> InputError:
        """Return an error for this position, with line and column."""
        index = self.position if at is None else at
        lines = self.text.count("\n", 0, index)
        column = index - self.text.rfind("\n", 0, index) if lines else self._columns + index + 1
        place = f"{self.name}:{self._lines + lines + 1}:{column}"
        return InputError(f"{place}: {message}", hint=hint or "correct the file at that place")

    def excerpt(self) -> str:
        """Return the next characters, escaped for a message."""
        self.look_ahead(20)
        return ascii(self.text[self.position : self.position + 20])

    def look_ahead(self, size: int) -> None:
        """Read until ``size`` characters, or all that remain, are in memory; consume none."""
        while len(self.text) < self.position + size:
            if not self.grow():
                return

    def _drop(self) -> None:
        consumed = self.position
        if lines := self.text.count("\n", 0, consumed):
            self._lines += lines
            self._columns = consumed - self.text.rfind("\n", 0, consumed) - 1
        else:
            self._columns += consumed
        self.text = self.text[consumed:]
        self.position = 0
