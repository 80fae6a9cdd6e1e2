"""All settings of the user, from options, environment variables and configuration files.

An option takes precedence over an environment variable, a variable over the file of the working
directory, and that file over the user's own file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from msgspec import Struct, structs

from jobrunner.consolidation.policy import Policy
from jobrunner.errors import SettingsError
from jobrunner.settings.addresses import OF_OPTION, OF_SESSION, Address
from jobrunner.settings.config_file import (
    FileSettings,
    not_blank,
    project_config,
    read_config,
    user_config,
)
from jobrunner.sources.contract import SourceSettings

PREFIX = "JOBRUNNER_"
EMAIL = PREFIX + "EMAIL"
CONFIG = PREFIX + "CONFIG"
"""The environment variable that names another configuration file."""

DEFAULT_SOURCES = ("openalex",)

_ADDRESS = re.compile(r"[!-?A-~]+@[!-?A-~]+")
"""Printable ASCII around one @, because the address becomes part of an HTTP header."""

_NOTHING: Mapping[str, str] = MappingProxyType({})


class Settings(Struct, frozen=True, kw_only=True):
    """All settings. ``keys`` and ``addresses`` have the names of sources as their keys."""

    email: str | None = None
    """Your e-mail address. It is sent to the sources, so that their operators can contact you."""
    default_sources: tuple[str, ...] = DEFAULT_SOURCES
    """The sources of a new session when no option names any."""
    keys: dict[str, str] = {}
    """The API key of a source. It is never logged or stored."""
    addresses: dict[str, Address] = {}
    """The address of a source, if it is not the public one."""
    policy: Policy | None = None
    """The policy of a new session: which source's value is chosen for each field."""

    def __repr__(self) -> str:
        return f"Settings(email={self.email!r}, keys of {sorted(self.keys)})"

    @property
    def base_urls(self) -> dict[str, str]:
        """The base URLs alone."""
        return {name: address.url for name, address in self.addresses.items()}

    def address_of(self, source: str, remembered: Mapping[str, str] = _NOTHING) -> Address | None:
        """Return the address set for a source, or the one ``remembered`` in a session, or None."""
        if source in self.addresses:
            return self.addresses[source]
        if source in remembered:
            return Address(remembered[source], OF_SESSION, named=False)
        return None

    def of(self, source: str, remembered: Mapping[str, str] = _NOTHING) -> SourceSettings:
        """Return the settings of one source; a ``remembered`` base URL applies if none is set."""
        address = self.address_of(source, remembered)
        return SourceSettings(
            base_url=address.url if address else None,
            api_key=self.keys.get(source),
            email=self.email,
        )

    def sources_to_ask(self, named: Sequence[str]) -> tuple[str, ...]:
        """Return the named sources without repetitions, or the default sources if none is named."""
        return tuple(dict.fromkeys(named)) or self.default_sources


def read_settings(
    directory: Path,
    environment: Mapping[str, str],
    sources: Iterable[str],
    *,
    email: str | None = None,
    base_urls: Iterable[str] = (),
) -> Settings:
    """Return the settings that apply in a directory.

    ``sources`` names the installed sources. ``email`` and ``base_urls`` (NAME=URL) are options.
    Raises :class:`SettingsError`, which never shows a key.
    """
    names = list(sources)
    files = _read_files(directory, environment, names)
    keys = _from_environment(environment, names, "API_KEY")
    return structs.replace(
        files,
        addresses={
            **files.addresses,
            **_addresses_in_environment(environment, names),
            **_addresses_of_options(base_urls, names),
        },
        keys={**files.keys, **keys},
        email=_checked_email(email or environment.get(EMAIL) or files.email),
    )


def variable(source: str, what: str) -> str:
    """Return the name of a source's environment variable, such as JOBRUNNER_OPENALEX_API_KEY."""
    return f"{PREFIX}{source.upper().replace('-', '_')}_{what}"


def _from_environment(
    environment: Mapping[str, str], names: Sequence[str], what: str
) -> dict[str, str]:
    return not_blank({name: environment.get(variable(name, what), "") for name in names})


def _addresses_in_environment(
    environment: Mapping[str, str], names: Sequence[str]
) -> dict[str, Address]:
    urls = _from_environment(environment, names, "BASE_URL")
    return {
        name: Address(url, variable(name, "BASE_URL"), named=True) for name, url in urls.items()
    }


def _addresses_of_options(options: Iterable[str], names: Sequence[str]) -> dict[str, Address]:
    addresses = {}
    for option in options:
        name, _, url = option.partition("=")
        if not url:
            raise SettingsError(f"--base-url {option!r} does not have the form NAME=URL")
        if name not in names:
            known = ", ".join(names)
            raise SettingsError(f"--base-url names an unknown source {name!r}; known: {known}")
        addresses[name] = Address(url, OF_OPTION, named=True)
    return addresses


def _checked_email(email: str | None) -> str | None:
    if not email:
        return None
    if not _ADDRESS.fullmatch(email):
        raise SettingsError(
            f"{email!r} is not a valid e-mail address",
            hint=f"use ASCII, as in you@example.org; see --email and {EMAIL}",
        )
    return email


# ---- configuration files


def _read_files(directory: Path, environment: Mapping[str, str], names: Sequence[str]) -> Settings:
    """Return the settings in the configuration files, or the defaults without any."""
    settings = Settings()
    own = user_config()
    if own is not None:
        settings = _with(settings, read_config(own, names), own, named=True)
    path = _named_file(environment.get(CONFIG)) or project_config(directory)
    if path is not None:
        # A relative path in the variable means a file of whatever directory this is.
        named = bool(environment.get(CONFIG)) and path.is_absolute()
        settings = _with(settings, read_config(path, names), path, named=named)
    return settings


def _named_file(name: str | None) -> Path | None:
    return Path(name) if name else None  # even if it is missing: reading it tells the user


def _with(settings: Settings, file: FileSettings, path: Path, *, named: bool) -> Settings:
    """Return the settings with those of a file, which take precedence.

    ``named``: the user chose the file, so its addresses may receive keys.
    """
    addresses = {name: Address(url, str(path), named) for name, url in file.base_urls.items()}
    return Settings(
        email=file.email or settings.email,
        default_sources=file.default_sources or settings.default_sources,
        keys={**settings.keys, **file.keys},
        addresses={**settings.addresses, **addresses},
        policy=file.policy or settings.policy,
    )
