"""``snapshot``: write a snapshot of the enriched papers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jobrunner.cli.console import counted, print_message, print_result
from jobrunner.cli.option_values import policy_in
from jobrunner.cli.options import Db, PolicyFile, SessionArgument
from jobrunner.cli.output_file import announced_output, check_output
from jobrunner.cli.state_database import open_db
from jobrunner.files.path_queries import real_path
from jobrunner.operations.resume import Changes, apply_changes
from jobrunner.operations.select import choose_session
from jobrunner.snapshots import publish, write
from jobrunner.store.lease import take_lease


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(epilog="Example: jobrunner snapshot 20261124-013000-3f9a")(snapshot)


def snapshot(
    context: typer.Context,
    session: SessionArgument = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="OUT", help="Write to this file; allowed during a run."
        ),
    ] = None,
    policy: PolicyFile = None,
    db: Db = None,
) -> None:
    """Write a snapshot of the enriched papers.

    Without --output, the file becomes the session's newest snapshot, and no run may be active.
    --policy recomputes the consolidated view under another policy without new requests: with
    --output for this file only, otherwise permanently.
    """
    database = open_db(context.obj, db)
    chosen = choose_session(database, session)
    rules = policy_in(policy, chosen.options.sources)
    if output is not None:
        check_output(output, database.path, chosen.input_path)
        # A link stays, and its target is replaced, as by a run.
        papers = write.write_copy(database, chosen.id, real_path(output), rules)
        path = output
    else:
        with take_lease(database, chosen.id) as lease:
            apply_changes(database, lease, chosen, Changes(policy=rules))
            place = announced_output(database, chosen, is_named=False)
            row = publish.take_snapshot(database, lease, "asked for", place)
        papers = row.papers
        path = database.path.parent / row.path
    print_message(f"{counted(papers, 'paper')} written")
    print_result(str(path))
