"""Queues of batches: the pending papers of one source, by identifier or by title, in batches as
they fill."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence

from msgspec import structs

from jobrunner.models import BatchKind, Paper
from jobrunner.store.database import Database, ReadTransaction
from jobrunner.store.pending import PendingQuery, load_papers, scans_of

WINDOWS = 10
"""Windows of a scan that are read in one go; each takes some milliseconds."""

FILL_S = 15.0
"""Seconds that a batch waits to become full while more papers may still come to it."""


class BatchQueue:
    """What a source looks up, or searches, next. A batch or two of papers are in memory at a time.

    ``is_scanning``: whether the scan was broken off to let others work, and is to go on.
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
        """How the papers of its batches are to be answered."""
        return self._query.kind

    @property
    def is_empty(self) -> bool:
        """Whether nothing is waiting to be handed out."""
        return not self._waiting

    @property
    def in_flight(self) -> int:
        """Papers that were handed out and are neither committed nor given back."""
        return len(self._taken) - len(self._waiting)

    def wait_for(self, waits: tuple[int, ...]) -> None:
        """Change which sources must have answered a paper first; scan everything again."""
        self._query = structs.replace(self._query, waits=waits)
        self._scans = scans_of(self._query)

    def take(self, *, more_may_come: bool) -> list[Paper]:
        """Hand out the next batch; an empty list if there is none, or it is not full yet."""
        self._fill()
        if not self._waiting or self._waits_to_fill(more_may_come=more_may_come):
            return []
        self._since = time.monotonic()
        count = min(self._size, len(self._waiting))
        ids = [self._waiting.popleft() for _ in range(count)]
        return load_papers(self._database, ids, self._query.origins)

    def settle(self, papers: Sequence[Paper]) -> None:
        """Forget papers that were handed out: they are committed."""
        self._taken.difference_update(paper.id for paper in papers)

    def _is_full(self) -> bool:
        return len(self._waiting) >= self._size

    def _waits_to_fill(self, *, more_may_come: bool) -> bool:
        if self._is_full() or time.monotonic() - self._since >= FILL_S:
            return False
        return more_may_come or self.is_scanning

    def _fill(self) -> None:
        """Scan until a batch is full, the present end is reached, or it takes too long."""
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
        # Papers in flight have no record yet, so that a scan that began anew brings them again.
        fresh = [paper_id for paper_id in window if paper_id not in self._taken]
        if fresh and not self._waiting:
            self._since = time.monotonic()
        self._waiting.extend(fresh)
        self._taken.update(fresh)
