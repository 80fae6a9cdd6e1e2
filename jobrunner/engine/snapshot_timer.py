"""Snapshots during a run: when one is due, and how much time they may take."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from jobrunner.engine.shutdown import Stop
from jobrunner.errors import Cancelled, FileError
from jobrunner.files.system_errors import user_error_of
from jobrunner.models import EventKind
from jobrunner.snapshots.publish import Output, publish_newest
from jobrunner.snapshots.retention import finish_snapshot
from jobrunner.snapshots.write import is_owed, write_snapshot
from jobrunner.store.database import Database
from jobrunner.store.events import add_event
from jobrunner.store.lease import Lease

log = logging.getLogger(__name__)

T = TypeVar("T")

INTERVAL = "interval"

LOOK_S = 1.0
"""Seconds between checks whether the second thread is done."""

REST = 19
"""Seconds of rest per second that the last snapshot took: snapshots thus take at most a twentieth
of the time of a run."""


class SnapshotTimer:
    """Takes the snapshots of a run. ``interval`` is in seconds; with 0 only the last is taken."""

    def __init__(
        self,
        database: Database,
        lease: Lease,
        stop: Stop,
        *,
        interval: float,
        output: Output | None,
    ) -> None:
        self._database = database
        self._lease = lease
        self._stop = stop
        self._interval = interval
        self._output = output
        self._asked = asyncio.Event()
        self._closed = asyncio.Event()
        self._reason = INTERVAL
        self._rest = 0.0

    def ask(self, reason: str) -> None:
        """Request a snapshot before the interval ends. It still waits for the rest period."""
        self._reason = reason
        self._asked.set()

    def close(self) -> None:
        """End :meth:`run`, cancelling a snapshot that is being written."""
        self._closed.set()
        self._asked.set()

    async def run(self) -> None:
        """Take a snapshot whenever one is due, until :meth:`close`.

        A failed snapshot is recorded in the history and the run continues. The next snapshot covers
        everything that it would have held. Raises StoreError or LeaseLost.
        """
        await self._publish()
        while await self._is_due():
            reason, self._reason = self._reason, INTERVAL
            self._asked.clear()
            try:
                await self._take(reason, lambda: self._stop.now or self._closed.is_set())
            except Cancelled:
                continue
            except (FileError, OSError) as error:
                self._note(error)

    async def _is_due(self) -> bool:
        """Wait until a snapshot is due. Return False if the timer was closed."""
        if not self._interval:
            await self._closed.wait()
        elif not await _within(self._rest, self._closed):
            await _within(max(0.0, self._interval - self._rest), self._asked)
        return not self._closed.is_set()

    def _note(self, error: Exception) -> None:
        message = f"snapshot failed: {user_error_of(error)}"
        log.warning("%s", message)
        add_event(
            self._database, self._lease.session_id, EventKind.WARNING, message, self._lease.run_id
        )

    async def take_last(self, reason: str) -> None:
        """Take the last snapshot of a run, unless the user requested an immediate stop.

        Raises FileError, StoreError or LeaseLost.
        """
        with contextlib.suppress(Cancelled):
            await self._take(reason, lambda: self._stop.now)

    async def _take(self, reason: str, cancelled: Callable[[], bool]) -> None:
        """Take a snapshot if one is owed, and publish the newest one."""
        if cancelled():
            return
        began = time.monotonic()
        session_id = self._lease.session_id
        try:
            if is_owed(self._database, session_id):
                row = await _in_thread(
                    partial(write_snapshot, self._database, session_id, reason, cancelled=cancelled)
                )
                finish_snapshot(self._database, self._lease, row)
                log.info("snapshot %d: %d papers (%s)", row.number, row.papers, reason)
            await self._publish()
        finally:
            self._rest = REST * (time.monotonic() - began)

    async def _publish(self) -> None:
        """Publish the newest snapshot where users expect it."""
        await _in_thread(
            partial(publish_newest, self._database, self._lease.session_id, self._output)
        )


async def _in_thread(call: Callable[[], T]) -> T:
    """Run a call in a second thread and return its result.

    If memory runs out, the notification from the thread can get lost. The thread is therefore also
    polled.
    """
    with ThreadPoolExecutor(1) as pool:
        work = pool.submit(call)
        notification = asyncio.wrap_future(work)
        notification.add_done_callback(_retrieve_error)
        while not work.done():
            await asyncio.wait({notification}, timeout=LOOK_S)
        return work.result()


def _retrieve_error(notification: asyncio.Future[T]) -> None:
    """Mark an error as retrieved, or asyncio logs it too. The caller gets it from the result."""
    if not notification.cancelled():
        notification.exception()


async def _within(seconds: float, event: asyncio.Event) -> bool:
    """Wait for an event. Return whether it was set in time."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
