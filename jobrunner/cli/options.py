"""Options that several commands share, and how their values are read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jobrunner.errors import SettingsError

if TYPE_CHECKING:
    from jobrunner.consolidation.policy import Policy
    from jobrunner.store.database import Database

Db = Annotated[
    Path | None,
    typer.Option(
        "--db",
        metavar="PATH",
        help="The state database [default: JOBRUNNER_DB, or .jobrunner/state.db].",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done, do nothing.")]
SessionArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="SESSION",
        help="A session's id, or its beginning [default: the only one].",
        show_default=False,
    ),
]
SessionOption = Annotated[
    str | None,
    typer.Option(
        "--session",
        metavar="ID",
        help="A session's id, or its beginning [default: the latest one].",
        show_default=False,
    ),
]
InOrder = Annotated[
    bool,
    typer.Option(
        "--in-order",
        help="Let each source wait, paper by paper, for those named before it.",
    ),
]
PolicyFile = Annotated[
    Path | None,
    typer.Option(
        "--policy",
        metavar="FILE",
        help="Whose values the consolidated view takes, in TOML [default: the session's].",
        show_default=False,
    ),
]
Interval = Annotated[
    float | None,
    typer.Option(
        "--checkpoint-interval",
        metavar="MINUTES",
        min=0,
        help="Minutes between snapshots, 0 for none but the last [default: 5].",
        show_default=False,
    ),
]
BatchSize = Annotated[
    int | None,
    typer.Option(
        "--batch-size",
        min=1,
        help="Most papers of one batch [default: each source's own].",
        show_default=False,
    ),
]
Email = Annotated[
    str | None,
    typer.Option(
        "--email",
        metavar="ADDRESS",
        help="Told to the sources, so that they can reach you [default: JOBRUNNER_EMAIL].",
        show_default=False,
    ),
]
BaseUrls = Annotated[
    list[str],
    typer.Option(
        "--base-url",
        metavar="NAME=URL",
        help="Ask a source at another address [default: JOBRUNNER_<NAME>_BASE_URL]. Repeatable.",
        show_default=False,
    ),
]
Sources = Annotated[
    list[str],
    typer.Option(
        "--source",
        metavar="NAME",
        help="A source to ask; repeatable. `jobrunner sources` lists them.",
        show_default=False,
    ),
]
Budgets = Annotated[
    list[str],
    typer.Option(
        "--budget",
        metavar="NAME=USD",
        help="The most that a source may cost in all, such as openalex=0.50usd. Repeatable.",
        show_default=False,
    ),
]
MaxRequests = Annotated[
    list[str],
    typer.Option(
        "--max-requests",
        metavar="NAME=N",
        help="The most requests that a source may be sent in all. Repeatable.",
        show_default=False,
    ),
]
MaxTime = Annotated[
    str | None,
    typer.Option(
        "--max-time",
        metavar="TIME",
        help="Stop gracefully after this time, such as 90s, 30m or 1h30m.",
        show_default=False,
    ),
]

_TIME = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s?)?")


_AMOUNT = re.compile(r"\$?(\d+(?:\.\d+)?)(?:usd)?", re.IGNORECASE)


def budgets_of(options: list[str]) -> dict[str, int]:
    """Return micro-USD by source for options such as openalex=0.50usd."""
    return {name: round(1e6 * amount) for name, amount in _amounts("--budget", options)}


def max_requests_of(options: list[str]) -> dict[str, int]:
    """Return numbers of requests by source for options such as openalex=1000."""
    return {name: int(amount) for name, amount in _amounts("--max-requests", options)}


def _amounts(option: str, values: list[str]) -> Iterator[tuple[str, float]]:
    """Yield names and numbers; a limit for a source that there is not would limit nothing."""
    from jobrunner.sources.registry import available

    known = available()
    for value in values:
        name, _, amount = value.partition("=")
        match = _AMOUNT.fullmatch(amount.strip())
        if not name or match is None:
            raise SettingsError(f"{option} {value!r} is not of the form NAME=NUMBER")
        if name not in known:
            names = ", ".join(known)
            raise SettingsError(f"{option} names an unknown source {name!r}; known: {names}")
        yield name, float(match[1])


def seconds_of(time: str | None) -> float | None:
    """Return the seconds of a time such as 90, 90s, 30m or 1h30m; None for None."""
    if time is None:
        return None
    match = _TIME.fullmatch(time.strip().lower())
    parts = [float(part or 0) for part in match.groups()] if match else []
    if not any(parts):
        raise SettingsError(f"{time!r} is not a time", hint="write it as 90s, 30m or 1h30m")
    hours, minutes, seconds = parts
    return 3600 * hours + 60 * minutes + seconds


def policy_in(path: Path | None, asked: Iterable[str] = ()) -> Policy | None:
    """Return the policy in a file, None for no file.

    It may name the sources that are installed, and those that a session has ``asked``.
    """
    from jobrunner.consolidation.policy import read_policy
    from jobrunner.sources.registry import available

    return read_policy(path, {*available(), *asked}) if path else None


opened = ExitStack()
"""Closes the databases that a command opened, when the command ends."""


_databases: list[Database] = []


def damage_found() -> str | None:
    """Return what is wrong with the databases that the command has opened, None if nothing is."""
    from jobrunner.operations.verify import verify_all

    problems: list[str] = []
    for database in _databases:
        with suppress(Exception):  # the error that made us look is the one to be told
            for _, report in verify_all(database):
                problems += report.problems
    return f"the database is damaged: {'; '.join(problems[:3])}" if problems else None


def open_db(path: Path | None, *, create: bool = False) -> Database:
    """Open the state database that is named, or the default one."""
    from jobrunner.cli import console
    from jobrunner.store.database import default_path, open_database

    console.database = path
    database = open_database(path or default_path(), create=create)
    opened.callback(database.close)
    opened.callback(_databases.clear)
    _databases.append(database)
    return database


def show_commands(context: typer.Context) -> None:
    """Show the help of a group that is called without one of its commands: a usage error."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(2)


Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="OUT",
        help="Also keep the newest snapshot here [default: only under the database].",
        show_default=False,
    ),
]
