"""Finding sources: ours and those that other packages bring, by the same entry point group."""

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
    """Return what can be opened, by name; the files of all installed packages are read for it."""
    return {point.name: point for point in sorted(entry_points(group=GROUP), key=_name)}


def _name(point: EntryPoint) -> str:
    return point.name


def open_source(name: str, settings: SourceSettings) -> Source:
    """Return the source of that name.

    Raises SettingsError if there is none, it is broken, or its address or key cannot be used.
    """
    point = _point(name)
    called = f"source {name!r} ({point.value})"
    source = _built(_loaded(point, called), settings, called)
    _check_statements(source, name, called)
    check_address(name, source.service.base_url)
    check_headers(name, source.service.headers)
    return source


def _point(name: str) -> EntryPoint:
    points = available()
    if name in points:
        return points[name]
    known = ", ".join(points) or "none; is jobrunner installed?"
    raise SettingsError(f"unknown source {name!r}; known: {known}")


def _loaded(point: EntryPoint, called: str) -> Callable[[SourceSettings], object]:
    """Import the class of a source. Its package can raise anything; a lack of memory is ours."""
    try:
        factory = point.load()
    except MemoryError:
        raise
    except Exception as exc:
        raise SettingsError(f"{called} cannot be loaded: {_message(exc)}") from exc
    if not callable(factory):
        raise SettingsError(f"{called} is not a class")
    return cast("Callable[[SourceSettings], object]", factory)


def _built(
    factory: Callable[[SourceSettings], object], settings: SourceSettings, called: str
) -> Source:
    """Make the source. A :class:`SettingsError` of its own says better than we what is wrong."""
    try:
        source = factory(settings)
    except (SettingsError, MemoryError):
        raise
    except Exception as exc:
        raise SettingsError(f"{called} cannot be opened: {_message(exc)}") from exc
    missing = [attribute for attribute in NEEDED if not hasattr(source, attribute)]
    if missing:
        raise SettingsError(f"{called} lacks {', '.join(missing)}")
    return cast("Source", source)


def _message(error: Exception) -> str:
    return str(error) or type(error).__name__


def _check_statements(source: Source, name: str, called: str) -> None:
    """Raise if a source states of itself what no loop could work with."""
    faults = chain(
        _wrong_name(source, name),
        _wrong_names(source),
        _wrong_sizes(source),
        _wrong_service(source.service),
    )
    first = next(faults, None)
    if first is not None:
        raise SettingsError(f"{called} states what cannot be: {first}")


def _wrong_name(source: Source, name: str) -> Iterator[str]:
    if source.name != name:
        yield f"its name is {source.name!r}"


def _wrong_names(source: Source) -> Iterator[str]:
    """Yield what is no tuple of names: a bare text would be taken for its letters."""
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
        yield f"its limits are {limits.requests_per_second}/s, {limits.concurrency} at once"
