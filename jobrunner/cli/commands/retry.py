"""``retry``: papers that failed, or were not found, are asked about again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jobrunner.cli.commands.resume import changes_of
from jobrunner.cli.console import counted, fact, print_json
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
    open_db,
)
from jobrunner.cli.session_run import Start, go_on


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(epilog="Example: jobrunner retry 20261124-013000-3f9a --failed")(retry)


def retry(
    session: Annotated[str, typer.Argument(metavar="SESSION", help="A session's id.")],
    failed: Annotated[
        bool, typer.Option("--failed", help="Ask again about failed papers.")
    ] = False,
    not_found: Annotated[
        bool, typer.Option("--not-found", help="Ask again about papers that were not found.")
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
    """Ask again about papers that failed.

    Or, with --not-found, about those that were not found. What the sources had said of them is
    kept in the database.
    """
    from jobrunner.models import Outcome
    from jobrunner.operations import retry as retrying
    from jobrunner.operations.select import choose_session

    start = Start(email, base_url, max_time, as_json=as_json)
    database = open_db(db)
    chosen = choose_session(database, session)
    outcomes = [Outcome.NOT_FOUND] if not_found else []
    if failed or not not_found:
        outcomes.append(Outcome.FAILED)
    retries = retrying.Retries(outcomes=tuple(outcomes), sources=tuple(source))
    if dry_run:
        counts = retrying.count_retried(database, chosen, retries)
        if as_json:
            print_json(counts)
        for one in () if as_json else counts:
            what = f"{counted(one.papers, 'paper')} ({one.outcome.value.replace('_', ' ')})"
            fact(f"{one.source}: {what} would be asked about again")
        return
    path = Path(chosen.input_path) if chosen.input_path else None
    start.check(chosen.options.sources, output, database.path, path)
    changes = changes_of(start, [], output, None, None, budget, max_requests, None)
    go_on(database, chosen, start, changes, retries=retries)
