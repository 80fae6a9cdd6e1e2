"""The entry point of the command line, and the one place where errors become messages."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from typing import Annotated, NoReturn

import typer

from jobrunner import __version__
from jobrunner.cli.command_context import CommandContext
from jobrunner.cli.command_group import CommandGroup, show_commands
from jobrunner.cli.console import forgive_encodings, print_error
from jobrunner.errors import GET_BACK, DamageFound, ExitCode, JobrunnerError
from jobrunner.files.system_errors import unexpected, user_error_of

app = typer.Typer(
    name="jobrunner",
    cls=CommandGroup,
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Enrich lists of scholarly papers from bibliographic sources.\n\n"
    "A run can be killed at any time: `jobrunner resume` continues from the last committed batch.",
    epilog="To see it work: jobrunner demo",
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
    """Declare the options of the program itself."""
    show_commands(context)


def _are_text(arguments: list[str]) -> bool:
    """Return whether all arguments are valid UTF-8, as the database and the terminal need."""
    try:
        "".join(arguments).encode()
    except UnicodeEncodeError:  # Python decodes an invalid byte to a lone surrogate
        return False
    return True


def _working_directory() -> str:
    try:
        return os.getcwd()  # noqa: PTH109 - a path is made of this text
    except OSError:  # it was deleted; each command says what it cannot find
        return ""


def _note_unraisable(unraisable: sys.UnraisableHookArgs) -> None:
    """Log an error that Python cannot raise, such as one in a finalizer, instead of printing it."""
    with contextlib.suppress(MemoryError):
        logging.getLogger("jobrunner").info("ignored: %r", unraisable.exc_value)


def _run(context: CommandContext) -> None:
    try:
        app(prog_name="jobrunner", obj=context)
    except (JobrunnerError, OSError, MemoryError):
        raise
    except Exception as error:
        # Rows are not validated again when they are read, so an unexpected error may mean damage.
        damage = context.find_damage()
        if damage is None:
            raise
        raise DamageFound(damage, hint=GET_BACK) from error


def _end(error: Exception, context: CommandContext) -> NoReturn:
    """End the program with the message and the exit code of an error."""
    message = user_error_of(error) or JobrunnerError(
        unexpected(error),
        hint="this is a bug: report it with the traceback that JOBRUNNER_DEBUG=1 prints",
    )
    # Its frames keep objects alive, and after a MemoryError the message needs that memory.
    error.__traceback__ = None
    hint = context.complete_commands(message.hint) if message.hint else None
    print_error(str(message), hint)
    sys.exit(message.exit_code)


def main() -> None:
    """Run the command line. Errors that a user can act on become one line and an exit code."""
    forgive_encodings()
    if not _are_text(sys.argv):
        print_error("an argument is not valid UTF-8", "rename the file or correct the argument")
        sys.exit(ExitCode.USAGE)
    if not _are_text([_working_directory()]):
        print_error("the name of the working directory is not valid UTF-8", "rename it")
        sys.exit(ExitCode.USAGE)
    debugging = bool(os.environ.get("JOBRUNNER_DEBUG"))
    if not debugging:
        sys.unraisablehook = _note_unraisable
        logging.raiseExceptions = False
    context = CommandContext()
    try:
        with context:
            _run(context)
    except SystemExit as ended:
        if ended.code == ExitCode.INTERRUPTED:  # on Ctrl-C typer exits without a message
            print_error("interrupted", "committed batches are safe: run the command again")
        raise
    except Exception as error:
        if debugging and not isinstance(error, JobrunnerError):
            raise
        _end(error, context)
