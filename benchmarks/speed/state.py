"""Looking into the database of a run, as any other process can."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

PATIENCE_S = 3600.0


def ask(path: Path, query: str) -> list[tuple[Any, ...]]:
    """Return the rows that a question to a database finds; none while it has no tables yet."""
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            return connection.execute(query).fetchall()
    except sqlite3.OperationalError:
        return []


def batches(path: Path) -> int:
    """Return how many batches are committed."""
    rows = ask(path, "SELECT max(id) FROM batch")
    return (rows[0][0] or 0) if rows else 0


def wait_for_batches(path: Path, count: int, alive: Callable[[], bool], every: float) -> None:
    """Wait until so many batches are committed."""
    deadline = time.monotonic() + PATIENCE_S
    while batches(path) < count:
        if not alive() or time.monotonic() > deadline:
            raise RuntimeError(f"{path} never had {count} batches")
        time.sleep(every)


def longest_gaps(path: Path) -> tuple[float, float, float]:
    """Return the longest times between commits while a snapshot was written, and while none was.

    The third figure is how long all snapshots but the last took, in seconds.
    """
    moments = [seconds(at) for (at,) in ask(path, "SELECT committed_at FROM batch ORDER BY id")]
    spans = [
        (seconds(at) - took, seconds(at))
        for at, took in ask(path, "SELECT created_at, seconds FROM snapshot ORDER BY number")
        if seconds(at) < moments[-1]
    ]
    longest = {True: 0.0, False: 0.0}
    for before, after in pairwise(moments):
        during = any(begin < after and before < end for begin, end in spans)
        longest[during] = max(longest[during], after - before)
    return longest[True], longest[False], sum(end - begin for begin, end in spans)


def seconds(text: str) -> float:
    """Return a time of the database as seconds."""
    return datetime.fromisoformat(text).timestamp()
