"""Console output: results go to stdout, messages to stderr."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from pathlib import Path

import typer

from jobrunner.errors import FileError
from jobrunner.files.system_errors import remedy


def print_message(text: str) -> None:
    """Print a line to stderr. A closed or full stderr is ignored."""
    with contextlib.suppress(OSError):
        typer.echo(plain(text), err=True)


def print_result(text: str) -> None:
    """Print a line of data to stdout."""
    write_result(plain(text))


def print_error(message: str, hint: str | None) -> None:
    """Print what went wrong on one line and what to do next on another."""
    with contextlib.suppress(OSError):
        typer.secho(f"error: {plain(message)}", fg="red", err=True)
    if hint:
        print_message(f"  {hint}")


def write_result(text: str) -> None:
    """Write a text to stdout unchanged.

    Raises FileError if stdout cannot be written, BrokenPipeError if its reader is gone.
    """
    try:
        typer.echo(text)
    except BrokenPipeError:
        raise
    except OSError as error:
        drop_output()
        raise FileError(
            f"cannot write to standard output: {error.strerror}", hint=remedy(error)
        ) from error


def drop_output() -> None:
    """Discard the unwritten part of stdout, or Python would fail again when it flushes at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def forgive_encodings() -> None:
    """Replace characters that the terminal's encoding lacks instead of failing on them."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: 1 paper, 2 papers."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def input_name(path: str | Path | None) -> str:
    """Return the name of an input for messages."""
    return "standard input" if path is None else str(path)


def plain(text: str) -> str:
    """Return one printable line. Control characters in data must not reach the terminal."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else "\ufffd" for c in " ".join(text.split()))
