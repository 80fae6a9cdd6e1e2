"""What the user set for the sources: addresses, keys and e-mail, as one value made at the edge."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from msgspec import Struct

from jobrunner.config import Config
from jobrunner.errors import SettingsError
from jobrunner.sources.contract import SourceSettings

PREFIX = "JOBRUNNER_"
EMAIL = PREFIX + "EMAIL"
NO_CONFIG = Config()
_ADDRESS = re.compile(r"[!-?A-~]+@[!-?A-~]+")
"""Printable ASCII around one @: it becomes a part of a header."""


class Settings(Struct, frozen=True, kw_only=True):
    """Settings by the name of a source. ``keys`` must never be logged or stored."""

    email: str | None = None
    keys: dict[str, str] = {}
    base_urls: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"Settings(email={self.email!r}, keys of {sorted(self.keys)})"

    def of(self, source: str, remembered: Mapping[str, str] | None = None) -> SourceSettings:
        """Return one source's settings; a ``remembered`` base URL counts if none is set now."""
        return SourceSettings(
            base_url=self.base_urls.get(source) or (remembered or {}).get(source),
            api_key=self.keys.get(source),
            email=self.email,
        )


def read_settings(
    environment: Mapping[str, str],
    sources: Iterable[str],
    *,
    config: Config = NO_CONFIG,
    email: str | None = None,
    base_urls: Iterable[str] = (),
) -> Settings:
    """Gather settings: options (``email``, ``base_urls`` as NAME=URL), environment, file.

    What comes first in this order counts.

    Raises :class:`SettingsError` for a base URL of an unknown source.
    """
    known = list(sources)
    urls = {**config.base_urls, **_from_environment(environment, known, "BASE_URL")}
    for option in base_urls:
        name, separator, url = option.partition("=")
        if not separator or not url:
            raise SettingsError(f"--base-url {option!r} is not of the form NAME=URL")
        if name not in known:
            raise SettingsError(f"--base-url names an unknown source {name!r}; known: {known}")
        urls[name] = url
    return Settings(
        email=_checked_email(email or environment.get(EMAIL) or config.email or None),
        keys={**config.keys, **_from_environment(environment, known, "API_KEY")},
        base_urls=urls,
    )


def variable(source: str, what: str) -> str:
    """Return the name of a source's environment variable, such as JOBRUNNER_OPENALEX_API_KEY."""
    return f"{PREFIX}{source.upper().replace('-', '_')}_{what}"


def _from_environment(
    environment: Mapping[str, str], sources: Iterable[str], what: str
) -> dict[str, str]:
    found = {source: environment.get(variable(source, what), "").strip() for source in sources}
    return {source: value for source, value in found.items() if value}


def _checked_email(email: str | None) -> str | None:
    if email is not None and not _ADDRESS.fullmatch(email):
        raise SettingsError(
            f"{email!r} is not an e-mail address that a request can carry",
            hint=f"write it in ASCII, as in you@example.org; see --email and {EMAIL}",
        )
    return email
