"""The command ``jobrunner``: its commands, and the one place where errors become messages."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from typing import Annotated

import typer

from jobrunner import __version__
from jobrunner.cli.commands import (
    db,
    demo,
    doctor,
    duplicates,
    explain,
    plan,
    restore,
    resume,
    retry,
    review,
    run,
    sessions,
    snapshot,
    sources,
    status,
    verify,
)
from jobrunner.cli.console import forgive_encodings, print_error
from jobrunner.cli.options import damage_found, opened, show_commands
from jobrunner.errors import GET_BACK, DamageFound, ExitCode, JobrunnerError
from jobrunner.system_errors import unexpected, user_error_of

app = typer.Typer(
    name="jobrunner",
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Enrich lists of scholarly papers from bibliographic sources, resumably.\n\n"
    "A run can be killed at any moment: `jobrunner resume` goes on from the last committed batch.",
    epilog="Begin with: jobrunner demo",
)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"jobrunner {__version__}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    _version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Hold the options of the program itself."""
    show_commands(context)


for command in (
    run,
    resume,
    retry,
    status,
    plan,
    duplicates,
    explain,
    review,
    snapshot,
    verify,
    restore,
    sessions,
    sources,
    db,
    doctor,
    demo,
):
    command.register(app)


def _is_text(argument: str) -> bool:
    """Tell whether a database and a terminal can hold an argument."""
    return not any("\ud800" <= character <= "\udfff" for character in argument)


def _note_unraisable(unraisable: sys.UnraisableHookArgs) -> None:
    """Note an error that Python had to ignore, such as one while cleaning up, in the log alone."""
    with contextlib.suppress(MemoryError):
        logging.getLogger("jobrunner").info("ignored: %r", unraisable.exc_value)


def _run() -> None:
    try:
        app(prog_name="jobrunner")
    except (JobrunnerError, OSError, MemoryError):
        raise
    except Exception as error:
        if (damage := damage_found()) is not None:  # the program trusts what it has written
            raise DamageFound(damage, hint=GET_BACK) from error
        raise


def main() -> None:
    """Run the command line; errors that a user can act on are one line and an exit code."""
    forgive_encodings()
    if not all(_is_text(argument) for argument in sys.argv):
        print_error("an argument is not UTF-8 text", "rename the file, or correct the argument")
        sys.exit(ExitCode.USAGE)
    if not os.environ.get("JOBRUNNER_DEBUG"):
        sys.unraisablehook = _note_unraisable
        logging.raiseExceptions = False
    try:
        with opened:
            _run()
    except SystemExit as ended:
        if ended.code == ExitCode.INTERRUPTED:  # so Typer ends at an interrupt, without a word
            print_error("interrupted", "nothing that is committed is lost: give the command again")
        raise
    except Exception as error:
        if os.environ.get("JOBRUNNER_DEBUG") and not isinstance(error, JobrunnerError):
            raise
        failure = user_error_of(error) or JobrunnerError(
            unexpected(error),
            hint="this is a bug: please report it with the traceback that JOBRUNNER_DEBUG=1 shows",
        )
        error.__traceback__ = None  # frees what its frames hold
        print_error(str(failure), failure.hint)
        sys.exit(failure.exit_code)
