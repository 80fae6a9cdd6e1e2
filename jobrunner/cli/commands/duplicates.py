"""``duplicates``: list papers that are the same work."""

from __future__ import annotations

from collections.abc import Iterable

import typer

from jobrunner.cli.console import print_message, print_result
from jobrunner.cli.json_output import print_json
from jobrunner.cli.options import AsJson, Db, LatestSessionArgument
from jobrunner.cli.state_database import open_db
from jobrunner.operations.duplicates import find_duplicates
from jobrunner.operations.select import latest_session


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(epilog="Example: jobrunner duplicates --json")(duplicates)


def duplicates(
    context: typer.Context,
    session: LatestSessionArgument = None,
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """List papers that are the same work.

    Papers are the same work if they share an identifier, from the input or from a source. The
    command only reports them; it removes nothing.
    """
    database = open_db(context.obj, db)
    groups = find_duplicates(database, latest_session(database, session).id)
    if as_json:
        print_json(groups)
        return
    for group in groups:
        print_result(f"papers {_listed(group.positions)}:")
        for shared in group.evidence:
            places, origins = _listed(shared.positions), _listed(shared.origins)
            print_result(f"  {shared.scheme} {shared.value} in {places} (from {origins})")
    print_message(f"works listed more than once: {len(groups)}")


def _listed(values: Iterable[object]) -> str:
    return ", ".join(map(str, values))
