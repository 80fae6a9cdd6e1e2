"""``verify``: everything is counted again and checked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jobrunner.cli.console import counted, fact, print_json
from jobrunner.cli.options import AsJson, Db, open_db
from jobrunner.errors import GET_BACK, DamageFound, JobrunnerError
from jobrunner.files.path_queries import is_file

MAKE_AGAIN = (
    "the database is whole: delete what is damaged of the snapshots, then make a new one with"
    " `jobrunner snapshot SESSION`"
)
"""What to do about damaged or missing snapshots alone."""


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(epilog="Example: jobrunner verify enriched.json")(verify)


def verify(
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="SESSION|FILE",
            help="A session's id, or a snapshot file [default: all sessions].",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """Recount and check everything.

    Rows against counters, snapshots against checksums, the database by SQLite's own check. Exit
    code 6 if anything is wrong.
    """
    from jobrunner.operations.verify import verify_file

    if what is not None and is_file(Path(what)):
        problems, papers = verify_file(Path(what))
        _conclude(
            {what: problems}, counted(papers, "paper"), "use another snapshot", as_json=as_json
        )
    elif what is not None and not {"/", "."}.isdisjoint(what):  # no session's id has these
        raise JobrunnerError(f"{what}: no such file", hint="name a snapshot's file, or a session")
    else:
        _verify_sessions(what, db, as_json=as_json)


def _verify_sessions(session: str | None, db: Path | None, *, as_json: bool) -> None:
    from jobrunner.operations.verify import verify_all

    found: dict[str, list[str]] = {}
    whole = True
    for name, report in verify_all(open_db(db), session):
        found.setdefault(name, []).extend(report.problems)
        whole = whole and not report.rows
    hint = MAKE_AGAIN if whole else GET_BACK
    _conclude(found, "rows, counters and snapshots agree", hint, as_json=as_json)


def _conclude(found: dict[str, list[str]], fine: str, hint: str, *, as_json: bool) -> None:
    wrong = sum(len(problems) for problems in found.values())
    if as_json:
        print_json({"ok": not wrong, "problems": found})
    else:
        for name, problems in found.items():
            for line in problems or [f"ok, {fine}"]:
                fact(f"{name}: {line}")
    if wrong:
        count = "1 problem" if wrong == 1 else f"{wrong} problems"
        raise DamageFound(f"{count} found", hint=hint)
