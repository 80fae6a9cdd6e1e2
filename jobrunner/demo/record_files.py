"""Reads the records that a local server serves, and locates the ones shipped with the package."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from jobrunner.files.path_queries import is_directory

Fields = dict[str, Any]
"""A record as its API returns it."""

SUFFIXES = (".jsonl", ".jsonl.gz", ".json")
LISTS = ("results", "works", "papers", "items", "data")
"""Keys under which a JSON object may hold its records."""

HERE = Path(__file__).parent
PAPERS = HERE / "papers.json"
"""A sample paper list."""

WORKS = HERE / "works.json"
"""The OpenAlex works for most papers of the sample list; a few are missing on purpose."""


def load_records(path: Path | str) -> list[Fields]:
    """Return the records of a file (.jsonl, .jsonl.gz, .json) or of all such files in a directory.

    Raises ``ValueError`` for a file without records, ``OSError`` for an unreadable file.
    """
    return list(read_records(path))


def read_records(path: Path | str) -> Iterator[Fields]:
    """Yield the same records as :func:`load_records` returns."""
    path = Path(path)
    files = sorted(path.iterdir()) if is_directory(path) else [path]
    for file in files:
        if file == path or file.name.endswith(SUFFIXES):
            yield from _records_of(file)


def _records_of(file: Path) -> Iterator[Fields]:
    lines = file.name.removesuffix(".gz").endswith(".jsonl")
    try:
        for value in _lines_of(file) if lines else _list_of(file):
            if not isinstance(value, dict):
                raise ValueError(f"{file} is not a list of records")
            yield value
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise ValueError(f"{file} is not JSON") from exc


def _lines_of(file: Path) -> Iterator[object]:
    decoder = msgspec.json.Decoder()
    with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as stream:
        for line in stream:
            if not line.isspace():
                yield decoder.decode(line)


def _list_of(file: Path) -> list[object]:
    value = msgspec.json.decode(file.read_bytes())
    if isinstance(value, dict):
        value = next((value[name] for name in LISTS if name in value), value)
    return value if isinstance(value, list) else [value]
