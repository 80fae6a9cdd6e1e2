"""Going on after a power cut."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.promises.power.losses import OUT, batches_of
from tests.promises.power.recorded_run import Recording
from tests.support.program import papers_of


class Resumer:
    """Takes up what a power cut has left, and demands the ending of a run that had none."""

    def __init__(self, recording: Recording, run: Sequence[object]) -> None:
        self.resumed = 0
        self._recording = recording
        self._program = recording.program
        self._run = run

    def __call__(self) -> None:
        program = self._program
        if not program.has_started():
            program.run(*self._run)
        elif program.query("SELECT status FROM session") != [("completed",)]:
            before = batches_of(program.database)
            program.run("resume")
            assert batches_of(program.database)[: len(before)] == before
            self.resumed += 1
        program.run("verify")
        found = papers_of(program.directory / OUT)
        assert _without_retries(found) == _without_retries(self._recording.truth.papers)


def _without_retries(papers: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out what was asked again: the power may have gone before a retry."""
    return [{name: paper[name] for name in paper if name != "retired"} for paper in papers]
