"""The consolidation loop: run all sources of a session concurrently, each at its own pace."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from msgspec import Struct

from jobrunner import crash_points
from jobrunner.engine.run_context import RunContext
from jobrunner.engine.shutdown import Stop, stop_signals
from jobrunner.engine.snapshot_timer import SnapshotTimer
from jobrunner.engine.worker import Worker
from jobrunner.errors import ExitCode, JobrunnerError, SettingsError, SourceStopped, worst
from jobrunner.files.run_log import run_log
from jobrunner.files.system_errors import unexpected, user_error_of
from jobrunner.http.budget import Budget
from jobrunner.models import RunEnding
from jobrunner.snapshots.publish import Output
from jobrunner.sources.contract import Source, sources_before
from jobrunner.store.database import Database
from jobrunner.store.lease import Lease
from jobrunner.store.papers import INPUT
from jobrunner.store.paths import session_directory
from jobrunner.store.progress import Progress, SourceProgress, read_progress
from jobrunner.store.rows import Options, SessionRow
from jobrunner.store.run_lifecycle import end_run, start_run
from jobrunner.store.source_states import list_sources

log = logging.getLogger(__name__)

Companion = Callable[[], Coroutine[None, None, None]]

SWITCH_S = 0.001
"""Interpreter switch interval in seconds while a thread writes a snapshot. A commit waits for the
interpreter several times, and Python's default of 5 ms adds up."""


class Ending(Struct, frozen=True, kw_only=True):
    """How a run ended. ``stopped`` maps the names of sources that ended early to their errors."""

    ending: RunEnding
    reason: str
    progress: Progress
    stopped: dict[str, SourceStopped] = {}

    @property
    def exit_code(self) -> ExitCode:
        """The exit code of the process: the worst code that applies."""
        codes = {error.exit_code for error in self.stopped.values()}
        if self.progress.failed:
            codes.add(ExitCode.PAPERS_FAILED)
        if self.ending is RunEnding.COMPLETED:
            # Nothing is pending, so a source that is unavailable now does not matter.
            codes.discard(ExitCode.STOPPED)
        else:
            codes.add(ExitCode.STOPPED)
        return worst(codes)


class RunRequest(Struct, frozen=True, kw_only=True):
    """The input of one run. ``sources`` are open; ``max_seconds`` is None for no limit.

    ``companion`` runs alongside the loop to show progress. It is cancelled when the loop ends.
    ``is_last``: the process ends after the run, and ignores signals from then on.
    """

    database: Database
    lease: Lease
    session: SessionRow
    sources: Sequence[Source]
    output: Output | None = None
    email: str | None = None
    max_seconds: float | None = None
    companion: Companion | None = None
    is_last: bool = False


def run_session(request: RunRequest) -> Ending:
    """Run a leased session until it is done or stopped, and record how it ended.

    Raises StoreError, LeaseLost, FileError, or JobrunnerError if memory ran out. Committed work is
    kept, and a resume continues from it.
    """
    with run_log(session_directory(request.database.path, request.session.id) / "run.log"):
        start_run(request.database, request.lease)
        gc.freeze()  # modules loaded so far live as long as the process: do not scan them again
        sys.setswitchinterval(SWITCH_S)
        try:
            ending = asyncio.run(_run(request))
        except BaseException as error:
            failure = user_error_of(error) or error
            _end_badly(request, failure)
            if failure is error:
                raise
            log.info("%s", failure, exc_info=error)
            raise failure from error
        crash_points.point("run.ending")
        end_run(request.database, request.lease, ending=ending.ending, reason=ending.reason)
    return ending


def _end_badly(request: RunRequest, error: BaseException) -> None:
    # The database that raised the error may refuse this write too. The next run then records this
    # one as crashed.
    with contextlib.suppress(JobrunnerError):
        reason = str(error) if isinstance(error, JobrunnerError) else unexpected(error)
        end_run(request.database, request.lease, ending=RunEnding.FAILED, reason=reason)


async def _run(request: RunRequest) -> Ending:
    stop = Stop()
    options = request.session.options
    context = RunContext(
        database=request.database,
        lease=request.lease,
        stop=stop,
        email=request.email,
        batch_size=options.batch_size,
    )
    timer = SnapshotTimer(
        request.database,
        request.lease,
        stop,
        interval=options.checkpoint_interval * 60,
        output=request.output,
    )
    workers = _workers(context, options, request.sources)
    with stop_signals(stop, request.max_seconds, last=request.is_last):
        showing = asyncio.create_task(request.companion()) if request.companion else None
        error = await _work(workers, timer, stop)
        try:
            await timer.take_last(_why_last(stop, error))
        except (JobrunnerError, OSError, MemoryError):
            if error is None:
                raise
        finally:
            if showing is not None:
                showing.cancel()
                await asyncio.gather(showing, return_exceptions=True)
    if error is not None:
        raise error
    return _ending(request, workers, stop)


def _workers(context: RunContext, options: Options, sources: Sequence[Source]) -> list[Worker]:
    session_id = context.lease.session_id
    rows = {row.name: row for row in list_sources(context.database, session_id)}
    used = {source.name: source for source in read_progress(context.database, session_id).sources}
    before = {
        source.name: sources_before(source, options.sources, in_order=options.in_order)
        for source in sources
    }
    _check_circles(before)
    workers: dict[str, Worker] = {}
    for source in sources:
        name = source.name
        budget, origins = _budget(options, used[name]), (INPUT, *before[name])
        workers[name] = Worker(context, rows[name], source, budget, origins=origins)

    def wake_all() -> None:
        for worker in workers.values():
            worker.wake()

    for name, worker in workers.items():
        first = before[name]
        worker.wait_for([other for other in workers.values() if other.source.name in first])
        worker.on_progress = wake_all
    return list(workers.values())


def _budget(options: Options, used: SourceProgress) -> Budget:
    return Budget(
        used.name,
        max_requests=options.max_requests.get(used.name),
        max_cost_micros=options.budgets.get(used.name),
        used_requests=used.requests,
        used_cost_micros=used.cost_micros,
    )


async def _work(workers: list[Worker], timer: SnapshotTimer, stop: Stop) -> BaseException | None:
    """Wait until all workers end. Return the error that ended the run, if any."""
    at_work = {asyncio.create_task(worker.run()): worker for worker in workers}
    snapshots = asyncio.create_task(timer.run())
    pending: set[asyncio.Task[None]] = {*at_work, snapshots}
    errors: list[BaseException] = []
    while pending - {snapshots}:
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            error = task.exception()
            if error is not None:
                errors.append(error)
                stop.ask("error")
            elif task in at_work and not stop.asked:
                ended = at_work[task]
                _release_waiting(ended, workers)
                timer.ask(f"{ended.source.name} ended")
    # After the workers: an interval snapshot may be half written, and the last one replaces it.
    timer.close()
    errors += filter(None, await asyncio.gather(snapshots, return_exceptions=True))
    return errors[0] if errors else None


def _release_waiting(ended: Worker, workers: list[Worker]) -> None:
    """Stop other workers from waiting for a stopped source: it answers nothing more in this run."""
    for worker in workers:
        if ended.stopped and ended in worker.waits:
            worker.wait_for([other for other in worker.waits if other is not ended])
        worker.wake()


def _why_last(stop: Stop, error: BaseException | None) -> str:
    if error is not None:
        return "error"
    return stop.reason or "end"


def _ending(request: RunRequest, workers: list[Worker], stop: Stop) -> Ending:
    progress = read_progress(request.database, request.session.id)
    stopped = {w.source.name: w.stopped for w in workers if w.stopped}
    errors = "; ".join(map(str, stopped.values()))
    if progress.pending:
        ending, reason = RunEnding.INTERRUPTED, stop.reason or errors or "papers are pending"
    else:  # even after a stop: it came when nothing was pending any more
        ending, reason = RunEnding.COMPLETED, errors or "all papers are done"
    return Ending(ending=ending, reason=reason, progress=progress, stopped=stopped)


def _check_circles(before: Mapping[str, tuple[str, ...]]) -> None:
    """Raise SettingsError if sources wait for each other in a cycle."""
    try:
        TopologicalSorter(before).prepare()
    except CycleError as error:
        circle = " after ".join(error.args[1])
        raise SettingsError(f"sources wait for each other: {circle}") from error
