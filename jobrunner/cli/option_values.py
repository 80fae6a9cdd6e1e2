"""Parsing of option values."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from jobrunner.consolidation.policy import Policy, read_policy
from jobrunner.errors import SettingsError
from jobrunner.settings.settings import Settings, read_settings
from jobrunner.sources.registry import available

_TIME = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s?)?")
_AMOUNT = re.compile(r"\$?(\d+(?:\.\d+)?)(?:usd)?", re.IGNORECASE)


def settings_of(email: str | None = None, base_urls: Sequence[str] = ()) -> Settings:
    """Return the settings that apply in the working directory with these options."""
    return read_settings(Path(), os.environ, available(), email=email, base_urls=base_urls)


def budgets_of(options: list[str]) -> dict[str, int]:
    """Return the budget of each source in micro-USD, from options such as openalex=0.50usd."""
    return {name: round(1e6 * amount) for name, amount in _amounts("--budget", options)}


def max_requests_of(options: list[str]) -> dict[str, int]:
    """Return the request limit of each source, from options such as openalex=1000."""
    return {name: int(amount) for name, amount in _amounts("--max-requests", options)}


def _amounts(option: str, values: list[str]) -> Iterator[tuple[str, float]]:
    """Yield source names and amounts.

    Raises SettingsError for an unknown source: a misspelt name would silently limit nothing.
    """
    sources = available()
    for value in values:
        name, _, amount = value.partition("=")
        match = _AMOUNT.fullmatch(amount.strip())
        if not name or match is None:
            raise SettingsError(f"{option} {value!r} does not have the form NAME=NUMBER")
        if name not in sources:
            names = ", ".join(sources)
            raise SettingsError(f"{option} names an unknown source {name!r}; known: {names}")
        yield name, float(match[1])


def seconds_of(time: str | None) -> float | None:
    """Return a duration such as 90, 90s, 30m or 1h30m in seconds; None for None."""
    if time is None:
        return None
    match = _TIME.fullmatch(time.strip().lower())
    parts = [float(part or 0) for part in match.groups()] if match else []
    if not any(parts):
        raise SettingsError(f"{time!r} is not a duration", hint="write it as 90s, 30m or 1h30m")
    hours, minutes, seconds = parts
    return 3600 * hours + 60 * minutes + seconds


def policy_in(path: Path | None, session_sources: Iterable[str] = ()) -> Policy | None:
    """Return the policy in a file, or None without a file.

    It may name installed sources and ``session_sources``, which may have been uninstalled since.
    """
    return read_policy(path, {*available(), *session_sources}) if path else None
