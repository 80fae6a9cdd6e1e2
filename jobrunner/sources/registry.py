"""Finds sources, built-in and from other packages, through one entry point group."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from itertools import chain
from typing import cast

from jobrunner.errors import SettingsError
from jobrunner.http.service import Service, check_address, check_headers
from jobrunner.sources.contract import Source, SourceSettings

GROUP = "jobrunner.sources"
NEEDED = ("name", "schemes", "after", "lookup_size", "search_size", "service", "lookup", "search")


@cache
def available() -> Mapping[str, EntryPoint]:
    """Return all available sources by name; reads the metadata of all installed packages."""
    return {point.name: point for point in sorted(entry_points(group=GROUP), key=_name)}


def _name(point: EntryPoint) -> str:
    return point.name


def open_source(name: str, settings: SourceSettings) -> Source:
    """Return the source with this name.

    Raises SettingsError if the source is unknown or broken, or its address or key is invalid.
    """
    point = _point(name)
    label = f"source {name!r} ({point.value})"
    source = _built(_loaded(point, label), settings, label)
    _check_attributes(source, name, label)
    check_address(name, source.service.base_url)
    check_headers(name, source.service.headers)
    return source


def _point(name: str) -> EntryPoint:
    points = available()
    if name in points:
        return points[name]
    known = ", ".join(points) or "none; is jobrunner installed?"
    raise SettingsError(f"unknown source {name!r}; known: {known}")


def _loaded(point: EntryPoint, label: str) -> Callable[[SourceSettings], object]:
    """Import a source's class. Its package can raise anything; MemoryError is not its fault."""
    try:
        factory = point.load()
    except MemoryError:
        raise
    except Exception as exc:
        raise SettingsError(f"{label} cannot be loaded: {_message(exc)}") from exc
    if not callable(factory):
        raise SettingsError(f"{label} is not a class")
    return cast("Callable[[SourceSettings], object]", factory)


def _built(
    factory: Callable[[SourceSettings], object], settings: SourceSettings, label: str
) -> Source:
    """Create the source. Its own :class:`SettingsError` is kept: it explains the problem best."""
    try:
        source = factory(settings)
    except (SettingsError, MemoryError):
        raise
    except Exception as exc:
        raise SettingsError(f"{label} cannot be opened: {_message(exc)}") from exc
    missing = [attribute for attribute in NEEDED if not hasattr(source, attribute)]
    if missing:
        raise SettingsError(f"{label} lacks {', '.join(missing)}")
    return cast("Source", source)


def _message(error: Exception) -> str:
    return str(error) or type(error).__name__


def _check_attributes(source: Source, name: str, label: str) -> None:
    """Raise SettingsError if an attribute of the source has an invalid value."""
    faults = chain(
        _wrong_name(source, name),
        _wrong_names(source),
        _wrong_sizes(source),
        _wrong_service(source.service),
    )
    first = next(faults, None)
    if first is not None:
        raise SettingsError(f"{label} has an invalid attribute: {first}")


def _wrong_name(source: Source, name: str) -> Iterator[str]:
    if source.name != name:
        yield f"its name is {source.name!r}"


def _wrong_names(source: Source) -> Iterator[str]:
    """Yield attributes that are not tuples: a bare string would be read letter by letter."""
    for attribute in ("schemes", "after"):
        value: object = getattr(source, attribute)
        if not isinstance(value, tuple) or not all(isinstance(item, str) for item in value):
            yield f"{attribute} is {value!r}, not a tuple of names"


def _wrong_sizes(source: Source) -> Iterator[str]:
    for attribute in ("lookup_size", "search_size"):
        size: object = getattr(source, attribute)
        if not isinstance(size, int) or size < 1:
            yield f"{attribute} is {size!r}"


def _wrong_service(service: object) -> Iterator[str]:
    if not isinstance(service, Service):
        yield f"service is {service!r}"
        return
    limits = service.limits
    if not limits.requests_per_second > 0 or limits.concurrency < 1:
        yield f"its limits are {limits.requests_per_second}/s, {limits.concurrency} concurrent"
