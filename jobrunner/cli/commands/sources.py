"""``sources``: list sources, limits and keys."""

from __future__ import annotations

import typer

from jobrunner.cli.address_check import other_addresses
from jobrunner.cli.console import print_message
from jobrunner.cli.json_output import print_json
from jobrunner.cli.option_values import settings_of
from jobrunner.cli.options import AsJson, BaseUrls, Email
from jobrunner.cli.tables import Table, print_result_table
from jobrunner.errors import SettingsError
from jobrunner.settings.addresses import Address
from jobrunner.settings.settings import Settings, variable
from jobrunner.sources.contract import Source
from jobrunner.sources.registry import available, open_source

COLUMNS = [
    ("source", "left"),
    ("limits", "left"),
    ("lookup by", "left"),
    ("key", "left"),
    ("address", "left"),
]


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(epilog="Example: jobrunner sources --json")(sources)


def sources(email: Email = None, base_url: BaseUrls = [], as_json: AsJson = False) -> None:
    """List sources, limits and keys."""
    settings = settings_of(email, base_url)
    usable, broken = _opened(settings)
    addresses = dict(other_addresses(settings, [source.name for source in usable]))
    if as_json:
        described = [_described(one, addresses.get(one.name), settings) for one in usable]
        print_json([*described, *({"name": name, "error": why} for name, why in broken.items())])
        return
    rows = [_cells(one, addresses.get(one.name), settings) for one in usable]
    print_result_table(Table(COLUMNS, rows))
    for why in broken.values():
        print_message(f"unusable source: {why}")


def _opened(settings: Settings) -> tuple[list[Source], dict[str, str]]:
    """Return the usable sources, and the errors of the others by name."""
    usable, broken = [], {}
    for name in available():
        try:
            usable.append(open_source(name, settings.of(name)))
        except SettingsError as error:
            broken[name] = str(error)
    return usable, broken


def _cells(source: Source, address: Address | None, settings: Settings) -> list[str]:
    limits = source.service.limits
    key = "is set" if source.name in settings.keys else "is not set"
    return [
        source.name,
        f"{limits.requests_per_second:g}/s, {limits.concurrency} concurrent",
        f"{', '.join(source.schemes)}; {source.lookup_size} per request",
        f"{variable(source.name, 'API_KEY')} {key}",
        str(address or source.service.base_url),
    ]


def _described(source: Source, address: Address | None, settings: Settings) -> dict[str, object]:
    return {
        "name": source.name,
        "base_url": source.service.base_url,
        "base_url_from": address.origin if address else None,
        "key_variable": variable(source.name, "API_KEY"),
        "key_set": source.name in settings.keys,
        "requests_per_second": source.service.limits.requests_per_second,
        "concurrency": source.service.limits.concurrency,
        "schemes": source.schemes,
        "lookup_size": source.lookup_size,
        "after": source.after,
    }
