"""Addresses of sources: where each one comes from, and whether the user named it.

An API key goes to an address, so an address is used only if the user chose it: the published one,
or one named on the command line, in the environment or in the user's own configuration file. A file
in the working directory, a database or a snapshot may be somebody else's.
"""

from __future__ import annotations

import shlex

from msgspec import Struct

from jobrunner.errors import Refused

OF_OPTION = "--base-url"
OF_SESSION = "the session"
"""The origin of an address that was stored in a database, or came there from a snapshot."""


class Address(Struct, frozen=True):
    """The base URL of a source. ``named``: the user chose it, so it may receive the key."""

    url: str
    origin: str
    named: bool

    def __str__(self) -> str:
        return f"{self.url} (from {self.origin})"


def is_same(url: str, other: str) -> bool:
    """Return whether two base URLs are equal; a slash at the end has no meaning."""
    return url.rstrip("/") == other.rstrip("/")


def naming_option(source: str, url: str) -> str:
    """Return the option that names an address, ready to be typed in a shell."""
    return f"--base-url {shlex.quote(f'{source}={url}')}"


def unnamed(source: str, address: Address) -> Refused:
    """Return the error for an address that the user has not named. Nothing was sent to it."""
    return Refused(
        f"{source}: you have not named the address {address}, so nothing was sent",
        hint=f"if you trust it, add {naming_option(source, address.url)} once",
    )
