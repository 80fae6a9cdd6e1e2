"""What all sources and the paper as given say together: links, related works, identifiers."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from jobrunner.identifiers.extract import identifiers_of
from jobrunner.matching.preprints import is_preprint_doi
from jobrunner.models import SCHEMES, Link, Record

INPUT = "input"
"""The name under which the paper as given counts as a source."""

View = dict[str, object]
"""A part of the consolidated view, JSON data."""

_URL_NAMES = ("url", "urls", "link", "links", "pdf", "pdf_url", "open_access_pdf", "openAccessPdf")
_LIST_LIMIT = 100
_LONGEST_URL = 2000
_PLACES = {scheme: place for place, scheme in enumerate(SCHEMES)}


def united_links(
    given: Mapping[str, object], ranked: Sequence[tuple[str, Record]], *, given_first: bool
) -> list[View]:
    """Return every URL once, under the first source that has it."""
    found: dict[str, View] = {}
    mine: list[str] = list(dict.fromkeys(_urls(given)))[:_LIST_LIMIT]
    if given_first:
        found.update((url, {"value": url, "source": INPUT}) for url in mine)
    for source, record in ranked:
        for link in record.links:
            if link.url not in found:
                found[link.url] = _link(link, source)
    for url in mine:
        if url not in found:
            found[url] = {"value": url, "source": INPUT}
    return list(found.values())


def _link(link: Link, source: str) -> View:
    found: View = {"value": link.url, "source": source, "kind": link.kind}
    if link.open_access:
        found["open_access"] = True
    if link.license:
        found["license"] = link.license
    if link.version:
        found["version"] = link.version
    return found


def _urls(value: object, depth: int = 0) -> Iterator[str]:
    """Yield the URLs that the paper as given holds."""
    if isinstance(value, str):
        url = value.strip() if len(value) <= _LONGEST_URL else ""
        if url.startswith(("http://", "https://")) and url.isprintable():
            yield url
    elif isinstance(value, list) and depth < 4:
        for item in value[:_LIST_LIMIT]:
            yield from _urls(item, depth + 1)
    elif isinstance(value, Mapping) and depth < 4:
        for name in _URL_NAMES:
            if name in value:
                yield from _urls(value[name], depth + 1)


def united_relations(
    ranked: Sequence[tuple[str, Record]], preprints: Collection[str]
) -> list[View]:
    """Return every stated link to another work once, under the first source that states it.

    ``preprints`` are the sources whose record is of the preprint of what the others describe.
    """
    found: dict[tuple[str, str, str], View] = {}
    for source, record in ranked:
        stated = [(one.kind, one.scheme, one.value) for one in record.relations]
        if source in preprints and (preprint := _preprint_of(record)):
            stated.append(("has-preprint", *preprint))
        for one in stated:
            kind, scheme, value = one
            found.setdefault(
                one, {"kind": kind, "scheme": scheme, "value": value, "source": source}
            )
    return list(found.values())


def _preprint_of(record: Record) -> tuple[str, str] | None:
    """Return the scheme and value of what names a preprint and nothing else."""
    if arxiv := record.identifiers.get("arxiv"):
        return "arxiv", arxiv
    doi = record.identifiers.get("doi", "")
    return ("doi", doi) if is_preprint_doi(doi) else None


def united_identifiers(
    given: Mapping[str, object], ranked: Sequence[tuple[str, Record]], *, given_first: bool
) -> tuple[View, list[View]]:
    """Return the union of all identifiers, and where they differ.

    The first source that has one wins; only the DOI of a preprint gives way to another.
    """
    said: dict[str, dict[str, str]] = {}
    if given_first:
        _add_given(said, given)
    for source, record in ranked:
        for scheme, value in record.identifiers.items():
            said.setdefault(scheme, {}).setdefault(value, source)
    if not given_first:
        _add_given(said, given)
    identifiers: View = {}
    conflicts: list[View] = []
    for scheme in sorted(said, key=_place):
        values = said[scheme]
        taken = next(iter(values))
        if len(values) > 1:
            if scheme == "doi":
                taken = next((v for v in values if not is_preprint_doi(v)), taken)
            conflicts += _conflicts(scheme, taken, values)
        identifiers[scheme] = {"value": taken, "source": values[taken]}
    return identifiers, conflicts


def _add_given(said: dict[str, dict[str, str]], given: Mapping[str, object]) -> None:
    for scheme, values in identifiers_of(given).items():
        for value in values:
            said.setdefault(scheme, {}).setdefault(value, INPUT)


def _place(scheme: str) -> tuple[int, str]:
    return _PLACES.get(scheme, len(_PLACES)), scheme


def _conflicts(scheme: str, taken: str, values: Mapping[str, str]) -> Iterator[View]:
    """Yield a conflict; the DOI of a preprint beside the publisher's is none."""
    others = [
        {"value": value, "source": source}
        for value, source in values.items()
        if value != taken and not (scheme == "doi" and is_preprint_doi(value))
    ]
    if others:
        yield {"field": scheme, "value": taken, "source": values[taken], "others": others}
