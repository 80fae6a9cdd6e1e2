"""Opens a paper list. Its format is detected from the content, never from the file name."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO, Protocol

from jobrunner.errors import InputError
from jobrunner.inputs.contract import WANTED, Input
from jobrunner.inputs.json_list import JsonFormat
from jobrunner.inputs.text_stream import TextReader, printable
from jobrunner.inputs.text_window import CHUNK, Window


class InputFormat(Protocol):
    """A file format of paper lists."""

    def fits(self, window: Window) -> bool:
        """Return whether the text begins in this format; consume nothing."""
        ...

    def open(self, reader: TextReader, window: Window) -> Input:
        """Open the text; the window is at its beginning."""
        ...


FORMATS: tuple[InputFormat, ...] = (JsonFormat(),)
"""The first format that fits reads the text. A new format needs a module and an entry here."""


def open_input(
    path: Path | str | None, stdin: BinaryIO | None = None, *, chunk: int = CHUNK
) -> Input:
    """Open a paper list and detect its format; None or '-' means standard input (``stdin``).

    Raises ``InputError`` if it cannot be read or is not a paper list.
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
        raise InputError(f"{window.name}: the input is empty", hint=WANTED)
    window.look_ahead(40)
    line, _, _ = window.text[window.position :].partition("\n")
    raise window.error(
        f"not a list of papers that can be read: {printable(line[:40])}", hint=WANTED
    )
