"""Tables fit the width that there is: whole, without spare columns, or as a list."""

from __future__ import annotations

import pytest

from jobrunner.cli.tables import Table, lay_out

HEADINGS = (("source", "left"), ("state", "left"), ("done", "right"), ("failed", "right"))


def table(*failed: int) -> Table:
    rows = [["openalex", "done", "1/1", failed[0]], ["crossref", "open", "0/1", failed[1]]]
    return Table(HEADINGS, rows, ("failed",))


def test_a_table_that_fits_is_a_line_for_each_row() -> None:
    headings, lines = lay_out(table(0, 0), 29)
    assert headings == ["source    state  done  failed"]
    assert lines == ["openalex  done    1/1       0", "crossref  open    0/1       0"]
    assert lay_out(table(0, 0)) == (headings, lines)


def test_where_there_is_no_room_a_spare_column_of_zeros_is_left_out() -> None:
    headings, lines = lay_out(table(0, 0), 28)
    assert headings == ["source    state  done"]
    assert lines == ["openalex  done    1/1", "crossref  open    0/1"]


@pytest.mark.parametrize("width", [28, 21])
def test_a_table_that_is_too_wide_is_a_list_with_every_figure(width: int) -> None:
    headings, lines = lay_out(table(0, 1), width)
    assert headings == []
    assert max(map(len, lines)) <= width
    assert " ".join(" ".join(lines).split()) == (
        "openalex state: done done: 1/1 failed: 0 crossref state: open done: 0/1 failed: 1"
    )


def test_a_value_that_is_wider_than_the_terminal_has_a_line_of_its_own() -> None:
    state = "stopped until tomorrow"
    _, lines = lay_out(Table(HEADINGS, [["openalex", state, "1/1", 0]]), 24)
    assert lines == ["openalex", f"  state: {state}", "  done: 1/1  failed: 0"]
