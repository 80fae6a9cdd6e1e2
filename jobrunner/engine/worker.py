"""The worker of one source: take batches from its queues, query the source, commit the answers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from msgspec import Struct

from jobrunner import clock
from jobrunner.engine.answered_batches import AnsweredBatches
from jobrunner.engine.batch_queue import FILL_S, BatchQueue
from jobrunner.engine.run_context import RunContext
from jobrunner.engine.shutdown import GRACE_S
from jobrunner.engine.source_calls import Answers, ask_lookup, ask_search
from jobrunner.errors import SourceStopped
from jobrunner.http.batch_requests import Requests
from jobrunner.http.budget import Budget
from jobrunner.http.client import Client
from jobrunner.http.service import user_agent
from jobrunner.models import BatchKind, Paper
from jobrunner.sources.contract import Source
from jobrunner.store.pending import PendingQuery
from jobrunner.store.rows import SourceRow
from jobrunner.store.source_states import stop_source

log = logging.getLogger(__name__)

SPARE = 2
"""Extra slots beyond the source's concurrency, so that no request slot idles during a commit."""


class BatchWork(Struct, frozen=True, kw_only=True):
    """A batch and the call that answers it. ``slots``: its maximum of concurrent requests."""

    queue: BatchQueue
    ask: Callable[[Source, Sequence[Paper], Requests, Answers], Awaitable[None]]
    papers: Sequence[Paper]
    slots: int


class Worker:
    """Works on one source. ``stopped`` is the error that ended it early; ``at_work`` until it ends.

    ``origins`` name where the identifiers of papers may come from: the input and the sources that
    this one waits for. With any other source, results would depend on which answers first.
    """

    def __init__(
        self,
        context: RunContext,
        row: SourceRow,
        source: Source,
        budget: Budget,
        *,
        origins: tuple[str, ...],
    ) -> None:
        self.row = row
        self.source = source
        self.at_work = True
        self.stopped: SourceStopped | None = None
        self.on_progress: Callable[[], None] = lambda: None
        self._context = context
        self._budget = budget
        self._wake = asyncio.Event()
        self._waits: tuple[Worker, ...] = ()
        self._slots = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._answered = AnsweredBatches(context, row)
        self._lookup = self._queue(BatchKind.LOOKUP, source.lookup_size, origins)
        self._search = self._queue(BatchKind.SEARCH, source.search_size, origins)
        context.stop.on_ask(self.wake)

    def _queue(self, kind: BatchKind, size: int, origins: tuple[str, ...]) -> BatchQueue:
        context = self._context
        query = PendingQuery(
            session_id=context.lease.session_id,
            source_id=self.row.id,
            kind=kind,
            schemes=self.source.schemes,
            origins=origins,
        )
        return BatchQueue(context.database, query, max(1, min(size, context.batch_size or size)))

    def wait_for(self, workers: Sequence[Worker]) -> None:
        """Set the workers that must answer a paper before this one."""
        self._waits = tuple(workers)
        ids = tuple(worker.row.id for worker in workers)
        self._lookup.wait_for(ids)
        self._search.wait_for(ids)
        self.wake()

    @property
    def waits(self) -> tuple[Worker, ...]:
        """The workers that this one waits for."""
        return self._waits

    def wake(self) -> None:
        """Notify the worker of a change: papers may be ready, or the run stops."""
        self._wake.set()

    async def run(self) -> None:
        """Work until no papers are pending for the source, it stops, or the run stops.

        Raises StoreError or LeaseLost, which end the whole run.
        """
        client = Client(
            self.source.service,
            user_agent=user_agent(self._context.email),
            budget=self._budget,
        )
        # Once the run stops, nothing is retried: only requests in flight may still finish.
        self._context.stop.on_ask(client.hurry)
        try:
            async with client:
                await self._work(client)
        except SourceStopped as stopped:
            self._note(stopped)
        finally:
            self.at_work = False

    def _note(self, stopped: SourceStopped) -> None:
        self.stopped = stopped
        not_before = clock.to_text(stopped.not_before) if stopped.not_before else None
        log.info("%s", stopped)
        stop_source(self._context.database, self._context.lease, self.row, str(stopped), not_before)

    async def _work(self, client: Client) -> None:
        try:
            await self._keep_busy(client)
            await self._wind_down()
        except SourceStopped as stopped:
            # The client knows only the errors of its own requests. It must also stop after a bug
            # in the source, unreadable answers or too many failures.
            client.stop(stopped)
            await self._wind_down()
            raise
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _keep_busy(self, client: Client) -> None:
        """Start batches and wait for them until none is left or a stop is requested."""
        while not self._context.stop.asked:
            self._wake.clear()
            self._start_batches(client)
            if self._has_room() and self._is_scanning():
                await asyncio.sleep(0)  # let other workers run between time slices of the scan
            elif self._tasks or self._more_may_come():
                idle = self._lookup.is_empty and self._search.is_empty
                await self._something(None if idle else FILL_S)
            else:
                return
            self._collect()

    def _start_batches(self, client: Client) -> None:
        while self._has_room():
            work = self._next_work()
            if work is None:
                return
            self._slots += work.slots
            self._tasks.add(asyncio.create_task(self._do(work, Requests(client))))

    def _has_room(self) -> bool:
        return self._slots < self.source.service.limits.concurrency + SPARE

    def _is_scanning(self) -> bool:
        return self._lookup.is_scanning or self._search.is_scanning

    def _next_work(self) -> BatchWork | None:
        """Return the next batch. Lookups come first, as they need the fewest requests."""
        queue = self._lookup
        if papers := queue.take(more_may_come=self._more_may_come()):
            return BatchWork(queue=queue, ask=ask_lookup, papers=papers, slots=1)
        queue = self._search
        if papers := queue.take(more_may_come=self._more_to_search()):
            return BatchWork(queue=queue, ask=ask_search, papers=papers, slots=len(papers))
        return None

    def _more_may_come(self) -> bool:
        # A worker that has just stopped counts too: its papers become ready when it is released.
        return any(worker.at_work or worker.stopped for worker in self._waits)

    def _more_to_search(self) -> bool:
        # A lookup in flight may miss papers, which are then searched.
        return self._more_may_come() or self._lookup.in_flight > 0

    async def _something(self, timeout: float | None) -> None:  # noqa: ASYNC109
        """Wait until a batch is done, :meth:`wake` is called or the timeout expires."""
        woken = asyncio.create_task(self._wake.wait())
        try:
            await asyncio.wait(
                {*self._tasks, woken}, return_when=asyncio.FIRST_COMPLETED, timeout=timeout
            )
        finally:
            woken.cancel()

    async def _do(self, work: BatchWork, requests: Requests) -> None:
        started_at = clock.now()
        answers: Answers = {}
        try:
            await work.ask(self.source, work.papers, requests, answers)
        finally:
            # Also after the source stopped or the grace period ended: answers cost requests.
            committed = self._answered.commit(
                work.queue.kind, work.papers, answers, requests.usage, started_at
            )
            if committed:
                self.on_progress()
            self._slots -= work.slots
            work.queue.settle(work.papers)
        self._answered.check_failures(answers)

    async def _wind_down(self) -> None:
        """Wait for requests in flight, at most for the grace period."""
        now = asyncio.get_running_loop().time
        end = now() + GRACE_S
        while self._tasks and not self._context.stop.now and now() < end:
            self._wake.clear()
            await self._something(end - now())
            self._collect(quiet=True)

    def _collect(self, *, quiet: bool = False) -> None:
        """Drop finished batches and raise an error of theirs; if ``quiet``, no SourceStopped."""
        for task in [task for task in self._tasks if task.done()]:
            self._tasks.remove(task)
            error = task.exception()
            if error is not None and not (quiet and isinstance(error, SourceStopped)):
                raise error
