"""``restore``: a session is made again from a snapshot."""

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
            help="A snapshot file, with its .sha256 beside it, or the directory of a session: its"
            " newest whole snapshot.",
        ),
    ],
    db: Db = None,
) -> None:
    """Make a session from a snapshot.

    The snapshot alone suffices. What was committed after the snapshot is pending again. Where a
    database holds the session, name one in another directory with --db.
    """
    if is_directory(snapshot_):
        snapshot, problems = operation.newest_whole(snapshot_)
        for problem in problems:
            print_message(f"passed over: {problem}")
        print_message(f"restoring {snapshot.path}")
    elif is_file(snapshot_):
        snapshot = operation.examine(snapshot_)
    else:
        raise JobrunnerError(f"{snapshot_}: no such file", hint="name a snapshot's .json file")
    database = open_db(context.obj, db, create=True)
    session, missing = operation.restore(database, snapshot)
    papers = read_progress(database, session.id).papers
    print_message(f"session {session.id} is back, with {counted(papers, 'paper')}")
    for sentence in missing:
        print_message(f"  {sentence}")
    print_message(f"next: {context.obj.command(f'jobrunner resume {session.id}')}")
    print_result(session.id)
