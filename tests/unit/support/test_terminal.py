"""What stands on a screen after what was written to it."""

from __future__ import annotations

from tests.support.terminal import screen


def test_a_row_that_is_full_goes_on_in_the_next() -> None:
    assert screen("abcdef", 4) == ["abcd", "ef"]
    assert screen("abcd\r\nef", 4) == ["abcd", "ef"]


def test_rows_are_wiped_and_written_over() -> None:
    assert screen("one\r\ntwo\r\x1b[2K\x1b[1A\x1b[2K\x1b[1mnew\x1b[0m", 4) == ["new", ""]
    assert screen("one\rO", 4) == ["One"]
