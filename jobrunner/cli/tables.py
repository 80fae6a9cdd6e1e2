"""Tables for people: rows under headings, or lists where there is no room for a table."""

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
"""How Python's formats write the sides."""


class Table(NamedTuple):
    """Rows under headings; ``columns`` are (heading, 'left' or 'right').

    The ``spare`` columns are left out where there is no room and they say nothing but zero.
    """

    columns: Sequence[tuple[str, str]]
    rows: Sequence[Sequence[object]]
    spare: Container[str] = ()


class _Column(NamedTuple):
    heading: str
    side: str
    cells: Sequence[str]


def print_message_table(table: Table) -> None:
    """Print a table on standard error; nothing fails because nobody can see it."""
    with contextlib.suppress(OSError):
        typer.echo(_for_stream(table, sys.stderr), err=True)


def print_result_table(table: Table) -> None:
    """Print a table on standard output."""
    write_result(_for_stream(table, sys.stdout))


def _for_stream(table: Table, stream: TextIO) -> str:
    width = os.get_terminal_size(stream.fileno()).columns if stream.isatty() else math.inf
    headings, lines = lay_out(table, width)
    return "\n".join((*(typer.style(heading, bold=True) for heading in headings), *lines))


def lay_out(table: Table, width: float = math.inf) -> tuple[list[str], list[str]]:
    """Return the line of headings and the lines of a table; ``width`` is the most of both.

    A column in which no row says anything is left out. A table that is too wide is a list: there is
    no line of headings, and each row is its first cell with all others, by name, below it.
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
    """Return a row as its first cell and lines of what else it says, no value broken in two."""
    lines = [""]
    for heading, cell in zip(headings[1:], cells[1:], strict=True):
        part = f"  {heading}: {cell}" if cell else ""
        if lines[-1] and len(lines[-1] + part) > width:
            lines.append(part)
        else:
            lines[-1] += part
    return [cells[0], *filter(None, lines)]
