"""``retry``: retry papers that failed or were not found."""

from __future__ import annotations

from typing import Annotated

import typer

from jobrunner.cli.console import counted
from jobrunner.cli.json_output import print_json_or_lines
from jobrunner.cli.options import (
    AsJson,
    BaseUrls,
    Budgets,
    Db,
    DryRun,
    Email,
    MaxRequests,
    MaxTime,
    Output,
    Sources,
)
from jobrunner.cli.session_run import Start, changes_of
from jobrunner.cli.state_database import open_db
from jobrunner.models import Outcome
from jobrunner.operations.retry import Retried, Retries, count_retried
from jobrunner.operations.select import choose_session


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(epilog="Example: jobrunner retry 20261124-013000-3f9a --failed")(retry)


def retry(
    context: typer.Context,
    session: Annotated[str, typer.Argument(metavar="SESSION", help="A session's id.")],
    failed: Annotated[bool, typer.Option("--failed", help="Retry failed papers.")] = False,
    not_found: Annotated[
        bool, typer.Option("--not-found", help="Retry papers that were not found.")
    ] = False,
    source: Sources = [],
    dry_run: DryRun = False,
    output: Output = None,
    max_time: MaxTime = None,
    budget: Budgets = [],
    max_requests: MaxRequests = [],
    email: Email = None,
    base_url: BaseUrls = [],
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """Retry failed papers.

    With --not-found, the command retries the papers that were not found. The earlier answers stay
    in the database.
    """
    start = Start(context.obj, email, base_url, max_time, as_json=as_json)
    database = open_db(context.obj, db)
    chosen = choose_session(database, session)
    outcomes = [Outcome.NOT_FOUND] if not_found else []
    if failed or not not_found:
        outcomes.append(Outcome.FAILED)
    retries = Retries(outcomes=tuple(outcomes), sources=tuple(source))
    if dry_run:
        counts = count_retried(database, chosen, retries)
        print_json_or_lines(counts, map(_line, counts), as_json=as_json)
        return
    start.check(chosen.options.sources, output, database.path, chosen.input_path)
    # Here --source only selects what to retry; the session keeps its sources.
    changes = changes_of(start, [], output, None, None, budget, max_requests, None)
    start.go_on(database, chosen, changes, retries=retries)


def _line(count: Retried) -> str:
    what = f"{counted(count.papers, 'paper')} ({count.outcome.value.replace('_', ' ')})"
    return f"{count.source}: would retry {what}"
