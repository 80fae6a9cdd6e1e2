"""``sources``, ``db`` and ``doctor``: what jobrunner finds around it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from jobrunner.cli.console import Table, fact, print_json, say, show_fact
from jobrunner.cli.options import AsJson, BaseUrls, Db, Email, show_commands
from jobrunner.errors import GET_BACK, DamageFound, JobrunnerError, SettingsError

if TYPE_CHECKING:
    from jobrunner.settings import Settings
    from jobrunner.sources.contract import Source

db_app = typer.Typer(
    invoke_without_command=True, callback=show_commands, help="The schema of the database."
)


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command(epilog="Example: jobrunner sources --json")(sources)
    app.add_typer(db_app, name="db", epilog="Example: jobrunner db current")
    app.command(epilog="Example: jobrunner doctor")(doctor)


def sources(
    email: Email = None,
    base_url: BaseUrls = [],
    as_json: AsJson = False,
) -> None:
    """List sources, limits and keys."""
    from jobrunner.cli.session_run import configured
    from jobrunner.settings import variable

    _, settings = configured(email, base_url)
    opened, broken = _opened(settings)
    if as_json:
        good = [_described(source, key_set=source.name in settings.keys) for source in opened]
        print_json([*good, *({"name": name, "error": why} for name, why in broken.items())])
        return
    columns = [("source", "left"), ("limits", "left"), ("lookup by", "left"), ("key", "left")]
    rows = []
    for source in opened:
        limits = source.service.limits
        key = "is set" if source.name in settings.keys else "is not set"
        rows.append(
            [
                source.name,
                f"{limits.requests_per_second:g}/s, {limits.concurrency} at once",
                f"{', '.join(source.schemes)}; {source.lookup_size} a request",
                f"{variable(source.name, 'API_KEY')} {key}",
                source.service.base_url,
            ]
        )
    show_fact(Table([*columns, ("address", "left")], rows))
    for why in broken.values():
        say(f"cannot be used: {why}")


def _opened(settings: Settings) -> tuple[list[Source], dict[str, str]]:
    """Return the sources that can be used, and why others cannot, by name."""
    from jobrunner.sources.registry import available, open_source

    opened, broken = [], {}
    for name in available():
        try:
            opened.append(open_source(name, settings.of(name)))
        except SettingsError as error:
            broken[name] = str(error)
    return opened, broken


def _described(source: Source, *, key_set: bool) -> dict[str, object]:
    from jobrunner.settings import variable

    return {
        "name": source.name,
        "base_url": source.service.base_url,
        "key_variable": variable(source.name, "API_KEY"),
        "key_set": key_set,
        "requests_per_second": source.service.limits.requests_per_second,
        "concurrency": source.service.limits.concurrency,
        "schemes": source.schemes,
        "lookup_size": source.lookup_size,
        "after": source.after,
    }


@db_app.command(epilog="Example: jobrunner db current --db state.db")
def current(db: Db = None) -> None:
    """Print the schema revision of the database, and the one that this jobrunner works with."""
    from jobrunner.store.database import default_path
    from jobrunner.store.schema import HEAD
    from jobrunner.store.schema_version import read_revision

    path = db or default_path()
    fact(f"{path}: {read_revision(path) or 'empty'} (this jobrunner works with {HEAD})")


@db_app.command(epilog="Example: jobrunner db upgrade --db state.db")
def upgrade(db: Db = None) -> None:
    """Bring the database to the schema that this jobrunner works with, after a backup copy.

    Every command does this by itself when it opens an older database.
    """
    from jobrunner.store.database import default_path
    from jobrunner.store.schema_version import upgrade_database

    path = db or default_path()
    before, after, backup = upgrade_database(path)
    fact(f"{path}: {after}" + (f", was {before}" if before != after else ", nothing to do"))
    if backup:
        fact(f"backup {backup}")


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
