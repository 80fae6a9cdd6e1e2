"""The output of contenders other than jobrunner: one JSON document, synced, with a checksum."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson


def write(path: Path, papers: Path, records: Iterable[bytes]) -> str:
    """Write each paper of a list with its records (JSON, separated by commas), one per line."""
    digest = hashlib.sha256()
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb", buffering=1 << 20) as file:
        for piece in _pieces(papers, records):
            digest.update(piece)
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    path.with_suffix(".json.sha256").write_text(f"{digest.hexdigest()}  {path.name}\n")
    return digest.hexdigest()


def encoded(records: Iterable[Any]) -> bytes:
    """Return the records of one paper as :func:`write` takes them."""
    return b",".join(map(orjson.dumps, records))


def _pieces(papers: Path, records: Iterable[bytes]) -> Iterator[bytes]:
    separator = b'{"papers":[\n'
    with papers.open("rb") as file:
        for paper, found in zip(file, records, strict=True):
            yield separator + b'{"given":' + paper.rstrip() + b',"records":[' + found + b"]}"
            separator = b",\n"
    yield b"\n]}\n"
