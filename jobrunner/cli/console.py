"""What users see: results on standard output, messages on standard error."""

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
    """Print a line on standard error; nothing fails because nobody can see it."""
    with contextlib.suppress(OSError):
        typer.echo(plain(text), err=True)


def print_result(text: str) -> None:
    """Print a line of data on standard output."""
    write_result(plain(text))


def print_error(message: str, hint: str | None) -> None:
    """Print one line that says what is wrong, and one that says what to do next."""
    with contextlib.suppress(OSError):
        typer.secho(f"error: {plain(message)}", fg="red", err=True)
    if hint:
        print_message(f"  {hint}")


def write_result(text: str) -> None:
    """Write a text on standard output as it is; raise FileError if that cannot take it."""
    try:
        typer.echo(text)
    except BrokenPipeError:
        raise
    except OSError as error:
        drop_output()
        raise FileError(
            f"standard output cannot be written: {error.strerror}", hint=remedy(error)
        ) from error


def drop_output() -> None:
    """Forget what standard output did not take: at the exit it would fail once more."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def forgive_encodings() -> None:
    """Let letters that a terminal does not know be replaced: they are no reason to fail."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: 1 paper, 2 papers."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def input_name(path: str | Path | None) -> str:
    """Return what an input is called in messages."""
    return "standard input" if path is None else str(path)


def plain(text: str) -> str:
    """Return one printable line: nothing in data may steer a terminal."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else "\ufffd" for c in " ".join(text.split()))
