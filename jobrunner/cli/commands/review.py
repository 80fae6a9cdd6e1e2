"""``review``: resolve ambiguous papers by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jobrunner.cli.console import counted, print_message, print_result
from jobrunner.cli.options import Db, LatestSessionArgument
from jobrunner.cli.output_file import check_output
from jobrunner.cli.state_database import open_db
from jobrunner.errors import SettingsError
from jobrunner.operations.review import commit_answers, write_questions
from jobrunner.operations.select import latest_session
from jobrunner.store.lease import take_lease


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(epilog="Example: jobrunner review -o review.jsonl")(review)


def review(
    context: typer.Context,
    session: LatestSessionArgument = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Write the ambiguous papers to this file."
        ),
    ] = None,
    answers: Annotated[
        Path | None,
        typer.Option("--answers", metavar="FILE", help="Import the answers from this file."),
    ] = None,
    answered: Annotated[
        bool, typer.Option("--answered", help="With -o, include the papers already answered.")
    ] = False,
    db: Db = None,
) -> None:
    """Resolve ambiguous papers by hand.

    -o writes the papers and their candidates to a file, one JSON object per line. For each paper
    that you can decide, set "answer" to the id of the right candidate or to "none". Then import
    the file with --answers. To change an answer later, edit the file and import it again.
    """
    if (output is None) == (answers is None):
        raise SettingsError(
            "use either --output or --answers", hint="see `jobrunner review --help`"
        )
    if answered and output is None:
        raise SettingsError("--answered works only with --output", hint="omit it with --answers")
    database = open_db(context.obj, db)
    chosen = latest_session(database, session)
    if output is not None:
        check_output(output, database.path, chosen.input_path)
        count = write_questions(database, chosen.id, output, answered=answered)
        print_message(f"{counted(count, 'question')} written")
        print_result(str(output))
    elif answers is not None:
        with take_lease(database, chosen.id) as lease:
            count, left = commit_answers(database, lease, answers)
        print_message(f"{counted(count, 'answer')} committed, {counted(left, 'paper')} ambiguous")
        print_message(f"next: {context.obj.command(f'jobrunner snapshot {chosen.id}')}")
