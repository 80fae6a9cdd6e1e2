"""Whenever the power goes, what was reported is there, and every snapshot is whole."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jobrunner.demo.openalex import OpenAlex
from jobrunner.demo.server import LocalServer
from tests.promises.power.disk import Fate, Last, Lost, Random
from tests.promises.power.losses import OUT
from tests.promises.power.recorded_run import Recording, files_of, record_commands, try_all
from tests.promises.power.recorder import Kind, Op
from tests.promises.power.resumer import Resumer
from tests.support import made_up_papers
from tests.support.program import Program

RUN = ("run", "papers.json", "-o", OUT, "--batch-size", 5, "--checkpoint-interval", 0.002)
PAPERS = made_up_papers.papers(lookups=25, searches=3)

KNOWN_ANSWERS = """
    SELECT i.value FROM identifier i
    LEFT JOIN (SELECT paper_id FROM record UNION SELECT paper_id FROM lookup_miss) a
        ON a.paper_id = i.paper_id
    WHERE i.scheme = 'doi' AND i.origin = 'input'
    GROUP BY i.value HAVING count(*) = count(a.paper_id)
"""
"""The identifiers, as given, of papers that need not be looked up again."""


@pytest.fixture(scope="module")
def server() -> Iterator[LocalServer]:
    with LocalServer(OpenAlex(made_up_papers.works())) as server:
        yield server


@pytest.fixture(scope="module")
def recording(
    place: Path, recorder: Path, server: LocalServer, tmp_path_factory: pytest.TempPathFactory
) -> Recording:
    """A run that was killed and resumed."""
    program = Program(place / "work", server.base_url)
    program.input(PAPERS)
    log = tmp_path_factory.mktemp("recorded") / "log"
    return record_commands(program, recorder, log, [(RUN, "commit.after:4"), (("resume",), "")])


def some(cut: int, op: Op) -> list[Fate]:
    """Mostly the worst, now and then a throw of dice or the best; names that overtake others."""
    fates: list[Fate] = [Last()] if op.kind is Kind.RENAME else []
    return [*fates, Random(cut) if cut % 3 == 1 else Lost() if cut % 8 else Fate()]


# ---- the recording itself


def test_what_was_recorded_makes_the_same_files_again(recording: Recording) -> None:
    [(_, disk, reported)] = recording.disks([len(recording.ops)])
    disk.leave(Fate())
    assert files_of(recording.program.directory) == recording.files
    assert len(recording.truth.batches) > 5
    assert len(recording.truth.documents) > 2
    assert reported.batches == len(recording.truth.batches) - 1  # killed before it said so
    assert reported.snapshot > 0
    assert reported.papers == len(PAPERS)
    assert reported.completed


# ---- the promise


def test_nothing_reported_is_lost_and_every_snapshot_is_whole(recording: Recording) -> None:
    tried = try_all(recording, recording.cuts(1, extra=20), some)
    assert tried.losses == []
    assert tried.states["Lost"] > 60
    assert tried.states["Random"] > 20
    assert tried.states["Fate"] > 5
    assert tried.states["Last"] > 5


def test_a_resume_after_a_power_cut_makes_the_same_ending(
    recording: Recording, server: LocalServer
) -> None:
    commits = [i for i, op in enumerate(recording.ops) if op.path.endswith("/run.log")]
    cuts = random.Random(3).sample(range(commits[0], commits[-1]), 3)
    resumer = Resumer(recording, RUN)

    def resume_and_listen() -> None:
        known = {f"doi:{value}" for (value,) in recording.program.query(KNOWN_ANSWERS)}
        before = len(server.requests)
        resumer()
        assert known
        assert known.isdisjoint(name for one in server.requests[before:] for name in one.ids)

    tried = try_all(recording, cuts, lambda cut, _: [Random(cut)], beyond=resume_and_listen)
    assert tried.losses == []
    assert resumer.resumed == len(cuts)


def test_a_restored_session_is_there_once_that_was_said(
    recording: Recording, place: Path, recorder: Path, tmp_path: Path
) -> None:
    program = Program(place / "restored")
    given = program.directory / "given"
    given.mkdir()
    for name in (OUT, f"{OUT}.sha256"):
        (given / name).write_bytes(recording.files[name])
    command = ("restore", given / OUT)
    restored = record_commands(program, recorder, tmp_path / "log", [(command, "")])
    tried = try_all(restored, restored.cuts(1, extra=10), lambda cut, _: [Lost(), Random(cut)])
    assert tried.losses == []
    assert tried.states["Lost"] > 20
    assert len(restored.truth.batches) > 5


# ---- the harness finds what it is there to find

SESSION = r"/\.jobrunner/[0-9]+-[0-9]+-[0-9a-f]+"
NOT_SYNCED = {
    "write-ahead log": (r".*-wal$", " batches of "),
    "database": (r".*/state\.db$", "no jobrunner database"),
    "snapshot": (r".*/snapshots/\.\d+\.json\.[0-9a-f]+\.tmp$", "is none that was finished"),
    "checksum of a snapshot": (r".*\d\.json\.sha256\..*tmp$", "holds no valid checksum"),
    "directory of snapshots": (rf"{SESSION}/snapshots$", "snapshot .* is missing"),
    "session's directory": (rf"{SESSION}$", "snapshot .* is missing"),
    "output": (r"/\.out\.json\.[0-9a-f]+\.tmp$", "out.json is none that was finished"),
    "checksum of the output": (r"/\.out\.json\.sha256\..*tmp$", "out.json has not the checksum"),
    "database's directory": (r"/\.jobrunner$", "no jobrunner database"),
    "working directory": (r"$", "no jobrunner database"),
}
"""What is not synced, by its name, and what is lost then."""


def syncs_of(pattern: str) -> Callable[[Op], bool]:
    """Choose the syncs of files and directories of a name, below the place of the disks."""
    wanted = re.compile(rf"/work{pattern}")
    return lambda op: op.kind is Kind.SYNC and wanted.search(op.path) is not None


def worst(*_: object) -> list[Fate]:
    return [Lost()]


def losses_without(recording: Recording, pattern: str, loss: str) -> list[str]:
    """Return what is lost, until a certain loss, if some syncs had not been."""
    left_out = syncs_of(pattern)
    first = [left_out(op) for op in recording.ops].index(True)
    cuts = [cut for cut in recording.cuts(1, extra=0) if cut > first]
    return try_all(recording, cuts, worst, without=left_out, until=loss).losses


def test_a_loss_is_found_if_one_thing_is_not_synced(recording: Recording) -> None:
    for what, (pattern, loss) in NOT_SYNCED.items():
        losses = losses_without(recording, pattern, loss)
        assert any(re.search(loss, said) for said in losses), (what, losses)


@pytest.mark.torture
@pytest.mark.parametrize("mode", ["OFF", "NORMAL"])
def test_a_loss_is_found_if_sqlite_does_not_sync_each_commit(
    mode: str, place: Path, recorder: Path, server: LocalServer
) -> None:
    program = Program(place / "weak", server.base_url)
    program.input(PAPERS)
    pragma, log = f"PRAGMA synchronous={mode}", place / "weak.log"
    recording = record_commands(program, recorder, log, [(RUN, "")], pragma=pragma)
    tried = try_all(recording, recording.cuts(1, extra=0)[::4], worst)
    lost = {loss.partition(",")[0] for loss in tried.losses}  # the cuts after which something is
    assert len(lost) > tried.states["Lost"] // 4
