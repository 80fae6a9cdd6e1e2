"""The part of a text that is in memory: characters, lines and places in it."""

from __future__ import annotations

import io

import pytest

from jobrunner.errors import Truncated
from jobrunner.inputs.text_stream import TextReader
from jobrunner.inputs.text_window import Window


def window_on(text: str, chunk: int) -> Window:
    return Window(TextReader(None, io.BytesIO(text.encode())), chunk)


def lines_of(window: Window) -> list[str]:
    lines = []
    while (line := window.line()) is not None:
        lines.append(line)
    return lines


@pytest.mark.parametrize("chunk", [1, 3, 100])
@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", []),
        ("\n", [""]),
        ("one", ["one"]),
        ("one\n", ["one"]),
        ("one\n\nthree, longer\n", ["one", "", "three, longer"]),
        ("one\r\nlast", ["one\r", "last"]),
    ],
)
def test_lines_are_taken_one_by_one_at_any_chunk_size(
    text: str, lines: list[str], chunk: int
) -> None:
    assert lines_of(window_on(text, chunk)) == lines


@pytest.mark.parametrize("chunk", [1, 3, 100])
def test_an_error_names_line_and_column_however_much_was_dropped(chunk: int) -> None:
    window = window_on("first\nsecond\n  x, y", chunk)
    window.line()
    window.line()
    assert window.line_number == 3
    assert window.peek() == "x"
    assert str(window.error("wrong")) == "standard input:3:3: wrong"
    window.take("x", "here")
    assert str(window.error("wrong")) == "standard input:3:4: wrong"


def test_what_is_held_stays_in_memory_with_its_positions() -> None:
    window = window_on("abc def", 1)
    window.peek()
    window.hold = True
    window.position = 3
    window.look_ahead(4)
    assert window.text == "abc def"
    window.hold = False
    window.grow()
    assert (window.text, window.position) == (" def", 0)


def test_a_text_that_ends_where_a_character_is_wanted_is_truncated() -> None:
    with pytest.raises(Truncated):
        window_on("  ", 1).take(",", "here")
