"""What users see: facts on standard output, talk on standard error; no colour when piped."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shlex
import sys
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TextIO

import typer

from jobrunner.errors import FileError
from jobrunner.system_errors import remedy

if TYPE_CHECKING:
    from rich.console import Console

database: Path | None = None
"""The database named with --db: commands that are shown name it too."""

_COMMAND = re.compile(r"`(jobrunner [^`]+)`")

_drawing: list[Console] = []
"""Where a picture is drawn over its last state: a line written past it would be drawn over too."""


def say(text: str) -> None:
    """Print a line of talk on standard error; nothing fails because nobody can hear it.

    While a picture is drawn, the line is put above it and stays.
    """
    with contextlib.suppress(OSError):
        if _drawing:
            from rich.text import Text

            _drawing[-1].print(Text(plain(text)), soft_wrap=True)
        else:
            typer.echo(plain(text), err=True)


class Table(NamedTuple):
    """Rows under headings; ``columns`` are (heading, 'left' or 'right').

    The ``spare`` columns are left out where there is no room and they say nothing but zero.
    """

    columns: Sequence[tuple[str, str]]
    rows: Sequence[Sequence[object]]
    spare: Container[str] = ()


def show_talk(table: Table) -> None:
    """Print a table on standard error as :func:`say` does."""
    with contextlib.suppress(OSError):
        typer.echo(_shown(table, sys.stderr), err=True)


def show_fact(table: Table) -> None:
    """Print a table on standard output."""
    _write(_shown(table, sys.stdout))


def _shown(table: Table, stream: TextIO) -> str:
    width = os.get_terminal_size(stream.fileno()).columns if stream.isatty() else 0
    headings, lines = laid_out(table, width)
    return "\n".join((*(typer.style(heading, bold=True) for heading in headings), *lines))


def drop_output() -> None:
    """Forget what standard output did not take: at the exit it would fail once more."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def fact(text: str) -> None:
    """Print a line of data on standard output."""
    _write(plain(text))


def print_json(value: object) -> None:
    """Print a value as JSON on standard output."""
    import msgspec

    encoded = msgspec.json.encode(value)
    _write(_UNUSUAL.sub(_escaped, msgspec.json.format(encoded, indent=2).decode()))


_UNUSUAL = re.compile("[^\n -~]")


def _escaped(found: re.Match[str]) -> str:
    """Return a character of a JSON text as a terminal may be given it, the value as it was."""
    character = found[0]
    try:
        character.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return json.dumps(character)[1:-1]
    return character if character.isprintable() else json.dumps(character)[1:-1]


def forgive_encodings() -> None:
    """Let letters that a terminal does not know be replaced: they are no reason to fail."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _write(text: str) -> None:
    try:
        typer.echo(text)
    except BrokenPipeError:
        raise
    except OSError as error:
        drop_output()
        raise FileError(
            f"standard output cannot be written: {error.strerror}", hint=remedy(error)
        ) from error


def print_error(message: str, hint: str | None) -> None:
    """Print one line that says what is wrong, and one that says what to do next."""
    with contextlib.suppress(OSError):
        typer.secho(f"error: {plain(message)}", fg="red", err=True)
    if hint:
        say(f"  {with_database(hint)}")


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: 1 paper, 2 papers."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def command(line: str) -> str:
    """Return a command to be typed, with --db if this one was given it."""
    if database is None or "--db" in line:
        return line
    return f"{line} --db {shlex.quote(str(database))}"


def with_database(text: str) -> str:
    """Complete the commands in a text."""
    return _COMMAND.sub(lambda found: f"`{command(found[1])}`", text)


def plain(text: str) -> str:
    """Return one printable line: nothing in data may steer a terminal."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else "\ufffd" for c in " ".join(text.split()))


def laid_out(table: Table, width: int = 0) -> tuple[list[str], list[str]]:
    """Return the line of headings and the lines of a table; ``width`` 0 for no limit to them.

    A column in which no row says anything is left out. A table that is too wide is a list: there is
    no line of headings, and each row is its first cell with all others, by name, below it.
    """
    columns = [
        (heading, side, [plain(str(row[place])) for row in table.rows])
        for place, (heading, side) in enumerate(table.columns)
    ]
    full = [column for column in columns if any(column[2])]
    short = [
        column for column in full if column[0] not in table.spare or set(column[2]) - {"", "0"}
    ]
    for chosen in (full, short):
        lines = _aligned(chosen)
        if not width or max(map(len, lines), default=0) <= width:
            return lines[:1], lines[1:]
    headings = [heading for heading, _, _ in full]
    rows = zip(*(cells for _, _, cells in full), strict=True)
    return [], [line for row in rows for line in _listed(headings, row, width)]


def _aligned(columns: Sequence[tuple[str, str, list[str]]]) -> list[str]:
    padded = []
    for heading, side, cells in columns:
        width = max(map(len, (heading, *cells)))
        pad = str.ljust if side == "left" else str.rjust
        padded.append([pad(cell, width) for cell in (heading, *cells)])
    return ["  ".join(line).rstrip() for line in zip(*padded, strict=True)]


def _listed(headings: Sequence[str], cells: Sequence[str], width: int) -> list[str]:
    """Return a row as its first cell and lines of what else it says, no value broken in two."""
    lines = [""]
    for heading, cell in zip(headings[1:], cells[1:], strict=True):
        said = f"  {heading}: {cell}" if cell else ""
        if lines[-1] and len(lines[-1] + said) > width:
            lines.append(said)
        else:
            lines[-1] += said
    return [cells[0], *filter(None, lines)]


@contextlib.contextmanager
def picture(*, err: bool) -> Iterator[Callable[[Iterable[str | Table]], None]]:
    """Yield what draws lines over those that it drew before; at the end they are wiped off.

    The cursor is left on a line of its own below them. There the terminal shows the ^C of a user,
    and what another program says of one that was killed.
    """
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console(stderr=err)

    def draw(parts: Iterable[str | Table]) -> None:
        lines = []
        for part in parts:
            if isinstance(part, str):
                lines.append(plain(part))
            else:
                headings, rows = laid_out(part, console.width)
                lines += headings + rows
        live.update(Text("\n".join([*lines, ""])), refresh=True)  # no text is markup

    with Live(console=console, transient=True, auto_refresh=False) as live:
        _drawing.append(console)
        try:
            yield draw
        finally:
            _drawing.remove(console)
