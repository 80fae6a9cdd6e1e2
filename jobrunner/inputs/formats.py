"""Opening a paper list; its format is told by the content, never by the name."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, Protocol

from jobrunner.errors import InputError
from jobrunner.inputs.contract import WANTED, Input
from jobrunner.inputs.json_list import JsonFormat
from jobrunner.inputs.text_stream import TextReader, printable
from jobrunner.inputs.text_window import CHUNK, Window


class InputFormat(Protocol):
    """A way to write a list of papers."""

    def fits(self, window: Window) -> bool:
        """Tell by its beginning whether a text is of this format; take nothing of it."""
        ...

    def open(self, reader: TextReader, window: Window) -> Input:
        """Read the text, of which the window shows the beginning."""
        ...


FORMATS: tuple[InputFormat, ...] = (JsonFormat(),)
"""The first that fits reads the text. A new format is a module and a place in this line."""


def open_input(
    path: Path | str | None, stdin: BinaryIO | None = None, *, chunk: int = CHUNK
) -> Input:
    """Open a paper list and tell its format; None or '-' is standard input (``stdin``).

    Raises ``InputError`` if it cannot be read or is no paper list.
    """
    reader = TextReader(path, stdin)
    try:
        window = Window(reader, chunk)
        return _format_of(window).open(reader, window)
    except BaseException:
        reader.close()
        raise


def _format_of(window: Window) -> InputFormat:
    for candidate in FORMATS:
        if candidate.fits(window):
            return candidate
    if not window.peek():
        raise InputError(f"{window.name}: is empty", hint=WANTED)
    window.look_ahead(40)
    line, _, _ = window.text[window.position :].partition("\n")
    raise window.error(f"not a list of papers in JSON: {printable(line[:40])}", hint=WANTED)
