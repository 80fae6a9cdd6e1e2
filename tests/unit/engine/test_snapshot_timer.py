"""When the snapshots of a run are taken: seldom enough, when asked for, and at its end."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from jobrunner.engine import snapshot_timer
from jobrunner.engine.shutdown import Stop
from jobrunner.engine.snapshot_timer import SnapshotTimer
from jobrunner.errors import FileError
from jobrunner.matching.decide import RULES
from jobrunner.models import Answer, BatchKind
from jobrunner.operations.load import load_session
from jobrunner.snapshots.publish import Output
from jobrunner.snapshots.write import write_snapshot
from jobrunner.store.batches import Batch, commit_batch
from jobrunner.store.database import Database, open_database
from jobrunner.store.events import list_events
from jobrunner.store.rows import Options, SnapshotRow
from jobrunner.store.run_lifecycle import start_run
from jobrunner.store.snapshots import (
    is_snapshot_owed,
    list_snapshots,
    newest_path,
    snapshot_directory,
)
from jobrunner.store.source_states import list_sources
from tests.support.events import LIMIT_S

HOUR_S = 3600.0
PAPERS = 200

Cancelled = Callable[[], bool]


class Work:
    """A session with a run at work: something to commit, and what keeps its snapshots."""

    def __init__(self, directory: Path) -> None:
        self.database = open_database(directory / "state.db", create=True)
        papers = directory / "papers.json"
        papers.write_text(json.dumps([{"title": f"Study {n}"} for n in range(PAPERS)]))
        options = Options(sources=("openalex",), rules=RULES)
        self.session, self.lease = load_session(self.database, papers, options)
        start_run(self.database, self.lease)
        self.output = directory / "out.json"
        self.stop = Stop()
        self._source = list_sources(self.database, self.session.id)[0]
        self._paper = 0

    def commit(self) -> None:
        """Commit the next paper."""
        self._paper += 1
        answers = {self._paper: Answer.not_found()}
        batch = Batch(kind=BatchKind.SEARCH, answers=answers, started_at="2026-11-24T01:30:00.000Z")
        commit_batch(self.database, self.lease, self._source, batch)

    def timer(self, interval: float) -> SnapshotTimer:
        return SnapshotTimer(
            self.database,
            self.lease,
            self.stop,
            interval=interval,
            output=Output(self.output, may_create=True),
        )

    def snapshots(self) -> list[SnapshotRow]:
        return list_snapshots(self.database, self.session.id)

    def files(self) -> list[str]:
        directory = snapshot_directory(self.database, self.session.id)
        return sorted(path.name for path in directory.iterdir()) if directory.exists() else []


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Work]:
    made = Work(tmp_path)
    with closing(made.database), made.lease:
        yield made


def keep(timer: SnapshotTimer, meanwhile: Coroutine[None, None, None]) -> None:
    """Let a keeper run while something else happens, and close it then."""

    async def both() -> None:
        running = asyncio.create_task(timer.run())
        try:
            await meanwhile
        finally:
            timer.close()
            await running

    asyncio.run(both())


async def until(happens: Callable[[], object]) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not happens():  # noqa: ASYNC110 - it happens in rows and other threads
            await asyncio.sleep(0.005)


async def one_more(count: Callable[[], int]) -> None:
    """Wait until something is counted that was not counted before."""
    before = count()
    await until(lambda: count() > before)


class SlowWriter:
    """Writes snapshots as the program does, but takes its time; knows when it began and ended."""

    def __init__(self, seconds: float) -> None:
        self.times: list[tuple[float, float]] = []
        self._seconds = seconds

    def __call__(
        self, database: Database, session_id: str, reason: str, *, cancelled: Cancelled
    ) -> SnapshotRow:
        began = time.monotonic()
        time.sleep(self._seconds)
        row = write_snapshot(database, session_id, reason, cancelled=cancelled)
        self.times.append((began, time.monotonic()))
        return row


class HeldWriter:
    """Writes snapshots as the program does, but waits for leave, or until they are given up.

    Left alone it goes on after a while, so that a test fails rather than hangs.
    """

    def __init__(self) -> None:
        self.began = threading.Event()
        self.leave = threading.Event()

    def __call__(
        self, database: Database, session_id: str, reason: str, *, cancelled: Cancelled
    ) -> SnapshotRow:
        self.began.set()
        deadline = time.monotonic() + LIMIT_S
        while not (self.leave.is_set() or cancelled() or time.monotonic() > deadline):
            time.sleep(0.005)
        return write_snapshot(database, session_id, reason, cancelled=cancelled)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> HeldWriter:
    writer = HeldWriter()
    monkeypatch.setattr(snapshot_timer, "write_snapshot", writer)
    return writer


# ---- when


def test_after_a_snapshot_none_begins_for_nineteen_times_as_long_as_it_took(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = SlowWriter(0.02)
    monkeypatch.setattr(snapshot_timer, "write_snapshot", writer)
    timer = work.timer(interval=0.001)

    async def commit_and_ask() -> None:
        for _ in range(3):
            work.commit()
            timer.ask("openalex ended")
            await one_more(lambda: len(writer.times))

    keep(timer, commit_and_ask())
    for (began, ended), (next_began, _) in zip(writer.times, writer.times[1:], strict=False):
        assert next_began - ended >= 19 * (ended - began)


def test_a_quick_snapshot_is_followed_by_one_at_every_interval(work: Work) -> None:
    async def commit() -> None:
        for _ in range(2):
            work.commit()
            await one_more(lambda: len(work.snapshots()))

    keep(work.timer(interval=0.01), commit())
    assert {row.reason for row in work.snapshots()} == {"interval"}


def test_an_asked_snapshot_does_not_wait_for_the_interval(work: Work) -> None:
    timer = work.timer(interval=HOUR_S)
    work.commit()

    async def ask() -> None:
        await asyncio.sleep(0)
        timer.ask("openalex ended")
        await until(work.snapshots)

    keep(timer, ask())
    assert [row.reason for row in work.snapshots()] == ["openalex ended"]


def test_without_anything_new_no_snapshot_is_taken(work: Work) -> None:
    timer = work.timer(interval=0.001)
    work.commit()

    async def wait() -> None:
        await until(work.snapshots)
        timer.ask("openalex ended")
        await asyncio.sleep(0.1)

    keep(timer, wait())
    asyncio.run(timer.take_last("end"))
    assert len(work.snapshots()) == 1


def test_with_an_interval_of_zero_only_the_last_one_is_taken(work: Work) -> None:
    timer = work.timer(interval=0)
    work.commit()

    async def ask() -> None:
        timer.ask("openalex ended")
        await asyncio.sleep(0.1)

    keep(timer, ask())
    assert work.snapshots() == []
    asyncio.run(timer.take_last("end"))
    assert [row.reason for row in work.snapshots()] == ["end"]


# ---- beside the run, and given up


def test_commits_go_on_while_a_snapshot_is_written(work: Work, held: HeldWriter) -> None:
    work.commit()

    async def commit_meanwhile() -> None:
        await until(held.began.is_set)
        work.commit()
        held.leave.set()
        await until(work.snapshots)

    keep(work.timer(interval=0.001), commit_meanwhile())
    assert work.snapshots()[0].papers == PAPERS


def test_a_snapshot_that_is_being_written_when_the_run_ends_is_given_up(
    work: Work, held: HeldWriter
) -> None:
    work.commit()
    keep(work.timer(interval=0.001), until(held.began.is_set))
    assert work.snapshots() == []
    assert work.files() == []


def test_who_wants_to_stop_at_once_does_not_wait_for_the_last_snapshot(
    work: Work, held: HeldWriter
) -> None:
    timer = work.timer(interval=HOUR_S)
    work.commit()

    async def impatient() -> None:
        last = asyncio.create_task(timer.take_last("signal SIGINT"))
        await until(held.began.is_set)
        work.stop.now = True
        await last

    asyncio.run(impatient())
    assert work.snapshots() == []
    assert work.files() == []


def test_what_was_committed_while_a_snapshot_was_written_is_owed_to_the_next(
    work: Work, held: HeldWriter
) -> None:
    timer = work.timer(interval=0.001)
    work.commit()

    async def commit_meanwhile() -> None:
        await until(held.began.is_set)
        await asyncio.sleep(0.05)
        held.leave.set()
        await until(work.snapshots)
        work.commit()
        timer.close()

    keep(timer, commit_meanwhile())
    assert is_snapshot_owed(work.database, work.session.id)


# ---- what goes wrong


def test_a_snapshot_that_fails_is_told_and_the_next_one_is_taken(work: Work) -> None:
    directory = snapshot_directory(work.database, work.session.id)
    directory.write_text("in the way")

    def told() -> bool:
        events = list_events(work.database, work.session.id)
        return any(event.message.startswith("snapshot failed: ") for event in events)

    async def clear_the_way() -> None:
        work.commit()
        await until(told)
        directory.unlink()
        await until(work.snapshots)

    keep(work.timer(interval=0.001), clear_the_way())
    assert work.files() == ["000001.json", "000001.json.sha256"]


def test_a_last_snapshot_that_fails_is_an_error(work: Work) -> None:
    snapshot_directory(work.database, work.session.id).write_text("in the way")
    work.commit()
    with pytest.raises(FileError, match="cannot write"):
        asyncio.run(work.timer(interval=HOUR_S).take_last("end"))


# ---- where users find it


def test_the_newest_snapshot_is_published_where_the_user_wants_it(work: Work) -> None:
    work.commit()
    asyncio.run(work.timer(interval=0).take_last("end"))
    newest = newest_path(work.database, work.session.id)
    assert work.output.read_bytes() == newest.read_bytes()


def test_a_snapshot_that_was_recorded_but_not_published_is_published_at_the_start(
    work: Work,
) -> None:
    work.commit()
    asyncio.run(work.timer(interval=0).take_last("end"))
    newest = newest_path(work.database, work.session.id)
    newest.unlink()
    work.output.unlink()
    keep(work.timer(interval=0), until(work.output.exists))
    assert work.output.read_bytes() == newest.read_bytes()
