"""How the values of options are read."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from jobrunner.consolidation.policy import Policy, read_policy
from jobrunner.errors import SettingsError
from jobrunner.settings import Settings, read_settings
from jobrunner.sources.registry import available

_TIME = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s?)?")
_AMOUNT = re.compile(r"\$?(\d+(?:\.\d+)?)(?:usd)?", re.IGNORECASE)


def settings_of(email: str | None = None, base_urls: Sequence[str] = ()) -> Settings:
    """Return the settings that hold here, with these options."""
    return read_settings(Path(), os.environ, available(), email=email, base_urls=base_urls)


def budgets_of(options: list[str]) -> dict[str, int]:
    """Return micro-USD by source for options such as openalex=0.50usd."""
    return {name: round(1e6 * amount) for name, amount in _amounts("--budget", options)}


def max_requests_of(options: list[str]) -> dict[str, int]:
    """Return numbers of requests by source for options such as openalex=1000."""
    return {name: int(amount) for name, amount in _amounts("--max-requests", options)}


def _amounts(option: str, values: list[str]) -> Iterator[tuple[str, float]]:
    """Yield names and numbers; a limit for a source that there is not would limit nothing."""
    sources = available()
    for value in values:
        name, _, amount = value.partition("=")
        match = _AMOUNT.fullmatch(amount.strip())
        if not name or match is None:
            raise SettingsError(f"{option} {value!r} is not of the form NAME=NUMBER")
        if name not in sources:
            names = ", ".join(sources)
            raise SettingsError(f"{option} names an unknown source {name!r}; known: {names}")
        yield name, float(match[1])


def seconds_of(time: str | None) -> float | None:
    """Return the seconds of a time such as 90, 90s, 30m or 1h30m; None for None."""
    if time is None:
        return None
    match = _TIME.fullmatch(time.strip().lower())
    parts = [float(part or 0) for part in match.groups()] if match else []
    if not any(parts):
        raise SettingsError(f"{time!r} is not a time", hint="write it as 90s, 30m or 1h30m")
    hours, minutes, seconds = parts
    return 3600 * hours + 60 * minutes + seconds


def policy_in(path: Path | None, asked: Iterable[str] = ()) -> Policy | None:
    """Return the policy in a file, None for no file.

    It may name the sources that are installed, and those that a session has ``asked``.
    """
    return read_policy(path, {*available(), *asked}) if path else None
