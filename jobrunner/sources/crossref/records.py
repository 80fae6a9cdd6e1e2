"""From a work of Crossref to a :class:`~jobrunner.models.Record`.

Format: https://github.com/CrossRef/rest-api-doc/blob/master/api_format.md. Members deposit what
they like: markup and twice escaped entities in titles, years alone, organisations as authors.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from jobrunner.errors import UnreadableError
from jobrunner.identifiers.schemes import normalise
from jobrunner.models import Affiliation, Author, Link, Record, Relation
from jobrunner.sources.json_fields import (
    Fields,
    abstract,
    fields,
    number,
    plain,
    rows,
    text,
    texts,
    unique,
    year,
)

DATES = ("issued", "published", "published-print", "published-online", "posted", "content-created")
"""Where a date of publication can be; ``issued`` is the earlier of print and online."""

MOST_RELATIONS = 100
RETRACTIONS = {"retraction", "withdrawal", "removal", "partial_retraction"}

_ORCID = re.compile(r"\d{4}-\d{4}-\d{4}-\d{3}[\dX]")
_ROR = re.compile(r"ror\.org/(0\w{8})")
_RETRACTED = re.compile(
    r"^\W*(?:retracted|withdrawn)(?:\s+(?:article|chapter|paper))?\s*[:\])]", re.IGNORECASE
)


def record_of(work: Fields) -> Record:
    """Return the record of a work. Raises :class:`UnreadableError`."""
    doi = normalise("doi", text(work.get("DOI")) or "")
    if doi is None:
        raise UnreadableError("work without a DOI")
    title = _title(work)
    date = _date(work)
    updates = rows(work.get("updated-by"), "updated-by")
    return Record(
        id=doi,
        title=title,
        authors=tuple(_authors(work)),
        year=year(int(date[:4])) if date else None,
        date=date,
        venue=_venue(work),
        publisher=plain(work.get("publisher")),
        type=text(work.get("type")),
        language=text(work.get("language")),
        volume=text(work.get("volume")),
        issue=text(work.get("issue")),
        pages=text(work.get("page")) or text(work.get("article-number")),
        identifiers=_identifiers(doi, work),
        abstract=abstract(work.get("abstract")),
        citations=number(work.get("is-referenced-by-count")),
        references=_references(work),
        links=tuple(_links(work)),
        license=_license(work),
        topics=unique(texts(work.get("subject"), "subject")),
        funders=unique(plain(row.get("name")) for row in rows(work.get("funder"), "funder")),
        relations=tuple(_relations(work))[:MOST_RELATIONS],
        is_retracted=bool(_RETRACTED.match(title))
        or any(text(update.get("type")) in RETRACTIONS for update in updates),
    )


def _title(work: Fields) -> str:
    """Return the first title with its subtitle, unless the title ends with it already."""
    title = _first(work.get("title"), "title")
    subtitle = _first(work.get("subtitle"), "subtitle")
    if title and subtitle and subtitle.casefold() not in title.casefold():
        return f"{title.rstrip(': ')}: {subtitle}"
    return title


def _first(value: object, name: str) -> str:
    """Return the first text of a list that old records give as a bare text."""
    if isinstance(value, str):
        return plain(value) or ""
    return next((found for item in texts(value, name) if (found := plain(item))), "")


def _venue(work: Fields) -> str | None:
    event = work.get("event")
    return (
        _first(work.get("container-title"), "container-title")
        or (plain(event.get("name")) if isinstance(event, dict) else None)
        or plain(work.get("group-title"))
    )


def _date(work: Fields) -> str | None:
    """Return the first date that is one, as precise as it was given."""
    return next((found for name in DATES if (found := _date_of(work.get(name)))), None)


def _date_of(value: object) -> str | None:
    """Return a date of ``{"date-parts": [[2024, 5, 1]]}``; parts may be null, absent or text."""
    parts = value.get("date-parts") if isinstance(value, dict) else None
    first = parts[0] if isinstance(parts, list) and parts else None
    numbers = [number(part) for part in first] if isinstance(first, list) else []
    if not numbers or year(numbers[0]) is None:
        return None
    found = f"{numbers[0]:04d}"
    for part, most in zip(numbers[1:3], (12, 31), strict=False):
        if part is None or not 1 <= part <= most:
            break
        found += f"-{part:02d}"
    return found


def _authors(work: Fields) -> Iterator[Author]:
    for author in rows(work.get("author"), "author"):
        parts = (plain(author.get(name)) for name in ("given", "family", "suffix"))
        name = " ".join(part for part in parts if part) or plain(author.get("name"))
        if name:
            orcid = _ORCID.search(text(author.get("ORCID")) or "")
            yield Author(
                name=name,
                orcid=orcid[0] if orcid else None,
                affiliations=tuple(_affiliations(author)),
            )


def _affiliations(author: Fields) -> Iterator[Affiliation]:
    for place in rows(author.get("affiliation"), "affiliation"):
        name = plain(place.get("name"))
        ids = [text(row.get("id")) or "" for row in rows(place.get("id"), "id")]
        ror = next((match[1] for value in ids if (match := _ROR.search(value))), None)
        if name:
            yield Affiliation(name=name, ror=ror)


def _references(work: Fields) -> int | None:
    count = number(work.get("references-count"))
    return number(work.get("reference-count")) if count is None else count


def _identifiers(doi: str, work: Fields) -> dict[str, str]:
    """Return the DOI and, where a preprint of the same work is at arXiv, its arXiv id."""
    found = {"doi": doi}
    for relation in _relations(work):
        if relation.kind == "has-preprint" and relation.value.startswith("10.48550/arxiv."):
            arxiv = normalise("arxiv", relation.value.removeprefix("10.48550/arxiv."))
            if arxiv:
                found.setdefault("arxiv", arxiv)
    return found


def _relations(work: Fields) -> Iterator[Relation]:
    """Return what is stated; ``updated-by`` is on the updated work, ``update-to`` on the notice."""
    for kind, targets in sorted(fields(work.get("relation"), "relation").items()):
        for target in rows(targets, kind) if isinstance(targets, list) else []:
            scheme = (text(target.get("id-type")) or "").lower()
            yield from _relation(kind, scheme, target.get("id"))
    for field, kind in (("updated-by", "{}"), ("update-to", "is-{}-of")):
        for update in rows(work.get(field), field):
            if kind_of := text(update.get("type")):
                yield from _relation(kind.format(kind_of), "doi", update.get("DOI"))


def _relation(kind: str, scheme: str, value: object) -> Iterator[Relation]:
    found = text(value)
    if found and scheme == "doi":
        found = normalise("doi", found)
    if found and scheme:
        yield Relation(kind=kind, scheme=scheme, value=found)


def _links(work: Fields) -> Iterator[Link]:
    resource = work.get("resource")
    primary = resource.get("primary") if isinstance(resource, dict) else None
    pages = [text(work.get("URL"))]
    pages += [text(primary.get("URL"))] if isinstance(primary, dict) else []
    yield from (Link(url=url) for url in unique(pages))
    seen = set(pages)
    for link in rows(work.get("link"), "link"):
        url = text(link.get("URL"))
        if url and url not in seen and text(link.get("content-type")) == "application/pdf":
            seen.add(url)
            yield Link(url=url, kind="pdf", version=text(link.get("content-version")))


def _license(work: Fields) -> str | None:
    """Return the licence of the published version, else the first one."""
    licenses = rows(work.get("license"), "license")
    licenses.sort(key=lambda row: row.get("content-version") != "vor")
    return next((url for row in licenses if (url := text(row.get("URL")))), None)
