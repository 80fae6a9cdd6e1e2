"""How fast a bare dump is: ``python -m benchmarks.speed.dump SNAPSHOT`` writes MB/s to bare.txt.

A process of its own, for the memory of those that the benchmark starts later counts from its own.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

SAMPLE = 2000
"""Papers that are in memory at a time."""


def main() -> None:
    """Dump the objects of a snapshot's papers into a file, and nothing else."""
    took, size = 0.0, 0
    with Path(sys.argv[1]).open("rb") as lines, Path("bare.json").open("wb", 1 << 20) as file:
        papers = _papers(lines)
        while objects := list(islice(papers, SAMPLE)):
            began = time.monotonic()
            for paper in objects:
                size += file.write(orjson.dumps(paper))
            took += time.monotonic() - began
    Path("bare.txt").write_text(f"{size / 1e6 / took}\n", encoding="utf-8")


def _papers(lines: Iterable[bytes]) -> Iterator[Any]:
    for line in lines:
        if line.startswith(b'{"position"'):
            yield orjson.loads(line.rstrip(b",\n"))


if __name__ == "__main__":
    main()
