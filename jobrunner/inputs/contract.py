"""What an input gives: papers in order, and what else is to be remembered of the file."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Any, Protocol, Self

from msgspec import Struct

from jobrunner.models import Identifiers


class InputPaper(Struct, frozen=True, kw_only=True):
    """One element of the input, whether or not it can be looked up.

    ``position`` counts from 0 and counts unusable elements too. ``given`` is the element's own
    JSON text on one line, safe to splice into another document: key order, number spelling,
    escapes and duplicate keys are as in the input, only line breaks and indentation are dropped.
    An element that is not safe JSON is given as a JSON string of its (bounded) text.
    ``unusable`` says why nothing can be looked up; the other fields then hold what could be read.
    """

    position: int
    given: str
    key: str = ""
    title: str = ""
    authors: tuple[str, ...] = ()
    year: int | None = None
    venue: str = ""
    identifiers: Identifiers = {}
    unusable: str | None = None


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
