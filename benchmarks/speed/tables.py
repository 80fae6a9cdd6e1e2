"""What all parts share: how much is to be measured, where, and how it is printed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.speed.workload import write_input


class Setting(NamedTuple):
    """How much is measured (``few`` and ``many`` papers, ``rounds`` times) and where."""

    work: Path
    packages: Path
    few: int
    many: int
    rounds: int

    def papers(self, count: int) -> Path:
        """Return a list of so many papers, written once."""
        path = self.work / f"papers-{count}.jsonl"
        if not path.exists():
            write_input(path, count)
        return path


def table(title: str, heads: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table in Markdown."""
    print(f"\n### {title}\n")
    print(f"| {' | '.join(heads)} |")
    print(f"|{'|'.join('---' for _ in heads)}|")
    for row in rows:
        print(f"| {' | '.join(_cell(cell) for cell in row)} |", flush=True)


def _cell(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)
