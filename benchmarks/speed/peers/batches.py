"""What all peers share: the batches, and the order in which their records go into the output."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.speed.output import encoded
from benchmarks.speed.workload import BATCH, SOURCES, records_of

Records = list[dict[str, Any]]
T = TypeVar("T")


def batches(papers: Path) -> list[tuple[str, int, int]]:
    """Return the source of each batch, its first paper, and the one after its last."""
    with papers.open("rb") as file:
        count = sum(1 for _ in file)
    return [
        (source, first, min(first + BATCH, count))
        for source in SOURCES
        for first in range(0, count, BATCH)
    ]


def answers(source: str, first: int, end: int) -> Records:
    """Return what a source knows of the papers of a batch."""
    return records_of(source, range(first, end))


def by_source(of_batches: Sequence[T]) -> list[Sequence[T]]:
    """Return what belongs to the batches of each source, from all in the order of the batches."""
    each = len(of_batches) // len(SOURCES)
    return [of_batches[start : start + each] for start in range(0, len(of_batches), each)]


def by_paper(answered: Sequence[Records]) -> Iterator[bytes]:
    """Yield the records of each paper, from the answers in the order of the batches."""
    return joined(by_source(answered))


def joined(sources: Iterable[Iterable[Records]]) -> Iterator[bytes]:
    """Yield the records of each paper, from the answers of each source."""
    for batch in zip(*sources, strict=True):
        yield from map(encoded, zip(*batch, strict=True))
