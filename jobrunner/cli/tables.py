"""Tables for people, which become lists if the terminal is too narrow."""

from __future__ import annotations

import contextlib
import math
import os
import sys
from collections.abc import Container, Iterator, Sequence
from typing import NamedTuple, TextIO

import typer

from jobrunner.cli.console import plain, write_result

ALIGN = {"left": "<", "right": ">"}
"""The alignment characters of Python's format specification."""


class Table(NamedTuple):
    """Rows under headings. ``columns`` holds pairs of a heading and 'left' or 'right'.

    ``spare`` columns are omitted if the table is too wide and all of their cells are zero or empty.
    """

    columns: Sequence[tuple[str, str]]
    rows: Sequence[Sequence[object]]
    spare: Container[str] = ()


class _Column(NamedTuple):
    heading: str
    side: str
    cells: Sequence[str]


def print_message_table(table: Table) -> None:
    """Print a table to stderr. A closed or full stderr is ignored."""
    with contextlib.suppress(OSError):
        typer.echo(_for_stream(table, sys.stderr), err=True)


def print_result_table(table: Table) -> None:
    """Print a table to stdout."""
    write_result(_for_stream(table, sys.stdout))


def _for_stream(table: Table, stream: TextIO) -> str:
    width = os.get_terminal_size(stream.fileno()).columns if stream.isatty() else math.inf
    headings, lines = lay_out(table, width)
    return "\n".join((*(typer.style(heading, bold=True) for heading in headings), *lines))


def lay_out(table: Table, width: float = math.inf) -> tuple[list[str], list[str]]:
    """Return the heading line and the row lines of a table, at most ``width`` columns wide.

    Empty columns are omitted. A table that is too wide becomes a list without a heading line: each
    row is its first cell, with the other cells and their headings below it.
    """
    columns = [column for column in _columns_of(table) if any(column.cells)]
    needed = [column for column in columns if not _is_spare(column, table.spare)]
    for shown in (columns, needed):
        lines = _aligned(shown)
        if _width_of(lines) <= width:
            return lines[:1], lines[1:]
    return [], list(_listed(columns, width))


def _columns_of(table: Table) -> Iterator[_Column]:
    for place, (heading, side) in enumerate(table.columns):
        yield _Column(heading, side, [plain(str(row[place])) for row in table.rows])


def _is_spare(column: _Column, spare: Container[str]) -> bool:
    return column.heading in spare and {"", "0"}.issuperset(column.cells)


def _width_of(lines: Sequence[str]) -> int:
    return max(map(len, lines), default=0)


def _aligned(columns: Sequence[_Column]) -> list[str]:
    padded = []
    for heading, side, cells in columns:
        texts = (heading, *cells)
        width, align = _width_of(texts), ALIGN[side]
        padded.append([f"{text:{align}{width}}" for text in texts])
    return ["  ".join(line).rstrip() for line in zip(*padded, strict=True)]


def _listed(columns: Sequence[_Column], width: float) -> Iterator[str]:
    headings = [column.heading for column in columns]
    for cells in zip(*(column.cells for column in columns), strict=True):
        yield from _list_of_row(headings, cells, width)


def _list_of_row(headings: Sequence[str], cells: Sequence[str], width: float) -> list[str]:
    """Return a row as a list: the first cell, then the other cells, never split across lines."""
    lines = [""]
    for heading, cell in zip(headings[1:], cells[1:], strict=True):
        part = f"  {heading}: {cell}" if cell else ""
        if lines[-1] and len(lines[-1] + part) > width:
            lines.append(part)
        else:
            lines[-1] += part
    return [cells[0], *filter(None, lines)]
