"""Batch queues: group the pending papers of one source into batches for lookup or search."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence

from msgspec import structs

from jobrunner.models import BatchKind, Paper
from jobrunner.store.database import Database, ReadTransaction
from jobrunner.store.pending import PendingQuery, load_papers, scans_of

WINDOWS = 10
"""Windows of a scan that are read before other tasks run. Each takes a few milliseconds."""

FILL_S = 15.0
"""Seconds that a partly filled batch waits while more papers may still become ready."""


class BatchQueue:
    """The papers that a source looks up or searches next. It holds one or two batches in memory.

    ``is_scanning``: the scan was paused to let other tasks run and must continue.
    """

    def __init__(self, database: Database, query: PendingQuery, size: int) -> None:
        self.is_scanning = False
        self._database = database
        self._query = query
        self._size = size
        self._scans = scans_of(query)
        self._waiting: deque[int] = deque()
        self._taken: set[int] = set()
        self._since = time.monotonic()

    @property
    def kind(self) -> BatchKind:
        """Whether the papers of this queue are looked up or searched."""
        return self._query.kind

    @property
    def is_empty(self) -> bool:
        """Whether no paper is waiting to be taken."""
        return not self._waiting

    @property
    def in_flight(self) -> int:
        """The number of papers that were taken and are not settled yet."""
        return len(self._taken) - len(self._waiting)

    def wait_for(self, waits: tuple[int, ...]) -> None:
        """Set the source states that must answer a paper first, and restart the scans."""
        self._query = structs.replace(self._query, waits=waits)
        self._scans = scans_of(self._query)

    def take(self, *, more_may_come: bool) -> list[Paper]:
        """Return the next batch, or an empty list if no batch is ready."""
        self._fill()
        if not self._waiting or self._waits_to_fill(more_may_come=more_may_come):
            return []
        self._since = time.monotonic()
        count = min(self._size, len(self._waiting))
        ids = [self._waiting.popleft() for _ in range(count)]
        return load_papers(self._database, ids, self._query.origins)

    def settle(self, papers: Sequence[Paper]) -> None:
        """Forget papers that were taken and whose batch has ended."""
        self._taken.difference_update(paper.id for paper in papers)

    def _is_full(self) -> bool:
        return len(self._waiting) >= self._size

    def _waits_to_fill(self, *, more_may_come: bool) -> bool:
        if self._is_full() or time.monotonic() - self._since >= FILL_S:
            return False
        return more_may_come or self.is_scanning

    def _fill(self) -> None:
        """Scan until a batch is full, the current end is reached or the time slice is used up."""
        self.is_scanning = False
        if self._is_full():
            return
        with self._database.read() as connection:
            for _ in range(WINDOWS):
                window = self._next_window(connection)
                if window is None:
                    return
                self._add(window)
                if self._is_full():
                    return
        self.is_scanning = True

    def _next_window(self, connection: ReadTransaction) -> list[int] | None:
        for scan in self._scans:
            window = scan.next_window(connection)
            if window is not None:
                return window
        return None

    def _add(self, window: list[int]) -> None:
        # Papers in flight have no record yet, so a restarted scan returns them again.
        fresh = [paper_id for paper_id in window if paper_id not in self._taken]
        if fresh and not self._waiting:
            self._since = time.monotonic()
        self._waiting.extend(fresh)
        self._taken.update(fresh)
