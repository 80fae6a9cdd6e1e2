"""Opening a paper list; its format is told by the content, never by the name."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from jobrunner.inputs.contract import Input
from jobrunner.inputs.json_list import JsonInput
from jobrunner.inputs.json_stream import (
    CHUNK,
)
from jobrunner.inputs.text_stream import TextReader


def open_input(
    path: Path | str | None, stdin: BinaryIO | None = None, *, chunk: int = CHUNK
) -> Input:
    """Open a paper list and tell its format; None or '-' is standard input (``stdin``).

    Raises ``InputError`` if it cannot be read or is no paper list.
    """
    reader = TextReader(path, stdin)
    try:
        return JsonInput(reader, chunk)
    except BaseException:
        reader.close()
        raise
