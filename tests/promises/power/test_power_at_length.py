"""Thousands of disks that power cuts leave of long histories: killed, resumed, retried."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.promises.power.disk import Fate, Last, Lost, Random
from tests.promises.power.recorded_run import NAMING, Recording, record_commands, try_all
from tests.promises.power.recorder import Op
from tests.promises.power.resumer import Resumer
from tests.support import made_up_papers
from tests.support.program import Program
from tests.support.three_sources import RUN, Trio, serving_library

PAPERS = [
    *(made_up_papers.by_title(n) if n % 4 == 1 else made_up_papers.by_doi(n) for n in range(30)),
    {"title": "A treatise that nobody has catalogued", "doi": "10.5555/study.999"},
]
SHORT = ("--batch-size", 4, "--checkpoint-interval", 0.002)
PRAGMAS = {
    "as-it-is": "",
    "with-many-checkpoints": "PRAGMA wal_autocheckpoint=4",
}
RESUMED = 5


def history(program: Program) -> Iterator[tuple[Sequence[object], str]]:
    """Yield commands, and where each is killed; they are asked for one after the other."""
    yield (*RUN, *SHORT), "commit.after:5"
    yield ("resume",), "commit.inside:2"
    yield ("resume",), "snapshot.renamed"
    yield ("resume",), "snapshot.recorded"
    yield ("resume",), ""
    # Its directory tells its name: to open the database here would change files unrecorded.
    [session] = (path.name for path in program.database.parent.iterdir() if path.is_dir())
    yield ("retry", session, "--not-found"), "commit.before"
    yield ("resume",), ""


@pytest.fixture(scope="module")
def trio() -> Iterator[Trio]:
    with serving_library() as trio:
        yield trio


@pytest.mark.torture
@pytest.mark.parametrize("how", PRAGMAS)
def test_nothing_is_lost_of_a_long_history(
    how: str, place: Path, recorder: Path, trio: Trio, tmp_path: Path
) -> None:
    program = trio.program(place / how, PAPERS)
    pragma, log = PRAGMAS[how], tmp_path / "log"
    recording = record_commands(program, recorder, log, history(program), pragma=pragma)
    cuts = recording.cuts(7, extra=50)
    tried = try_all(recording, cuts, some)
    assert tried.losses == []
    assert tried.states.total() > 800
    assert_resumes_end_alike(recording)


def some(cut: int, op: Op) -> list[Fate]:
    fates: list[Fate] = [Last()] if op.kind in NAMING else []
    return [*fates, Lost(), Random(cut), *([Fate()] if cut % 8 == 0 else [])]


def assert_resumes_end_alike(recording: Recording) -> None:
    """Cut the power in the midst of work, here and there, and go on."""
    reports = [place for place, op in enumerate(recording.ops) if op.path.endswith("/run.log")]
    cuts = reports[:: len(reports) // RESUMED + 1]
    resumer = Resumer(recording, (*RUN, *SHORT))
    tried = try_all(recording, cuts, lambda cut, _: [Random(cut)], beyond=resumer)
    assert tried.losses == []
    assert resumer.resumed == len(cuts) > 2
