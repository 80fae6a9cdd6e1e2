"""Options shared by several commands, and the options of ``run``."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from jobrunner.errors import SettingsError

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
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Show what would happen without changing anything.")
]
SessionArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="SESSION",
        help="A session id or its first characters [default: the only session].",
        show_default=False,
    ),
]
LatestSessionArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="SESSION",
        help="A session id or its first characters [default: the latest session].",
        show_default=False,
    ),
]
SessionOption = Annotated[
    str | None,
    typer.Option(
        "--session",
        metavar="ID",
        help="A session id or its first characters [default: the latest session].",
        show_default=False,
    ),
]
InOrder = Annotated[
    bool,
    typer.Option(
        "--in-order",
        help="For each paper, query the sources one after another in the given order.",
    ),
]
PolicyFile = Annotated[
    Path | None,
    typer.Option(
        "--policy",
        metavar="FILE",
        help="A TOML file that ranks sources for consolidated values [default: the session's].",
        show_default=False,
    ),
]


def number_of(
    kind: Callable[[str], int | float], option: str, least: int
) -> Callable[[str], int | float]:
    """Return the parser of a numeric option. It raises SettingsError in our own words."""

    def parse(value: str) -> int | float:
        try:
            number = kind(value)
        except ValueError:
            number = math.nan
        if not least <= number < math.inf:
            whole = "whole " if kind is int else ""
            raise SettingsError(f"{option} {value!r} is not a {whole}number of at least {least}")
        return number

    return parse


Interval = Annotated[
    float | None,
    typer.Option(
        "--checkpoint-interval",
        metavar="MINUTES",
        parser=number_of(float, "--checkpoint-interval", 0),
        help="Minutes between snapshots; 0 writes only the final one [default: 5].",
        show_default=False,
    ),
]
BatchSize = Annotated[
    int | None,
    typer.Option(
        "--batch-size",
        metavar="N",
        parser=number_of(int, "--batch-size", 1),
        help="Maximum number of papers per batch [default: set by each source].",
        show_default=False,
    ),
]
Email = Annotated[
    str | None,
    typer.Option(
        "--email",
        metavar="ADDRESS",
        help="Your e-mail address, sent to the sources as a contact [default: JOBRUNNER_EMAIL].",
        show_default=False,
    ),
]
BaseUrls = Annotated[
    list[str],
    typer.Option(
        "--base-url",
        metavar="NAME=URL",
        help="The base URL of a source [default: JOBRUNNER_<NAME>_BASE_URL]. Repeatable.",
        show_default=False,
    ),
]
Sources = Annotated[
    list[str],
    typer.Option(
        "--source",
        metavar="NAME",
        help="A source to query; `jobrunner sources` lists them. Repeatable.",
        show_default=False,
    ),
]
Budgets = Annotated[
    list[str],
    typer.Option(
        "--budget",
        metavar="NAME=USD",
        help="Maximum total cost of a source, such as openalex=0.50usd. Repeatable.",
        show_default=False,
    ),
]
MaxRequests = Annotated[
    list[str],
    typer.Option(
        "--max-requests",
        metavar="NAME=N",
        help="Maximum total number of requests to a source. Repeatable.",
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

Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="OUT",
        help="Also publish the newest snapshot here [default: only in the session's directory].",
        show_default=False,
    ),
]

InputList = Annotated[
    str,
    typer.Argument(
        metavar="INPUT",
        help="A paper list: a JSON array, an object with `papers`, or JSON Lines; - reads stdin.",
        show_default=False,
    ),
]
ResumeIfAny = Annotated[
    bool, typer.Option("--resume", help="Continue this input's unfinished session, if any.")
]
New = Annotated[
    bool,
    typer.Option("--new", help="Start a new session even if an unfinished one exists."),
]
Strict = Annotated[bool, typer.Option("--strict", help="Stop at the first unusable paper.")]
