"""Whether an output holds what it must: every paper, with what each source said, in order."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import msgspec
import orjson

from benchmarks.speed.workload import SOURCES, paper_of, record_of
from jobrunner.models import Record


def check(path: Path, count: int) -> None:
    """Raise ValueError, which says where, if the output of so many papers is not as it must be.

    An output has one paper per line. A record may leave out what has a default in jobrunner.
    """
    digest, papers = hashlib.sha256(), 0
    with path.open("rb") as lines:
        for line in lines:
            digest.update(line)
            if line.startswith((b'{"given"', b'{"position"')):
                _check_paper(orjson.loads(line.rstrip(b",\n")), papers)
                papers += 1
    if papers != count:
        raise ValueError(f"{path} has {papers} papers instead of {count}")
    if path.with_suffix(".json.sha256").read_text().split()[0] != digest.hexdigest():
        raise ValueError(f"{path} is not what its checksum says")


def _check_paper(paper: dict[str, Any], number: int) -> None:
    if paper["given"] != paper_of(number):
        raise ValueError(f"paper {number} is {paper['given']}")
    found = paper["records"]
    if isinstance(found, dict):  # jobrunner, with provenance
        found = [found[source]["record"] for source in SOURCES]
    wanted = [record_of(source, number) for source in SOURCES]
    if found != wanted and _plain(found) != _plain(wanted):
        raise ValueError(f"the records of paper {number} are not what the sources said")


def _plain(records: list[dict[str, Any]]) -> list[Record]:
    return msgspec.convert(records, list[Record], strict=False)
