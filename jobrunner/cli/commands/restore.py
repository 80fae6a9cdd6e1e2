"""``restore``: restore a session from a snapshot."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jobrunner.cli.console import counted, print_message, print_result
from jobrunner.cli.options import Db
from jobrunner.cli.state_database import open_db
from jobrunner.errors import JobrunnerError
from jobrunner.files.path_queries import is_directory, is_file
from jobrunner.operations import restore as operation
from jobrunner.settings.addresses import naming_option
from jobrunner.store.progress import read_progress


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(epilog="Example: jobrunner restore .jobrunner/SESSION --db new/state.db")(restore)


def restore(
    context: typer.Context,
    snapshot_: Annotated[
        Path,
        typer.Argument(
            metavar="SNAPSHOT",
            help="A snapshot file with its .sha256 file next to it, or a session's directory. In a"
            " directory, the newest intact snapshot is used.",
        ),
    ],
    db: Db = None,
) -> None:
    """Restore a session from a snapshot.

    Only the snapshot is needed. Papers committed after it become pending again. If a database
    already holds the session, use --db to name a database in another directory.
    """
    if is_directory(snapshot_):
        snapshot, problems = operation.newest_whole(snapshot_)
        for problem in problems:
            print_message(f"skipped: {problem}")
        print_message(f"restoring {snapshot.path}")
    elif is_file(snapshot_):
        snapshot = operation.examine(snapshot_)
    else:
        raise JobrunnerError(f"{snapshot_}: no such file", hint="name the .json file of a snapshot")
    database = open_db(context.obj, db, create=True)
    session, missing = operation.restore(database, snapshot)
    papers = read_progress(database, session.id).papers
    print_message(f"session {session.id} restored with {counted(papers, 'paper')}")
    for sentence in missing:
        print_message(f"  {sentence}")
    output = snapshot.head.output
    if output and session.output is None:
        print_message(f"  the output {output} is not here: add -o FILE to the first resume")
    for name, url in session.options.base_urls.items():
        print_message(f"  the snapshot names another address for {name}: {url}")
        print_message(f"  if you trust it, add {naming_option(name, url)} to the first resume")
    print_message(f"next: {context.obj.command(f'jobrunner resume {session.id}')}")
    print_result(session.id)
