"""``sources``: which sources there are, with their limits and keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from jobrunner.cli.console import Table, print_json, say, show_fact
from jobrunner.cli.options import AsJson, BaseUrls, Email
from jobrunner.errors import SettingsError

if TYPE_CHECKING:
    from jobrunner.settings import Settings
    from jobrunner.sources.contract import Source


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(epilog="Example: jobrunner sources --json")(sources)


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
