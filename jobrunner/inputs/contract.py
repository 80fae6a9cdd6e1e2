"""What an input gives: papers in order, and what else is to be remembered of the file."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Any, Protocol, Self

from jobrunner.models import InputPaper

WANTED = "give a JSON list of papers, an object with `papers`, or JSON Lines"
"""What can be read; whoever gives something else is told this."""


class Input(Protocol):
    """An opened input, to be read once and closed; a context manager.

    Everything that is wrong with the input as a whole is an ``InputError``.
    """

    format: str
    """'json' (a list), 'json-object' (an object with `papers`) or 'jsonl' (one object a line)."""

    other: dict[str, Any]
    """Top-level keys beside `papers`, complete once ``papers`` is exhausted."""

    @property
    def sha256(self) -> str:
        """The checksum of the raw bytes (of the compressed file), once ``papers`` is exhausted."""
        ...

    def papers(self) -> Iterator[InputPaper]:
        """Read the papers, once, with one paper and one chunk of the file in memory."""
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
