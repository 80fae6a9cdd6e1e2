"""Exit codes: the worst of several is the one that a run ends with."""

from __future__ import annotations

import pytest

from jobrunner.errors import (
    BudgetSpent,
    ExitCode,
    KeyRefused,
    QuotaSpent,
    SourceBroken,
    SourceUnavailable,
    TooManyFailures,
    worst,
)


@pytest.mark.parametrize(
    ("codes", "code"),
    [
        ([], ExitCode.COMPLETED),
        ([ExitCode.COMPLETED, ExitCode.PAPERS_FAILED], ExitCode.PAPERS_FAILED),
        ([ExitCode.STOPPED, ExitCode.PAPERS_FAILED], ExitCode.STOPPED),
        ([ExitCode.STOPPED, ExitCode.ERROR, ExitCode.PAPERS_FAILED], ExitCode.ERROR),
    ],
)
def test_the_worst_exit_code_is_the_one_that_needs_a_person_first(
    codes: list[ExitCode], code: ExitCode
) -> None:
    assert worst(codes) is code


@pytest.mark.parametrize("error", [KeyRefused, BudgetSpent, TooManyFailures, SourceBroken])
def test_a_source_that_needs_a_person_is_an_error(error: type[KeyRefused]) -> None:
    assert error("no").exit_code is ExitCode.ERROR


@pytest.mark.parametrize("error", [SourceUnavailable, QuotaSpent])
def test_a_source_that_may_answer_later_is_a_stop(error: type[QuotaSpent]) -> None:
    assert error("later").exit_code is ExitCode.STOPPED
