"""Finding sources: ours and those that other packages bring, by the same entry point group."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import cast

from jobrunner.errors import SettingsError
from jobrunner.http.responses import check_address, check_headers
from jobrunner.http.service import Service
from jobrunner.sources.contract import Source, SourceSettings

GROUP = "jobrunner.sources"
NEEDED = ("name", "schemes", "after", "lookup_size", "search_size", "service", "lookup", "search")


@cache
def available() -> Mapping[str, EntryPoint]:
    """Return what can be opened, by name; the files of all installed packages are read for it."""
    return {point.name: point for point in sorted(entry_points(group=GROUP), key=_name)}


def _name(point: EntryPoint) -> str:
    return point.name


def open_source(name: str, settings: SourceSettings) -> Source:
    """Return the source of that name.

    Raises SettingsError if there is none, it is broken, or its address or key cannot be used.
    """
    points = available()
    if name not in points:
        known = ", ".join(points) or "none; is jobrunner installed?"
        raise SettingsError(f"unknown source {name!r}; known: {known}")
    point = points[name]
    called = f"source {name!r} ({point.value})"
    try:
        factory = point.load()
    except MemoryError:
        raise
    except Exception as exc:
        raise SettingsError(f"{called} cannot be loaded: {_said(exc)}") from exc
    if not callable(factory):
        raise SettingsError(f"{called} is not a class")
    try:
        source = factory(settings)
    except (SettingsError, MemoryError):
        raise
    except Exception as exc:
        raise SettingsError(f"{called} cannot be opened: {_said(exc)}") from exc
    missing = [attribute for attribute in NEEDED if not hasattr(source, attribute)]
    if missing:
        raise SettingsError(f"{called} lacks {', '.join(missing)}")
    wrong = next(_wrong(name, cast("Source", source)), None)
    if wrong:
        raise SettingsError(f"{called} states what cannot be: {wrong}")
    check_address(name, source.service.base_url)
    check_headers(name, source.service.headers)
    return cast("Source", source)


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__


def _wrong(name: str, source: Source) -> Iterator[str]:
    """Yield what a source says of itself that no loop could work with."""
    if source.name != name:
        yield f"its name is {source.name!r}"
    for attribute in ("schemes", "after"):
        value: object = getattr(source, attribute)
        if not isinstance(value, tuple) or not all(isinstance(item, str) for item in value):
            yield f"{attribute} is {value!r}, not a tuple of names"
    for attribute in ("lookup_size", "search_size"):
        size: object = getattr(source, attribute)
        if not isinstance(size, int) or size < 1:
            yield f"{attribute} is {size!r}"
    service: object = source.service
    if not isinstance(service, Service):
        yield f"service is {service!r}"
    else:
        limits = service.limits
        if not limits.requests_per_second > 0 or limits.concurrency < 1:
            yield f"its limits are {limits.requests_per_second}/s, {limits.concurrency} at once"
