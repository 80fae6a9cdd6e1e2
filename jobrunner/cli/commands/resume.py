"""``resume``: continue an unfinished session."""

from __future__ import annotations

from typing import Annotated

import typer

from jobrunner.cli.address_check import address_sentences, refusals
from jobrunner.cli.json_output import print_json_or_lines
from jobrunner.cli.options import (
    AsJson,
    BaseUrls,
    BatchSize,
    Budgets,
    Db,
    Email,
    Interval,
    MaxRequests,
    MaxTime,
    Output,
    PolicyFile,
    SessionArgument,
    Sources,
)
from jobrunner.cli.session_run import Start, changes_of
from jobrunner.cli.state_database import open_db
from jobrunner.operations import resume as operation
from jobrunner.operations.select import choose_session


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(epilog="Example: jobrunner resume --explain")(resume)


def resume(
    context: typer.Context,
    session: SessionArgument = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show what would be done and why, without doing it.")
    ] = False,
    update_input: Annotated[
        bool, typer.Option("--update-input", help="Add new papers from the input file.")
    ] = False,
    source: Sources = [],
    output: Output = None,
    batch_size: BatchSize = None,
    checkpoint_interval: Interval = None,
    allow_changes: Annotated[
        bool, typer.Option("--allow-changes", help="Continue even if results would change.")
    ] = False,
    max_time: MaxTime = None,
    budget: Budgets = [],
    max_requests: MaxRequests = [],
    policy: PolicyFile = None,
    email: Email = None,
    base_url: BaseUrls = [],
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """Continue an unfinished session.

    The run continues from the last committed batch and does not need the input file. --source
    replaces the session's sources: new ones are added, the others are dropped, and their results
    stay.
    """
    start = Start(context.obj, email, base_url, max_time, as_json=as_json)
    database = open_db(context.obj, db)
    chosen = choose_session(database, session, unfinished=True)
    names = tuple(dict.fromkeys(source))
    start.check(names or chosen.options.sources, output, database.path, chosen.input_path)
    if explain:
        steps = operation.explain(database, chosen, names, update_input=update_input)
        asked = names or chosen.options.sources
        steps += address_sentences(start.settings, asked, chosen)
        steps += refusals(start.settings, asked, chosen)
        print_json_or_lines(steps, steps, as_json=as_json)
        return
    changes = changes_of(
        start, source, output, batch_size, checkpoint_interval, budget, max_requests, policy
    )
    start.go_on(database, chosen, changes, update_input=update_input, allow_changes=allow_changes)
