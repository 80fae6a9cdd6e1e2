"""The work on one source: batches taken from its lanes, asked and committed, until it ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from msgspec import Struct

from jobrunner import clock, crash_points
from jobrunner.engine.batch_queue import FILL_S, BatchQueue
from jobrunner.engine.shutdown import GRACE_S, Stop
from jobrunner.engine.source_calls import Answers, ask_lookup, ask_search
from jobrunner.errors import SourceStopped, TooManyFailures
from jobrunner.http.batch_requests import Requests
from jobrunner.http.budget import Budget
from jobrunner.http.client import Client
from jobrunner.http.service import user_agent
from jobrunner.models import BatchKind, Outcome, Paper
from jobrunner.run_log import ranges
from jobrunner.sources.contract import Source
from jobrunner.store.batches import Batch, commit_batch
from jobrunner.store.database import Database
from jobrunner.store.lease import Lease
from jobrunner.store.pending import Lane
from jobrunner.store.rows import SourceRow
from jobrunner.store.source_states import stop_source

log = logging.getLogger(__name__)

FAILED_COUNT = 25
FAILED_SHARE = 0.5
"""A source stops when this many papers, and this share of a run's, have failed."""

SPARE = 2
"""Batches beyond the source's concurrency, so that a commit leaves no request slot empty."""


class RunContext(Struct, frozen=True, kw_only=True):
    """What all workers of a run share. ``batch_size`` caps the sizes of the sources."""

    database: Database
    lease: Lease
    stop: Stop
    email: str | None = None
    batch_size: int | None = None


class Worker:
    """Works on one source; ``stopped`` says why it ended early, ``at_work`` whether it goes on.

    ``origins`` are where identifiers of papers may come from: only from the input and from sources
    that are waited for, for with others it would depend on chance whether they have answered yet.
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
        self._units = 0
        self._done = self._failed = 0
        self._lookup = self._lane(BatchKind.LOOKUP, source.lookup_size, origins)
        self._search = self._lane(BatchKind.SEARCH, source.search_size, origins)

    def _lane(self, kind: BatchKind, size: int, origins: tuple[str, ...]) -> BatchQueue:
        context, source = self._context, self.source
        lane = Lane(
            session_id=context.lease.session_id,
            source_id=self.row.id,
            kind=kind,
            schemes=source.schemes,
            origins=origins,
        )
        return BatchQueue(context.database, lane, max(1, min(size, context.batch_size or size)))

    def wait_for(self, workers: Sequence[Worker]) -> None:
        """Name the workers whose records of a paper this one wants first."""
        self._waits = tuple(workers)
        for lane in (self._lookup, self._search):
            lane.wait_for(tuple(worker.row.id for worker in workers))
        self.wake()

    @property
    def waits(self) -> tuple[Worker, ...]:
        """The workers that this one waits for."""
        return self._waits

    def wake(self) -> None:
        """Say that something changed: papers may have become ready, or the run stops."""
        self._wake.set()

    async def run(self) -> None:
        """Work until nothing is left for the source, it stops, or the run stops.

        Raises StoreError or LeaseLost, which end the whole run.
        """
        client = Client(
            self.source.service,
            user_agent=user_agent(self._context.email),
            budget=self._budget,
        )
        try:
            async with client:
                await self._drive(client)
        except SourceStopped as stopped:
            self._note(stopped)
        finally:
            self.at_work = False

    def _note(self, stopped: SourceStopped) -> None:
        self.stopped = stopped
        not_before = clock.to_text(stopped.not_before) if stopped.not_before else None
        log.info("%s", stopped)
        stop_source(self._context.database, self._context.lease, self.row, str(stopped), not_before)

    async def _drive(self, client: Client) -> None:
        tasks: set[asyncio.Task[None]] = set()
        try:
            await self._keep_busy(client, tasks)
            client.hurry()
            await self._wind_down(tasks)
        except SourceStopped as stopped:
            client.stop(stopped)
            await self._wind_down(tasks)
            raise
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep_busy(self, client: Client, tasks: set[asyncio.Task[None]]) -> None:
        """Start batches and wait for them until none is left, or the run is to stop."""
        while not self._context.stop.asked:
            self._wake.clear()
            self._start_batches(client, tasks)
            if self._has_room() and (self._lookup.is_walking or self._search.is_walking):
                await asyncio.sleep(0)
            elif tasks or self._more_may_come():
                idle = self._lookup.is_empty and self._search.is_empty
                await self._something(tasks, None if idle else FILL_S)
            else:
                return
            _collect(tasks)

    def _start_batches(self, client: Client, tasks: set[asyncio.Task[None]]) -> None:
        while self._has_room():
            if papers := self._lookup.take(more_may_come=self._more_may_come()):
                job = self._do_lookup(papers, Requests(client))
                self._units += 1
            elif papers := self._search.take(more_may_come=self._more_to_search()):
                job = self._do_search(papers, Requests(client))
                self._units += len(papers)
            else:
                return
            tasks.add(asyncio.create_task(job))

    def _has_room(self) -> bool:
        return self._units < self.source.service.limits.concurrency + SPARE

    def _more_may_come(self) -> bool:
        # One that has just stopped counts too: its papers come as soon as nobody waits for it.
        return any(worker.at_work or worker.stopped for worker in self._waits)

    def _more_to_search(self) -> bool:
        return self._more_may_come() or self._lookup.in_flight > 0

    async def _something(self, tasks: set[asyncio.Task[None]], timeout: float | None) -> None:  # noqa: ASYNC109
        """Wait until a batch is done, something else happens, or the time is over."""
        woken = asyncio.create_task(self._wake.wait())
        try:
            await asyncio.wait(
                {*tasks, woken}, return_when=asyncio.FIRST_COMPLETED, timeout=timeout
            )
        finally:
            woken.cancel()

    async def _do_lookup(self, papers: list[Paper], requests: Requests) -> None:
        started = clock.now()
        answers: Answers = {}
        try:
            await ask_lookup(self.source, papers, requests, answers)
        finally:
            self._commit(BatchKind.LOOKUP, papers, answers, requests, started)
            self._units -= 1
            self._lookup.settle(papers)
        self._check_failures(answers)

    async def _do_search(self, papers: list[Paper], requests: Requests) -> None:
        started = clock.now()
        answers: Answers = {}
        try:
            await ask_search(self.source, papers, requests, answers)
        finally:
            self._commit(BatchKind.SEARCH, papers, answers, requests, started)
            self._units -= len(papers)
            self._search.settle(papers)
        self._check_failures(answers)

    def _commit(
        self,
        kind: BatchKind,
        papers: list[Paper],
        answers: Answers,
        requests: Requests,
        started: str,
    ) -> None:
        """Commit what was answered, whatever befell the rest: it has been paid for.

        Where nothing was, at least what asking used: else a source would be asked a little more in
        each run than it is allowed in all.
        """
        answered = {paper.id: answers[paper.id] for paper in papers if paper.id in answers}
        usage = requests.usage
        if not answered and not usage.requests:
            return
        crash_points.point("batch.answered")
        batch = Batch(
            kind=kind,
            answers=answered,
            usage=usage,
            started_at=started,
        )
        number = commit_batch(self._context.database, self._context.lease, self.row, batch)
        positions = ranges(paper.position for paper in papers if paper.id in answered)
        committed = {"source": self.source.name, "batch": number, "papers": positions}
        log.info(
            "%s: %s batch of %d committed",
            *(self.source.name, kind, len(answered)),
            extra={"facts": {"committed": committed}},
        )
        self.on_progress()

    def _check_failures(self, answers: Answers) -> None:
        said = [answer for answer in answers.values() if answer is not None]
        self._done += len(said)
        self._failed += sum(answer.outcome is Outcome.FAILED for answer in said)
        if self._failed >= FAILED_COUNT and self._failed >= FAILED_SHARE * self._done:
            last = next((a.error for a in said if a.outcome is Outcome.FAILED), "see run.log")
            session = self._context.lease.session_id
            raise TooManyFailures(
                f"{self.source.name}: {self._failed} of {self._done} papers failed; last: {last}",
                hint=f"find out why, then `jobrunner retry {session} --failed`",
            )

    async def _wind_down(self, tasks: set[asyncio.Task[None]]) -> None:
        """Let requests in flight finish within the grace period."""
        clock_ = asyncio.get_running_loop().time
        ending = clock_() + GRACE_S
        while tasks and not self._context.stop.now and clock_() < ending:
            self._wake.clear()
            await self._something(tasks, ending - clock_())
            _collect(tasks, quiet=True)


def _collect(tasks: set[asyncio.Task[None]], *, quiet: bool = False) -> None:
    """Drop finished tasks and raise what one raised; if ``quiet``, only what ends the run."""
    for task in [task for task in tasks if task.done()]:
        tasks.remove(task)
        error = task.exception()
        if error is not None and not (quiet and isinstance(error, SourceStopped)):
            raise error
