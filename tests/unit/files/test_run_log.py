"""The log of runs: what it tells of committed batches, and which lines are passed over."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from jobrunner.files.run_log import committed_batches, ranges, run_log

log = logging.getLogger("jobrunner.test")


def commit(batch: int, papers: str) -> None:
    facts = {"committed": {"source": "openalex", "batch": batch, "papers": papers}}
    log.info("committed", extra={"facts": facts})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "session" / "run.log"


@pytest.mark.parametrize(
    ("numbers", "text"), [([], ""), ([3], "3"), ([9, 0, 1, 2], "0-2, 9"), ([1, 3, 5], "1, 3, 5")]
)
def test_numbers_are_written_in_short_and_read_again(
    path: Path, numbers: list[int], text: str
) -> None:
    assert ranges(numbers) == text
    with run_log(path):
        commit(0, ranges(numbers))
    assert committed_batches(path) == {("openalex", 0): frozenset(numbers)}


def test_lines_that_cannot_be_read_are_passed_over(path: Path) -> None:
    with run_log(path):
        commit(0, "0-1")
        log.info("no batch")
        commit(1, "two")
    with path.open("ab") as file:
        file.write(b'{"committed": {"source": "openalex"\n\xff\n[]\n')
    with run_log(path):
        commit(2, "4")
    assert committed_batches(path) == {
        ("openalex", 0): frozenset({0, 1}),
        ("openalex", 2): frozenset({4}),
    }


def test_a_log_that_is_not_there_tells_nothing(path: Path) -> None:
    assert committed_batches(path) == {}


def test_what_was_before_a_restore_counts_until_the_session_goes_on(path: Path) -> None:
    with run_log(path):
        commit(0, "0")
        commit(1, "1")
        log.info("restored", extra={"facts": {"restored": "000001.json"}})
    assert set(committed_batches(path)) == {("openalex", 0), ("openalex", 1)}
    with run_log(path):
        commit(1, "2")
    assert committed_batches(path) == {("openalex", 1): frozenset({2})}


def test_after_the_block_nothing_is_written_any_more(path: Path) -> None:
    with run_log(path):
        log.info("inside")
    log.warning("outside")
    assert [json.loads(line)["message"] for line in path.read_text().splitlines()] == ["inside"]
