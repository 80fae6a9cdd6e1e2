"""Queues of batches: the pending papers of one source, by identifier or by title, in batches as
they fill."""

from __future__ import annotations

import time
from collections import deque

from msgspec import structs

from jobrunner.models import Paper
from jobrunner.store.database import Database, ReadTransaction
from jobrunner.store.pending import Lane, feeds_of, load_papers

WINDOWS = 10
"""Windows of a feed that are walked in one go; each takes some milliseconds."""

FILL_S = 15.0
"""Seconds that a batch waits to become full while more papers may still come to it."""


class BatchQueue:
    """What one lane hands out next. Only papers of a batch or two are in memory at a time."""

    def __init__(self, database: Database, lane: Lane, size: int) -> None:
        self.lane = lane
        self._database = database
        self._size = size
        self._feeds = feeds_of(lane)
        self._waiting: deque[int] = deque()
        self._busy: set[int] = set()
        self._since = time.monotonic()
        self.is_walking = False
        """Whether the walk was broken off to let others work, and is to go on."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing is waiting to be handed out."""
        return not self._waiting

    @property
    def in_flight(self) -> int:
        """Papers that were handed out and are neither committed nor given back."""
        return len(self._busy) - len(self._waiting)

    def wait_for(self, waits: tuple[int, ...]) -> None:
        """Change which sources must have answered a paper first; walk along everything again."""
        self.lane = structs.replace(self.lane, waits=waits)
        self._feeds = feeds_of(self.lane)

    def take(self, *, more_may_come: bool) -> list[Paper]:
        """Hand out the next batch; an empty list if there is none, or it is not full yet."""
        self._fill()
        patient = time.monotonic() - self._since < FILL_S
        more = more_may_come or self.is_walking
        if not self._waiting or (len(self._waiting) < self._size and more and patient):
            return []
        self._since = time.monotonic()
        count = min(self._size, len(self._waiting))
        ids = [self._waiting.popleft() for _ in range(count)]
        return load_papers(self._database, ids, self.lane.origins)

    def settle(self, papers: list[Paper]) -> None:
        """Forget papers that were handed out: they are committed."""
        self._busy.difference_update(paper.id for paper in papers)

    def _fill(self) -> None:
        """Walk on until a batch is full, the present end is reached, or it takes too long."""
        self.is_walking = False
        if len(self._waiting) >= self._size:
            return
        with self._database.read() as connection:
            for _ in range(WINDOWS):
                found = self._step(connection)
                if found is None:
                    return
                fresh = [paper_id for paper_id in found if paper_id not in self._busy]
                if fresh and not self._waiting:
                    self._since = time.monotonic()
                self._waiting.extend(fresh)
                self._busy.update(fresh)
                if len(self._waiting) >= self._size:
                    return
        self.is_walking = True

    def _step(self, connection: ReadTransaction) -> list[int] | None:
        for feed in self._feeds:
            found = feed.step(connection)
            if found is not None:
                return found
        return None
