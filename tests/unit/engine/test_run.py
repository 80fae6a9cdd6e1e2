"""The exit code of a run: the worst of what happened in it."""

from __future__ import annotations

import pytest

from jobrunner.engine.run import Ending
from jobrunner.errors import (
    ExitCode,
    KeyRefused,
    QuotaSpent,
    SourceStopped,
    SourceUnavailable,
    TooManyFailures,
)
from jobrunner.models import RunEnding, SourceState, SourceStatus
from jobrunner.store.progress import Progress, SourceProgress

DONE, LEFT = RunEnding.COMPLETED, RunEnding.INTERRUPTED


def progress(*, failed: int, status: SourceStatus = SourceStatus.ACTIVE) -> Progress:
    source = SourceProgress(
        name="openalex",
        status=status,
        state=SourceState(status),
        error=None,
        not_before=None,
        papers=5,
        done=5,
        pending=0,
        enriched=5 - failed,
        not_found=0,
        ambiguous=0,
        failed=failed,
        batches=1,
        requests=1,
        retries=0,
        cost_micros=0,
        fields={},
        last_commit_at=None,
        rate=None,
        eta_seconds=None,
    )
    return Progress(papers=5, unusable=0, sources=(source,))


@pytest.mark.parametrize(
    ("ending", "failed", "stopped", "code"),
    [
        (DONE, 0, [], ExitCode.COMPLETED),
        (DONE, 1, [], ExitCode.PAPERS_FAILED),
        (LEFT, 0, [], ExitCode.STOPPED),
        (LEFT, 1, [], ExitCode.STOPPED),
        (LEFT, 1, [QuotaSpent("later")], ExitCode.STOPPED),
        (LEFT, 0, [QuotaSpent("later"), KeyRefused("no")], ExitCode.ERROR),
        (LEFT, 1, [TooManyFailures("all of them")], ExitCode.ERROR),
        (DONE, 0, [KeyRefused("no")], ExitCode.ERROR),
    ],
)
def test_a_run_ends_with_the_worst_of_its_exit_codes(
    ending: RunEnding, failed: int, stopped: list[SourceStopped], code: ExitCode
) -> None:
    errors = {f"source {place}": error for place, error in enumerate(stopped)}
    made = Ending(ending=ending, reason="", progress=progress(failed=failed), stopped=errors)
    assert made.exit_code is code


@pytest.mark.parametrize(("failed", "code"), [(0, 0), (1, 3)])
def test_a_source_that_is_away_does_not_matter_once_nothing_is_pending(
    failed: int, code: int
) -> None:
    stopped: dict[str, SourceStopped] = {"openalex": SourceUnavailable("away")}
    made = Ending(ending=DONE, reason="", progress=progress(failed=failed), stopped=stopped)
    assert made.exit_code == code


def test_failures_of_a_dropped_source_do_not_count() -> None:
    dropped = progress(failed=2, status=SourceStatus.DROPPED)
    assert Ending(ending=DONE, reason="", progress=dropped).exit_code is ExitCode.COMPLETED
