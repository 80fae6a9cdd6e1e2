"""Finding sources: ours and those that other packages bring, by the same entry point group."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import cast

from jobrunner.errors import SettingsError
from jobrunner.sources.base import Source, SourceSettings

GROUP = "jobrunner.sources"
NEEDED = ("name", "schemes", "after", "lookup_size", "search_size", "service", "lookup", "search")


def available() -> dict[str, EntryPoint]:
    """Return what can be opened, by name."""
    return {point.name: point for point in sorted(entry_points(group=GROUP), key=_name)}


def _name(point: EntryPoint) -> str:
    return point.name


def open_source(name: str, settings: SourceSettings) -> Source:
    """Return the source of that name. Raises SettingsError if there is none or it is broken."""
    points = available()
    if name not in points:
        known = ", ".join(points) or "none; is jobrunner installed?"
        raise SettingsError(f"unknown source {name!r}; known: {known}")
    point = points[name]
    try:
        factory = point.load()
    except (ImportError, AttributeError, SyntaxError) as exc:
        raise SettingsError(f"source {name!r} ({point.value}) cannot be loaded: {exc}") from exc
    if not callable(factory):
        raise SettingsError(f"source {name!r} ({point.value}) is not a class")
    try:
        source = factory(settings)
    except (TypeError, ValueError) as exc:
        raise SettingsError(f"source {name!r} ({point.value}) cannot be opened: {exc}") from exc
    missing = [attribute for attribute in NEEDED if not hasattr(source, attribute)]
    if missing:
        raise SettingsError(f"source {name!r} ({point.value}) lacks {', '.join(missing)}")
    return cast("Source", source)
