"""Hints after a run that did not end well: what the user can do next."""

from __future__ import annotations

from jobrunner.cli.console import print_message
from jobrunner.errors import FileError, JobrunnerError, KeyRefused, SourceStopped, StoreError
from jobrunner.settings.settings import variable
from jobrunner.store.rows import SessionRow


def add_next_command(error: JobrunnerError, session: SessionRow) -> None:
    """Add `jobrunner resume` to the hint of an error after which the session can continue."""
    hint = error.hint or "find the cause"
    resumable = isinstance(error, StoreError | FileError) or type(error) is JobrunnerError
    if resumable and "`jobrunner resume" not in hint:
        resume = f"then run `jobrunner resume {session.id}`: committed batches are safe"
        error.hint = f"{hint}, {resume}"


def print_hint(source: str, error: SourceStopped) -> None:
    """Print what helps a source that stopped."""
    if isinstance(error, KeyRefused):
        key = variable(source, "API_KEY")
        print_message(f"  check the key in {key} or in the configuration file")
    elif error.hint:
        print_message(f"  {error.hint}")
