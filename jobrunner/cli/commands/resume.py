"""``resume``: an unfinished session goes on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jobrunner.cli.console import fact, print_json
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
    budgets_of,
    max_requests_of,
    open_db,
    policy_in,
)
from jobrunner.cli.session_run import Start, go_on

if TYPE_CHECKING:
    from jobrunner.operations.resume import Changes


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(epilog="Example: jobrunner resume --explain")(resume)


def changes_of(
    start: Start,
    source: list[str],
    output: Path | None,
    batch_size: int | None,
    checkpoint_interval: float | None,
    budget: list[str],
    max_requests: list[str],
    policy: Path | None,
) -> Changes:
    """Return what the options of a command change of a session that exists."""
    from jobrunner.operations.resume import Changes

    return Changes(
        sources=tuple(dict.fromkeys(source)) or None,
        output=output,
        batch_size=batch_size,
        checkpoint_interval=checkpoint_interval,
        base_urls=start.settings.base_urls,
        budgets=budgets_of(budget),
        max_requests=max_requests_of(max_requests),
        policy=policy_in(policy),
    )


def resume(
    session: SessionArgument = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say what would be done and why; do nothing.")
    ] = False,
    update_input: Annotated[
        bool, typer.Option("--update-input", help="Add papers that are new in the input file.")
    ] = False,
    source: Sources = [],
    output: Output = None,
    batch_size: BatchSize = None,
    checkpoint_interval: Interval = None,
    allow_changes: Annotated[
        bool, typer.Option("--allow-changes", help="Go on even if results would change.")
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
    """Go on with an unfinished session.

    It goes on after the last committed batch. The input file is not needed any more. With --source
    the session's sources become those named: new ones are added, others dropped (what they found
    stays).
    """
    from jobrunner.operations import resume as resuming
    from jobrunner.operations.select import choose_session

    start = Start(email, base_url, max_time, as_json=as_json)
    database = open_db(db)
    chosen = choose_session(database, session, unfinished=True)
    names = tuple(dict.fromkeys(source))
    path = Path(chosen.input_path) if chosen.input_path else None
    start.check(names or chosen.options.sources, output, database.path, path)
    if explain:
        said = resuming.explain(database, chosen, names, update_input=update_input)
        if as_json:
            print_json(said)
        for line in () if as_json else said:
            fact(line)
        return
    changes = changes_of(
        start, source, output, batch_size, checkpoint_interval, budget, max_requests, policy
    )
    go_on(database, chosen, start, changes, update_input=update_input, allow_changes=allow_changes)
