"""Finding sources by entry point, ours and those of other packages."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import EntryPoint, EntryPoints

import pytest

from jobrunner.errors import SettingsError
from jobrunner.http.service import Limits, Service
from jobrunner.sources import registry
from jobrunner.sources.contract import Source, SourceSettings
from jobrunner.sources.crossref.source import Crossref
from jobrunner.sources.openalex.source import OpenAlex
from jobrunner.sources.registry import NEEDED, available, open_source
from jobrunner.sources.semantic_scholar.source import SemanticScholar

KEY = "k-secret-0815"
OURS = {
    "openalex": "jobrunner.sources.openalex.source:OpenAlex",
    "semantic_scholar": "jobrunner.sources.semantic_scholar.source:SemanticScholar",
    "crossref": "jobrunner.sources.crossref.source:Crossref",
}


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    available.cache_clear()
    yield
    available.cache_clear()


def install(monkeypatch: pytest.MonkeyPatch, **points: str) -> None:
    found = EntryPoints(EntryPoint(name, value, registry.GROUP) for name, value in points.items())
    monkeypatch.setattr(registry, "entry_points", lambda group: found.select(group=group))


def not_a_source(_settings: SourceSettings) -> object:
    return object()


def without_settings() -> None:
    return None


def unhappy(_settings: SourceSettings) -> None:
    raise ValueError("needs an e-mail address")


def failing(_settings: SourceSettings) -> None:
    raise KeyError("home")


def limited(per_second: float, concurrency: int) -> Service:
    limits = Limits(per_second, concurrency)
    return Service(name="mine", base_url="http://127.0.0.1:9", limits=limits)


def test_the_package_registers_a_source() -> None:
    assert "openalex" in available()


def test_sources_are_listed_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, **OURS)
    assert list(available()) == ["crossref", "openalex", "semantic_scholar"]


@pytest.mark.parametrize("name", OURS)
def test_a_source_is_opened_by_name_and_has_all_that_the_contract_names(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    install(monkeypatch, **OURS)
    source = open_source(name, SourceSettings())
    assert source.name == source.service.name == name
    assert all(hasattr(source, attribute) for attribute in NEEDED)
    assert source.lookup_size >= source.search_size >= 1


def test_our_sources_keep_the_contract() -> None:
    settings = SourceSettings()
    sources: list[Source] = [OpenAlex(settings), SemanticScholar(settings), Crossref(settings)]
    assert [source.name for source in sources] == list(OURS)


def test_an_unknown_name_is_told_with_the_known_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, **OURS)
    with pytest.raises(SettingsError, match="unknown source 'scopus'; known: crossref, openalex"):
        open_source("scopus", SourceSettings())


def test_without_any_source_the_installation_is_suspected(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch)
    with pytest.raises(SettingsError, match="is jobrunner installed"):
        open_source("openalex", SourceSettings())


@pytest.mark.parametrize(
    ("attribute", "value", "why"),
    [
        ("name", "yours", "its name is 'yours'"),
        ("schemes", "doi", "schemes is 'doi', not a tuple of names"),
        ("after", ["openalex"], "after is .'openalex'., not a tuple of names"),
        ("lookup_size", 0, "lookup_size is 0"),
        ("search_size", None, "search_size is None"),
        ("service", "http://127.0.0.1:9", "service is 'http://127.0.0.1:9'"),
        ("service", limited(0, 1), "its limits are 0/s, 1 concurrent"),
        ("service", limited(1, 0), "its limits are 1/s, 0 concurrent"),
    ],
)
def test_a_plug_in_that_states_what_cannot_be_is_refused(
    monkeypatch: pytest.MonkeyPatch, attribute: str, value: object, why: str
) -> None:
    install(monkeypatch, openalex=OURS["openalex"])
    before = OpenAlex.__init__

    def changed(source: OpenAlex, settings: SourceSettings) -> None:
        before(source, settings)
        setattr(source, attribute, value)

    monkeypatch.setattr(OpenAlex, "__init__", changed)
    with pytest.raises(SettingsError, match=why):
        open_source("openalex", SourceSettings())


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (f"{__name__}:failing", "cannot be opened: 'home'"),
        ("no.such.module:Thing", "cannot be loaded"),
        ("jobrunner.sources.openalex.source:NoSuchClass", "cannot be loaded"),
        ("jobrunner.sources.openalex.source:NAME", "is not a class"),
        (f"{__name__}:without_settings", "cannot be opened"),
        (f"{__name__}:unhappy", "cannot be opened: needs an e-mail address"),
        (f"{__name__}:not_a_source", "lacks name, schemes"),
    ],
)
def test_a_broken_plug_in_is_a_settings_error_that_names_it(
    monkeypatch: pytest.MonkeyPatch, value: str, why: str
) -> None:
    install(monkeypatch, mine=value)
    with pytest.raises(SettingsError, match=why) as caught:
        open_source("mine", SourceSettings())
    assert value in str(caught.value)


def test_settings_do_not_show_the_key() -> None:
    settings = SourceSettings(api_key=KEY, email="a@b.org")
    assert KEY not in repr(settings)
    assert "set" in repr(settings)
    assert "absent" in repr(SourceSettings())


@pytest.mark.parametrize("source", [OpenAlex, SemanticScholar, Crossref])
def test_a_key_travels_in_a_header_only(source: type[Source]) -> None:
    service = source(SourceSettings(api_key=KEY, email="a@b.org")).service
    assert any(KEY in value for value in service.headers.values())
    assert KEY not in service.base_url + repr(service.params) + repr(service)
    assert not source(SourceSettings()).service.headers
