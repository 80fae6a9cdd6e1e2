"""Everything that the user sets, as one value: options, environment, and the configuration file.

The file is ``jobrunner.toml``, or ``[tool.jobrunner]`` of a ``pyproject.toml``::

    email = "you@example.org"
    sources = ["openalex", "crossref"]

    [openalex]
    api_key = "..."
    base_url = "http://127.0.0.1:8080"

    [policy]
    priority = ["crossref", "openalex"]
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from jobrunner.consolidation.policy import Policy, policy_of
from jobrunner.decoding import toml_table
from jobrunner.errors import SettingsError
from jobrunner.files.path_queries import is_file
from jobrunner.sources.contract import SourceSettings

CONFIG = "JOBRUNNER_CONFIG"
CONFIG_NAME = "jobrunner.toml"
PROJECT_NAME = "pyproject.toml"
SOURCE_SETTINGS = ("api_key", "base_url")


class Config(Struct, frozen=True, kw_only=True):
    """What a configuration file says; ``sources`` are settings by the name of a source."""

    path: Path | None = None
    email: str | None = None
    default_sources: tuple[str, ...] = ()
    keys: dict[str, str] = {}
    base_urls: dict[str, str] = {}
    policy: Policy | None = None

    def __repr__(self) -> str:
        return f"Config(path={self.path!r}, keys of {sorted(self.keys)})"


def read_config(directory: Path, environment: Mapping[str, str], known: Collection[str]) -> Config:
    """Read the configuration that holds in a directory; ``known`` are the names of sources.

    ``JOBRUNNER_CONFIG`` names another file. Raises :class:`SettingsError`, never showing a value.
    """
    named = environment.get(CONFIG)
    paths = [Path(named)] if named else [directory / CONFIG_NAME, directory / PROJECT_NAME]
    path = next((path for path in paths if named or is_file(path)), None)
    if path is None:
        return Config()
    table = _read_table(path)
    return _config_of(_own_table(table, path) if path.name == PROJECT_NAME else table, path, known)


def _read_table(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"cannot read {path}", hint="check the path") from error
    try:
        return toml_table(text)
    except ValueError as error:
        raise SettingsError(f"{path}: {error}", hint="correct the file") from error


def _own_table(table: dict[str, Any], path: Path) -> dict[str, Any]:
    """Return the table of this program in a file that other programs use too."""
    tools = table.get("tool", {})
    ours = tools.get("jobrunner", {}) if isinstance(tools, dict) else {}
    if not isinstance(ours, dict):
        raise _wrong_setting(path, "tool.jobrunner", "write a table: [tool.jobrunner]")
    return ours


def _config_of(table: dict[str, Any], path: Path, known: Collection[str]) -> Config:
    keys: dict[str, str] = {}
    urls: dict[str, str] = {}
    for name, value in table.items():
        if name in ("email", "sources", "policy"):
            continue
        if name not in known or not isinstance(value, dict):
            raise _wrong_setting(path, name, f"known: email, sources, policy, {', '.join(known)}")
        for setting, text in value.items():
            if setting not in SOURCE_SETTINGS or not isinstance(text, str):
                raise _wrong_setting(
                    path, f"{name}.{setting}", f"known: {', '.join(SOURCE_SETTINGS)}"
                )
            if text.strip():
                (keys if setting == "api_key" else urls)[name] = text.strip()
    sources, email = table.get("sources", []), table.get("email")
    if not isinstance(sources, list) or not all(name in known for name in sources):
        raise _wrong_setting(path, "sources", f"a list of: {', '.join(known)}")
    if email is not None and not isinstance(email, str):
        raise _wrong_setting(path, "email", "write an address in quotes")
    policy = table.get("policy")
    return Config(
        path=path,
        email=email,
        default_sources=tuple(dict.fromkeys(sources)),
        keys=keys,
        base_urls=urls,
        policy=policy_of(policy, f"{path}: policy", known) if policy is not None else None,
    )


def _wrong_setting(path: Path, name: str, hint: str) -> SettingsError:
    return SettingsError(f"{path}: {name} is not a setting, or of the wrong type", hint=hint)


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
