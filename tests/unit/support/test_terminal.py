"""What stands on a screen after what was written to it."""

from __future__ import annotations

from tests.support.terminal import Screen


def screen(columns: int, *texts: str) -> list[str]:
    written = Screen(columns)
    for text in texts:
        written.write(text)
    return written.rows


def test_a_row_that_is_full_goes_on_in_the_next() -> None:
    assert screen(4, "abcdef") == ["abcd", "ef"]
    assert screen(4, "abcd\r\nef") == ["abcd", "ef"]


def test_rows_are_wiped_and_written_over() -> None:
    assert screen(4, "one\r\ntwo\r\x1b[2K\x1b[1A\x1b[2K\x1b[1mnew\x1b[0m") == ["new", ""]
    assert screen(4, "one\rO") == ["One"]


def test_what_comes_in_parts_is_the_same() -> None:
    whole = "one\r\ntwo\r\x1b[2K\x1b[1A\x1b[2K\x1b[1mnew\x1b[0m"
    assert screen(4, *whole) == screen(4, whole)
