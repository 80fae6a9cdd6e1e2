"""All settings of the user, from options, environment variables and the configuration file.

The file is ``jobrunner.toml``, or ``[tool.jobrunner]`` in ``pyproject.toml``::

    email = "you@example.org"
    sources = ["openalex", "crossref"]

    [openalex]
    api_key = "..."
    base_url = "http://127.0.0.1:8080"

    [policy]
    priority = ["crossref", "openalex"]

An option takes precedence over an environment variable, and a variable over the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from msgspec import Struct, structs

from jobrunner.consolidation.policy import Policy, policy_of
from jobrunner.decode_errors import toml_table
from jobrunner.errors import SettingsError
from jobrunner.files.path_queries import is_file
from jobrunner.sources.contract import SourceSettings

PREFIX = "JOBRUNNER_"
EMAIL = PREFIX + "EMAIL"
CONFIG = PREFIX + "CONFIG"
"""The environment variable that names another configuration file."""

CONFIG_NAME = "jobrunner.toml"
PROJECT_NAME = "pyproject.toml"
GENERAL_SETTINGS = ("email", "sources", "policy")
SOURCE_SETTINGS = ("api_key", "base_url")
DEFAULT_SOURCES = ("openalex",)

_ADDRESS = re.compile(r"[!-?A-~]+@[!-?A-~]+")
"""Printable ASCII around one @, because the address becomes part of an HTTP header."""

_NOTHING: Mapping[str, str] = MappingProxyType({})


class Settings(Struct, frozen=True, kw_only=True):
    """All settings. ``keys`` and ``base_urls`` have the names of sources as their keys."""

    email: str | None = None
    """Your e-mail address. It is sent to the sources, so that their operators can contact you."""
    default_sources: tuple[str, ...] = DEFAULT_SOURCES
    """The sources of a new session when no option names any."""
    keys: dict[str, str] = {}
    """The API key of a source. It is never logged or stored."""
    base_urls: dict[str, str] = {}
    """The address of a source, if it is not the public one."""
    policy: Policy | None = None
    """The policy of a new session: which source's value is chosen for each field."""

    def __repr__(self) -> str:
        return f"Settings(email={self.email!r}, keys of {sorted(self.keys)})"

    def of(self, source: str, remembered: Mapping[str, str] = _NOTHING) -> SourceSettings:
        """Return the settings of one source; a ``remembered`` base URL applies if none is set."""
        return SourceSettings(
            base_url={**remembered, **self.base_urls}.get(source),
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
    file = _read_file(directory, environment, names)
    urls = {**file.base_urls, **_from_environment(environment, names, "BASE_URL")}
    return structs.replace(
        file,
        base_urls={**urls, **_urls_of_options(base_urls, names)},
        keys={**file.keys, **_from_environment(environment, names, "API_KEY")},
        email=_checked_email(email or environment.get(EMAIL) or file.email),
    )


def variable(source: str, what: str) -> str:
    """Return the name of a source's environment variable, such as JOBRUNNER_OPENALEX_API_KEY."""
    return f"{PREFIX}{source.upper().replace('-', '_')}_{what}"


def _from_environment(
    environment: Mapping[str, str], names: Sequence[str], what: str
) -> dict[str, str]:
    return _not_blank({name: environment.get(variable(name, what), "") for name in names})


def _not_blank(texts: Mapping[str, str]) -> dict[str, str]:
    """Return the texts that are not blank, stripped."""
    return {name: text.strip() for name, text in texts.items() if text.strip()}


def _urls_of_options(options: Iterable[str], names: Sequence[str]) -> dict[str, str]:
    urls = {}
    for option in options:
        name, _, url = option.partition("=")
        if not url:
            raise SettingsError(f"--base-url {option!r} does not have the form NAME=URL")
        if name not in names:
            known = ", ".join(names)
            raise SettingsError(f"--base-url names an unknown source {name!r}; known: {known}")
        urls[name] = url
    return urls


def _checked_email(email: str | None) -> str | None:
    if not email:
        return None
    if not _ADDRESS.fullmatch(email):
        raise SettingsError(
            f"{email!r} is not a valid e-mail address",
            hint=f"use ASCII, as in you@example.org; see --email and {EMAIL}",
        )
    return email


# ---- the configuration file


def _read_file(directory: Path, environment: Mapping[str, str], names: Sequence[str]) -> Settings:
    """Return the settings in the configuration file, or the defaults without one."""
    path = _find_file(directory, environment.get(CONFIG))
    if path is None:
        return Settings()
    table = _read_table(path)
    if path.name == PROJECT_NAME:
        table = _own_table(table, path)
    return _settings_in(table, path, names)


def _find_file(directory: Path, named: str | None) -> Path | None:
    if named:
        return Path(named)  # even if it is missing: the user named it, so reading fails
    paths = (directory / CONFIG_NAME, directory / PROJECT_NAME)
    return next((path for path in paths if is_file(path)), None)


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
    """Return the table ``[tool.jobrunner]`` of a ``pyproject.toml``."""
    tools = table.get("tool", {})
    own = tools.get("jobrunner", {}) if isinstance(tools, dict) else {}
    _demand(isinstance(own, dict), path, "tool.jobrunner", "write a table: [tool.jobrunner]")
    return own


def _settings_in(table: dict[str, Any], path: Path, names: Sequence[str]) -> Settings:
    of_sources = {name: value for name, value in table.items() if name not in GENERAL_SETTINGS}
    for name, value in of_sources.items():
        _check_source_table(name, value, path, names)
    default_sources = _default_sources(table, path, names)
    email = table.get("email")
    _demand(isinstance(email, str | None), path, "email", "write an address in quotes")
    policy = table.get("policy")
    return Settings(
        email=email,
        default_sources=default_sources,
        keys=_texts_of(of_sources, "api_key"),
        base_urls=_texts_of(of_sources, "base_url"),
        policy=None if policy is None else policy_of(policy, f"{path}: policy", names),
    )


def _check_source_table(name: str, table: Any, path: Path, names: Sequence[str]) -> None:  # noqa: ANN401
    known = ", ".join((*GENERAL_SETTINGS, *names))
    _demand(name in names and isinstance(table, dict), path, name, f"known: {known}")
    known = ", ".join(SOURCE_SETTINGS)
    for setting, text in table.items():
        is_setting = setting in SOURCE_SETTINGS and isinstance(text, str)
        _demand(is_setting, path, f"{name}.{setting}", f"known: {known}")


def _default_sources(table: dict[str, Any], path: Path, names: Sequence[str]) -> tuple[str, ...]:
    sources = table.get("sources", [])
    are_known = isinstance(sources, list) and all(name in names for name in sources)
    _demand(are_known, path, "sources", f"a list of: {', '.join(names)}")
    return tuple(dict.fromkeys(sources)) or DEFAULT_SOURCES


def _texts_of(tables: Mapping[str, Mapping[str, str]], setting: str) -> dict[str, str]:
    """Return one setting of all sources."""
    return _not_blank({name: table.get(setting, "") for name, table in tables.items()})


def _demand(holds: bool, path: Path, name: str, hint: str) -> None:
    """Raise SettingsError for a wrong setting. Its value may be a key, so it is not shown."""
    if not holds:
        raise SettingsError(f"{path}: {name} is unknown or has the wrong type", hint=hint)
