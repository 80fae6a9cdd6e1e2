"""The interface of an input: papers in order, and the other contents of the file to keep."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Any, Protocol, Self

from jobrunner.models import InputPaper

WANTED = "give a JSON list of papers, an object with `papers`, or JSON Lines"
"""The supported formats, as the hint in error messages."""


class Input(Protocol):
    """An open input, read once and then closed; a context manager.

    Every error in the input as a whole is an ``InputError``.
    """

    format: str
    """'json' (a list), 'json-object' (an object with `papers`) or 'jsonl' (one object per line)."""

    other: dict[str, Any]
    """Top-level keys other than `papers`; complete when ``papers`` is exhausted."""

    @property
    def sha256(self) -> str:
        """The checksum of the raw (compressed) bytes; available when ``papers`` is exhausted."""
        ...

    def papers(self) -> Iterator[InputPaper]:
        """Read the papers, once, with only one paper and one chunk of the file in memory."""
        ...

    def close(self) -> None:
        """Close the file; standard input is left open."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
