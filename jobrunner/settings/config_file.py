"""Reads one configuration file.

The file is ``jobrunner.toml``, or ``[tool.jobrunner]`` in ``pyproject.toml``::

    email = "you@example.org"
    sources = ["openalex", "crossref"]

    [openalex]
    api_key = "..."
    base_url = "http://127.0.0.1:8080"

    [policy]
    priority = ["crossref", "openalex"]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct
from platformdirs import user_config_path

from jobrunner.consolidation.policy import Policy, policy_of
from jobrunner.decode_errors import toml_table
from jobrunner.errors import SettingsError
from jobrunner.files.path_queries import is_file

CONFIG_NAME = "jobrunner.toml"
PROJECT_NAME = "pyproject.toml"
GENERAL_SETTINGS = ("email", "sources", "policy")
SOURCE_SETTINGS = ("api_key", "base_url")


class FileSettings(Struct, frozen=True, kw_only=True):
    """The settings in one file; what is blank or empty is not set."""

    email: str | None = None
    default_sources: tuple[str, ...] = ()
    keys: dict[str, str] = {}
    base_urls: dict[str, str] = {}
    policy: Policy | None = None


def read_config(path: Path, names: Sequence[str]) -> FileSettings:
    """Return the settings in a file. ``names``: the installed sources.

    Raises SettingsError, which never shows a key.
    """
    table = _read_table(path)
    if path.name == PROJECT_NAME:
        table = _own_table(table, path)
    return _settings_in(table, path, names)


def user_config() -> Path | None:
    """Return the user's own configuration file, or None if there is none."""
    path = user_config_path("jobrunner") / "config.toml"
    # A relative path would be in the working directory, which may be somebody else's.
    return path if path.is_absolute() and is_file(path) else None


def project_config(directory: Path) -> Path | None:
    """Return the configuration file of a directory, or None if there is none."""
    paths = (directory / CONFIG_NAME, directory / PROJECT_NAME)
    return next((path for path in paths if is_file(path)), None)


def not_blank(texts: Mapping[str, str]) -> dict[str, str]:
    """Return the texts that are not blank, stripped."""
    return {name: text.strip() for name, text in texts.items() if text.strip()}


def _read_table(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError(
            f"cannot read {path}: {error.strerror or error}", hint="check the path"
        ) from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} is not UTF-8 text", hint="save it as UTF-8") from error
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


def _settings_in(table: dict[str, Any], path: Path, names: Sequence[str]) -> FileSettings:
    of_sources = {name: value for name, value in table.items() if name not in GENERAL_SETTINGS}
    for name, value in of_sources.items():
        _check_source_table(name, value, path, names)
    default_sources = _default_sources(table, path, names)
    email = table.get("email")
    _demand(isinstance(email, str | None), path, "email", "write an address in quotes")
    policy = table.get("policy")
    return FileSettings(
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
    are_names = isinstance(sources, list) and all(isinstance(name, str) for name in sources)
    _demand(are_names, path, "sources", 'write a list of names, such as sources = ["openalex"]')
    unknown = [name for name in sources if name not in names]
    if unknown:
        raise SettingsError(
            f"{path}: sources names an unknown source {unknown[0]!r}",
            hint=f"known: {', '.join(names)}",
        )
    return tuple(dict.fromkeys(sources))


def _texts_of(tables: Mapping[str, Mapping[str, str]], setting: str) -> dict[str, str]:
    """Return one setting of all sources."""
    return not_blank({name: table.get(setting, "") for name, table in tables.items()})


def _demand(holds: bool, path: Path, name: str, hint: str) -> None:
    """Raise SettingsError for a wrong setting. Its value may be a key, so it is not shown."""
    if not holds:
        raise SettingsError(f"{path}: {name} is unknown or has the wrong type", hint=hint)
