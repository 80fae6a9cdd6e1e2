"""Options that several commands share, and those of ``run``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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

InputList = Annotated[
    str,
    typer.Argument(
        metavar="INPUT",
        help="A paper list: JSON, an object with `papers`, or JSON Lines; - is standard input.",
        show_default=False,
    ),
]
ResumeIfAny = Annotated[
    bool, typer.Option("--resume", help="Go on with this input's unfinished session, if any.")
]
New = Annotated[bool, typer.Option("--new", help="Start afresh, even if a session is unfinished.")]
Strict = Annotated[bool, typer.Option("--strict", help="Stop at a paper that cannot be used.")]
