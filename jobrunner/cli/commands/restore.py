"""``restore``: a session is made again from a snapshot."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jobrunner.cli.console import command, counted, fact, say
from jobrunner.cli.options import Db, open_db
from jobrunner.errors import JobrunnerError
from jobrunner.files.path_queries import is_directory, is_file


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(epilog="Example: jobrunner restore .jobrunner/SESSION --db new/state.db")(restore)


def restore(
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
    from jobrunner.operations.restore import examine, newest_whole
    from jobrunner.operations.restore import restore as restore_session
    from jobrunner.store.progress import read_progress

    if is_directory(snapshot_):
        whole, problems = newest_whole(snapshot_)
        for problem in problems:
            say(f"passed over: {problem}")
        say(f"restoring {whole.path}")
    elif is_file(snapshot_):
        whole = examine(snapshot_)
    else:
        raise JobrunnerError(f"{snapshot_}: no such file", hint="name a snapshot's .json file")
    database = open_db(db, create=True)
    session, missing = restore_session(database, whole)
    papers = read_progress(database, session.id).papers
    say(f"session {session.id} is back, with {counted(papers, 'paper')}")
    for sentence in missing:
        say(f"  {sentence}")
    say(f"next: {command(f'jobrunner resume {session.id}')}")
    fact(session.id)
