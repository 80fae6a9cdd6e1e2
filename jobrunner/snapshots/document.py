"""The snapshot document: enriched papers and everything needed to restore their session, as JSON.

It is one object. Every paper and every batch is on a separate line, so that the document can be
read and written as a stream. Stored JSON texts are inserted unchanged.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Self, TypeVar

import msgspec
from msgspec import Raw, Struct, structs

from jobrunner.decode_errors import json_fault
from jobrunner.errors import DamageFound, Refused
from jobrunner.store.rows import CommittedBatch, Count

FORMAT = "jobrunner-snapshot"
VERSION = 1

T = TypeVar("T", bound=Struct)

ABSENT = Raw()
"""The default of an absent JSON text. It is omitted from the document."""


class RecordEntry(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One source's answer for a paper. ``candidates`` are set if a person must decide."""

    outcome: str
    batch: Count
    retrieved_at: str
    match: Raw = ABSENT
    error: str | None = None
    record: Raw = ABSENT
    candidates: Raw = ABSENT
    source: str | None = None
    retired_at: str | None = None


class PaperEntry(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One enriched paper. ``records`` are by source; ``missed`` are lookup batches by source.

    ``consolidated`` is a :class:`~jobrunner.consolidation.view.ConsolidatedPaper` as JSON text. It
    is not checked when a snapshot is read, because nothing is restored from it.
    """

    position: Count
    key: str
    given: Raw
    unusable: str | None = None
    consolidated: Raw = ABSENT
    records: dict[str, RecordEntry] = {}
    retired: list[RecordEntry] = []
    missed: dict[str, Count] = {}


class RunEntry(Struct, frozen=True, kw_only=True):
    """One run of the session."""

    pid: Count
    host: str
    version: str
    started_at: str
    ended_at: str | None
    ending: str | None
    reason: str | None


class EventEntry(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One event of the session's history. ``run`` is an index into the head's list of runs."""

    at: str
    kind: str
    message: str
    run: Count | None = None


class Kind(Struct, frozen=True):
    """The fields with which every version of the format begins."""

    format: str
    version: Count


class Head(Struct, frozen=True, kw_only=True):
    """The part of the document before the papers."""

    format: str
    version: Count
    session: str
    revision: Count
    created_at: str
    written_at: str
    output: str | None
    made_by: str
    input: dict[str, object]
    options: Raw
    sources: list[str]
    dropped: list[str]
    runs: list[RunEntry]
    history: list[EventEntry] = []


_PAPERS = b',\n"papers": [\n'
_BATCHES = b'\n],\n"batches": [\n'
_END = b"\n]}\n"


def write_document(
    head: Head, papers: Iterable[PaperEntry], batches: Iterable[CommittedBatch]
) -> Iterator[bytes]:
    """Yield the document in pieces."""
    encoder = msgspec.json.Encoder()
    yield encoder.encode(head)[:-1] + _PAPERS
    yield from _lines(encoder, papers)
    yield _BATCHES
    yield from _lines(encoder, batches)
    yield _END


def _lines(encoder: msgspec.json.Encoder, entries: Iterable[Struct]) -> Iterator[bytes]:
    separator = b""
    for entry in entries:
        yield separator + encoder.encode(entry)
        separator = b",\n"


_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)"
)
"""An escape in a string: a surrogate pair, a lone surrogate (group 1), or any other."""

_HIDDEN = b"\\\\" + secrets.token_hex(8).encode()
"""Replaces the backslash of a lone surrogate. Being random, it occurs in no document by chance."""


def _decode_entry(decoder: msgspec.json.Decoder[T], line: bytes) -> T:
    """Decode a line. A paper as given may contain lone surrogates, which msgspec refuses."""
    try:
        return decoder.decode(line)
    except msgspec.DecodeError:
        hidden = _ESCAPE.sub(lambda match: _HIDDEN + match[1] if match[1] else match[0], line)
        if hidden == line:
            raise
    entry = decoder.decode(hidden)
    if isinstance(entry, PaperEntry):
        given = bytes(entry.given).replace(_HIDDEN, b"\\")
        return structs.replace(entry, given=Raw(given))
    return entry


def damaged(path: Path, why: str) -> DamageFound:
    """Return the error for a file that is not an intact snapshot."""
    return DamageFound(
        f"{path} is not an intact jobrunner snapshot: {why}",
        hint="use another snapshot: `jobrunner sessions show SESSION` lists them",
    )


class Document:
    """A snapshot document, read once as a stream: first the head, then papers, then batches.

    Raises :class:`~jobrunner.errors.DamageFound` if the file is not an intact snapshot, and
    :class:`~jobrunner.errors.Refused` if a newer jobrunner wrote it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("rb")
        try:
            line = self._file.readline().rstrip(b"\n").removesuffix(b",") + b"}"
            self._check(self._decode(line, Kind))
            self.head = self._decode(line, Head)
        except BaseException:
            self._file.close()
            raise

    def _check(self, kind: Kind) -> None:
        if kind.format == FORMAT and kind.version > VERSION:
            raise Refused(
                f"{self._path} was written by a newer jobrunner (format {kind.version}; this one"
                f" supports {VERSION})",
                hint="upgrade jobrunner, or use another snapshot",
            )
        if kind != Kind(FORMAT, VERSION):
            raise self.damaged(f"its format is {kind.format} {kind.version}")

    def papers(self) -> Iterator[PaperEntry]:
        """Yield the papers by position."""
        self._expect(_PAPERS.split(b"\n")[1])
        yield from self._entries(PaperEntry, b"],")

    def batches(self) -> Iterator[CommittedBatch]:
        """Yield the batches by source and number, after all papers."""
        self._expect(_BATCHES.split(b"\n")[2])
        yield from self._entries(CommittedBatch, b"]}")

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _entries(self, kind: type[T], end: bytes) -> Iterator[T]:
        decoder = msgspec.json.Decoder(kind)
        while (line := self._file.readline().rstrip(b"\n")) != end:
            if not line:
                if self._file.readline().rstrip(b"\n") == end:
                    return
                raise self.damaged("the file is cut off")
            try:
                yield _decode_entry(decoder, line.removesuffix(b","))
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                why = f"an entry cannot be read: {json_fault(line.removesuffix(b','), kind)}"
                raise self.damaged(why) from error

    def _expect(self, wanted: bytes) -> None:
        line = self._file.readline().rstrip(b"\n")
        if line != wanted:
            raise self.damaged(f"{wanted.decode()!r} is missing")

    def _decode(self, line: bytes, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(line, type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            why = f"its first line cannot be read: {json_fault(line, kind)}"
            raise self.damaged(why) from error

    def damaged(self, why: str) -> DamageFound:
        """Return the error for this document if it is not intact."""
        return damaged(self._path, why)
