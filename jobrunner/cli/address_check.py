"""Checks the addresses of sources before anything is sent, and shows those that are not public."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from jobrunner.cli.console import print_message
from jobrunner.errors import Refused
from jobrunner.http.service import may_carry_key
from jobrunner.settings.addresses import Address, is_same, unnamed
from jobrunner.settings.confirmations import confirmed
from jobrunner.settings.settings import Settings, variable
from jobrunner.sources.contract import SourceSettings
from jobrunner.sources.registry import open_source
from jobrunner.store.rows import SessionRow


def other_addresses(
    settings: Settings, names: Sequence[str], session: SessionRow | None = None
) -> Iterator[tuple[str, Address]]:
    """Yield the sources whose address is not the published one, with that address."""
    remembered = session.options.base_urls if session else {}
    for name in names:
        address = settings.address_of(name, remembered)
        if address is not None and not is_same(address.url, _published(name)):
            yield name, address


def check_addresses(
    settings: Settings, names: Sequence[str], session: SessionRow | None = None
) -> None:
    """Raise Refused for an address that the user has not named, or that would expose the key."""
    known = confirmed(session.id).addresses if session else {}
    for name, address in other_addresses(settings, names, session):
        if not (address.named or address.url in known.get(name, ())):
            raise unnamed(name, address)
        if name in settings.keys and not may_carry_key(address.url):
            raise Refused(
                f"{name}: the key would be sent unencrypted to {address}",
                hint=f"use an https address, or unset {variable(name, 'API_KEY')}",
            )


def show_addresses(settings: Settings, names: Sequence[str], session: SessionRow) -> None:
    """Print the addresses that are not the published ones."""
    for sentence in address_sentences(settings, names, session):
        print_message(sentence)


def named_addresses(settings: Settings, names: Sequence[str]) -> dict[str, str]:
    """Return the addresses that the user has named, by source."""
    addresses = other_addresses(settings, names)
    return {name: address.url for name, address in addresses if address.named}


def address_sentences(settings: Settings, names: Sequence[str], session: SessionRow) -> list[str]:
    """Return a sentence for each source whose address is not the published one."""
    return [
        f"{name} is queried at {address}"
        for name, address in other_addresses(settings, names, session)
    ]


def refusals(settings: Settings, names: Sequence[str], session: SessionRow) -> list[str]:
    """Return why a run of the session would be refused for its addresses."""
    try:
        check_addresses(settings, names, session)
    except Refused as refused:
        return [f"REFUSED: {refused}; {refused.hint}"]
    return []


def _published(name: str) -> str:
    return open_source(name, SourceSettings()).service.base_url
