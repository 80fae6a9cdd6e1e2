"""The configuration file: ``jobrunner.toml``, or ``[tool.jobrunner]`` of a ``pyproject.toml``.

::

    email = "you@example.org"
    sources = ["openalex", "crossref"]

    [openalex]
    api_key = "..."
    base_url = "http://127.0.0.1:8080"

    [policy]
    priority = ["crossref", "openalex"]
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from jobrunner.consolidation.policy import Policy, policy_of
from jobrunner.decoding import toml_table
from jobrunner.errors import SettingsError
from jobrunner.files.path_queries import is_file

CONFIG = "JOBRUNNER_CONFIG"
NAME = "jobrunner.toml"
PROJECT = "pyproject.toml"
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
    paths = [Path(named)] if named else [directory / NAME, directory / PROJECT]
    path = next((path for path in paths if named or is_file(path)), None)
    if path is None:
        return Config()
    table = _table(path)
    return _config(_tool(table, path) if path.name == PROJECT else table, path, known)


def _table(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"cannot read {path}", hint="check the path") from error
    try:
        return toml_table(text)
    except ValueError as error:
        raise SettingsError(f"{path}: {error}", hint="correct the file") from error


def _tool(table: dict[str, Any], path: Path) -> dict[str, Any]:
    """Return the table of this program in a file that other programs use too."""
    tools = table.get("tool", {})
    ours = tools.get("jobrunner", {}) if isinstance(tools, dict) else {}
    if not isinstance(ours, dict):
        raise _wrong(path, "tool.jobrunner", "write a table: [tool.jobrunner]")
    return ours


def _config(table: dict[str, Any], path: Path, known: Collection[str]) -> Config:
    keys: dict[str, str] = {}
    urls: dict[str, str] = {}
    for name, value in table.items():
        if name in ("email", "sources", "policy"):
            continue
        if name not in known or not isinstance(value, dict):
            raise _wrong(path, name, f"known: email, sources, policy, {', '.join(known)}")
        for setting, text in value.items():
            if setting not in SOURCE_SETTINGS or not isinstance(text, str):
                raise _wrong(path, f"{name}.{setting}", f"known: {', '.join(SOURCE_SETTINGS)}")
            if text.strip():
                (keys if setting == "api_key" else urls)[name] = text.strip()
    sources, email = table.get("sources", []), table.get("email")
    if not isinstance(sources, list) or not all(name in known for name in sources):
        raise _wrong(path, "sources", f"a list of: {', '.join(known)}")
    if email is not None and not isinstance(email, str):
        raise _wrong(path, "email", "write an address in quotes")
    policy = table.get("policy")
    return Config(
        path=path,
        email=email,
        default_sources=tuple(dict.fromkeys(sources)),
        keys=keys,
        base_urls=urls,
        policy=policy_of(policy, f"{path}: policy", known) if policy is not None else None,
    )


def _wrong(path: Path, name: str, hint: str) -> SettingsError:
    return SettingsError(f"{path}: {name} is not a setting, or of the wrong type", hint=hint)
