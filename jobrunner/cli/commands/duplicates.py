"""``duplicates``: papers that are the same work."""

from __future__ import annotations

import typer

from jobrunner.cli.console import fact, print_json, say
from jobrunner.cli.options import (
    AsJson,
    Db,
    SessionArgument,
    open_db,
)


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(epilog="Example: jobrunner duplicates --json")(duplicates)


def duplicates(session: SessionArgument = None, as_json: AsJson = False, db: Db = None) -> None:
    """List papers that are the same work.

    They share an identifier, as given or as found. Nothing is dropped: this only reports.
    """
    from jobrunner.operations.duplicates import find_duplicates
    from jobrunner.operations.select import latest_session

    database = open_db(db)
    found = find_duplicates(database, latest_session(database, session).id)
    if as_json:
        print_json(found)
        return
    for group in found:
        fact(f"papers {', '.join(map(str, group.positions))}:")
        for one in group.evidence:
            places = ", ".join(map(str, one.positions))
            fact(f"  {one.scheme} {one.value} in {places} (from {', '.join(one.origins)})")
    say(f"works that stand in the list more than once: {len(found)}")
