"""``verify``: everything is counted again and checked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jobrunner.cli.console import counted
from jobrunner.cli.json_output import print_json_or_lines
from jobrunner.cli.options import AsJson, Db
from jobrunner.cli.state_database import open_db
from jobrunner.errors import GET_BACK, DamageFound, JobrunnerError
from jobrunner.files.path_queries import is_file
from jobrunner.operations.verify import verify_all, verify_file
from jobrunner.store.database import Database

MAKE_AGAIN = (
    "the database is whole: delete what is damaged of the snapshots, then make a new one with"
    " `jobrunner snapshot SESSION`"
)
"""What to do about damaged or missing snapshots alone."""


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(epilog="Example: jobrunner verify enriched.json")(verify)


def verify(
    context: typer.Context,
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
    if what is None or not _is_path(what):
        _verify_sessions(open_db(context.obj, db), what, as_json=as_json)
        return
    path = Path(what)
    if not is_file(path):
        raise JobrunnerError(f"{what}: no such file", hint="name a snapshot's file, or a session")
    problems, papers = verify_file(path)
    fine = counted(papers, "paper")
    _conclude({what: problems}, fine, "use another snapshot", as_json=as_json)


def _is_path(what: str) -> bool:
    """Tell whether a file is meant: no session's id has a slash or a dot."""
    return is_file(Path(what)) or not {"/", "."}.isdisjoint(what)


def _verify_sessions(database: Database, session: str | None, *, as_json: bool) -> None:
    problems, whole = _problems_of(database, session)
    hint = MAKE_AGAIN if whole else GET_BACK
    _conclude(problems, "rows, counters and snapshots agree", hint, as_json=as_json)


def _problems_of(database: Database, session: str | None) -> tuple[dict[str, list[str]], bool]:
    """Return what is wrong, by session, and whether all of the database itself is whole."""
    problems: dict[str, list[str]] = {}
    whole = True
    for name, report in verify_all(database, session):
        problems.setdefault(name, []).extend(report.problems)
        whole = whole and not report.rows
    return problems, whole


def _conclude(problems: dict[str, list[str]], fine: str, hint: str, *, as_json: bool) -> None:
    count = sum(map(len, problems.values()))
    lines = (
        f"{name}: {problem}"
        for name, of_one in problems.items()
        for problem in of_one or [f"ok, {fine}"]
    )
    print_json_or_lines({"ok": not count, "problems": problems}, lines, as_json=as_json)
    if count:
        raise DamageFound(f"{counted(count, 'problem')} found", hint=hint)
