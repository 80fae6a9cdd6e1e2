"""``review``: a person decides about ambiguous papers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jobrunner.cli.console import counted, print_message, print_result
from jobrunner.cli.options import Db, SessionArgument
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
    session: SessionArgument = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write the ambiguous papers here."),
    ] = None,
    answers: Annotated[
        Path | None,
        typer.Option("--answers", metavar="FILE", help="Read the answers in this file back."),
    ] = None,
    answered: Annotated[
        bool, typer.Option("--answered", help="With -o: also those answered before.")
    ] = False,
    db: Db = None,
) -> None:
    """Decide about ambiguous papers.

    -o writes them to a file, one JSON object a line, with their candidates. Put the id of the right
    candidate, or "none", after "answer" in each line that you can decide, and read the file back
    with --answers. To change an answer, read back a file that has another one.
    """
    if (output is None) == (answers is None):
        raise SettingsError("give either --output or --answers", hint="see `jobrunner review -h`")
    if answered and output is None:
        raise SettingsError(
            "--answered chooses what --output writes", hint="with --answers, leave it out"
        )
    database = open_db(context.obj, db)
    chosen = latest_session(database, session)
    if output is not None:
        check_output(output, database.path, chosen.input_path)
        count = write_questions(database, chosen.id, output, answered=answered)
        print_message(f"{count} questions written")
        print_result(str(output))
    elif answers is not None:
        with take_lease(database, chosen.id) as lease:
            count, left = commit_answers(database, lease, answers)
        ambiguous = counted(left, "paper")
        print_message(f"{counted(count, 'answer')} committed; still ambiguous: {ambiguous}")
        print_message(f"next: {context.obj.command(f'jobrunner snapshot {chosen.id}')}")
