"""``doctor``: check this machine for problems."""

from __future__ import annotations

import typer

from jobrunner.cli.console import counted
from jobrunner.cli.json_output import print_json_or_lines
from jobrunner.cli.option_values import settings_of
from jobrunner.cli.options import AsJson, Db
from jobrunner.cli.state_database import database_path
from jobrunner.errors import GET_BACK, DamageFound, JobrunnerError
from jobrunner.operations.doctor import examine
from jobrunner.sources.registry import available


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(epilog="Example: jobrunner doctor")(doctor)


def doctor(as_json: AsJson = False, db: Db = None) -> None:
    """Check this machine for problems.

    The command checks SQLite, the file system, locks, disk space and the database, and shows which
    keys are set.
    """
    checks = examine(database_path(db), available(), settings_of())
    widest = max(len(check.name) for check in checks)
    lines = (f"{check.verdict:<8} {check.name:<{widest}} {check.message}" for check in checks)
    print_json_or_lines(checks, lines, as_json=as_json)
    verdicts = [check.verdict for check in checks]
    if "damage" in verdicts:
        raise DamageFound("the database is damaged", hint=GET_BACK)
    problems = verdicts.count("problem")
    if problems:
        raise JobrunnerError(f"{counted(problems, 'problem')} found", hint="see the list above")
