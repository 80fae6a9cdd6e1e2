"""``doctor``: trouble on this machine."""

from __future__ import annotations

import typer

from jobrunner.cli.console import fact, print_json
from jobrunner.cli.options import AsJson, Db
from jobrunner.errors import GET_BACK, DamageFound, JobrunnerError


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(epilog="Example: jobrunner doctor")(doctor)


def doctor(as_json: AsJson = False, db: Db = None) -> None:
    """Look for trouble on this machine.

    SQLite, file system, locks, disk space, the database, which keys are set.
    """
    from jobrunner.cli.session_run import configured
    from jobrunner.operations.doctor import examine
    from jobrunner.sources.registry import available
    from jobrunner.store.database import default_path

    _, settings = configured(None, ())
    checks = examine(db or default_path(), available(), settings)
    if as_json:
        print_json(checks)
    else:
        for check in checks:
            fact(f"{check.verdict:<8} {check.name:<16} {check.message}")
    if any(check.verdict == "damage" for check in checks):
        raise DamageFound("the database is damaged", hint=GET_BACK)
    count = sum(check.verdict == "problem" for check in checks)
    if count:
        said = "1 problem" if count == 1 else f"{count} problems"
        raise JobrunnerError(f"{said} found", hint="see the lines above")
