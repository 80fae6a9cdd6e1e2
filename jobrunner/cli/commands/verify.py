"""``verify``: recount and check everything."""

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
    "the database is intact: delete the damaged snapshots, then write a new one with"
    " `jobrunner snapshot SESSION`"
)
"""The hint if only snapshots are damaged or missing."""


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(epilog="Example: jobrunner verify enriched.json")(verify)


def verify(
    context: typer.Context,
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="SESSION|FILE",
            help="A session id or a snapshot file [default: all sessions].",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """Recount and check everything.

    Compares rows with counters and snapshots with checksums, and runs SQLite's own integrity
    check. The exit code is 6 if it finds damage.
    """
    if what is None or not _is_path(what):
        _verify_sessions(open_db(context.obj, db), what, as_json=as_json)
        return
    path = Path(what)
    if not is_file(path):
        raise JobrunnerError(f"{what}: no such file", hint="name a snapshot file or a session")
    problems, papers = verify_file(path)
    fine = counted(papers, "paper")
    _conclude({what: problems}, fine, "use another snapshot", as_json=as_json)


def _is_path(what: str) -> bool:
    """Return whether the argument names a file: session ids contain no slash and no dot."""
    return is_file(Path(what)) or not {"/", "."}.isdisjoint(what)


def _verify_sessions(database: Database, session: str | None, *, as_json: bool) -> None:
    problems, whole = _problems_of(database, session)
    hint = MAKE_AGAIN if whole else GET_BACK
    _conclude(problems, "rows, counters and snapshots agree", hint, as_json=as_json)


def _problems_of(database: Database, session: str | None) -> tuple[dict[str, list[str]], bool]:
    """Return the problems by session, and whether the database itself is intact."""
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
