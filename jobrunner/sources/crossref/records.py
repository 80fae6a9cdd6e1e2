"""Turns a Crossref work into a :class:`~jobrunner.models.Record`.

Format: https://github.com/CrossRef/rest-api-doc/blob/master/api_format.md. Members
deposit the data themselves: with markup and doubly escaped entities in titles, dates that are only
a year, organisations as authors.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from jobrunner.errors import UnreadableError
from jobrunner.identifiers.schemes import ARXIV_DOI, normalise
from jobrunner.models import Affiliation, Author, Link, Record, Relation
from jobrunner.sources.json_fields import (
    Fields,
    abstract,
    as_fields,
    as_number,
    as_plain,
    as_year,
    fields,
    identifier,
    number,
    orcid,
    plain,
    rows,
    text,
    texts,
    unique,
)

DATES = ("issued", "published", "published-print", "published-online", "posted", "content-created")
"""Fields with a date of publication; ``issued`` is the earlier of print and online."""

MOST_RELATIONS = 100
"""Most relations kept in a record."""

RETRACTIONS = {"retraction", "withdrawal", "removal", "partial_retraction"}

_MONTHS, _DAYS = 12, 31
_ROR = re.compile(r"ror\.org/(0\w{8})")
_RETRACTED = re.compile(
    r"^\W*(?:retracted|withdrawn)(?:\s+(?:article|chapter|paper))?\s*[:\])]", re.IGNORECASE
)


def record_of(work: Fields) -> Record:
    """Return the record of a work. Raises :class:`UnreadableError`."""
    doi = identifier(work, "DOI", "doi")
    if doi is None:
        raise UnreadableError("work without a DOI")
    title = _title(work)
    date = _date(work)
    is_retracted = _is_retracted(work, title)
    authors = tuple(_authors(work))
    relations = tuple(_relations(work))
    return Record(
        id=doi,
        title=title,
        authors=authors,
        year=as_year(date[:4]) if date else None,
        date=date,
        venue=_venue(work),
        publisher=plain(work, "publisher"),
        type=text(work, "type"),
        language=text(work, "language"),
        volume=text(work, "volume"),
        issue=text(work, "issue"),
        pages=text(work, "page") or text(work, "article-number"),
        identifiers=_identifiers(doi, relations),
        abstract=abstract(work, "abstract"),
        citations=number(work, "is-referenced-by-count"),
        references=_references(work),
        links=tuple(_links(work)),
        license=_license(work),
        topics=unique(texts(work, "subject")),
        funders=unique(plain(funder, "name") for funder in rows(work, "funder")),
        relations=relations[:MOST_RELATIONS],
        is_retracted=is_retracted,
    )


def _title(work: Fields) -> str:
    """Return the first title, with the subtitle unless the title already contains it."""
    title = _first_plain(work, "title")
    subtitle = _first_plain(work, "subtitle")
    if not title or not subtitle or subtitle.casefold() in title.casefold():
        return title
    return f"{title.rstrip(': ')}: {subtitle}"


def _first_plain(work: Fields, name: str) -> str:
    """Return the first text of a list; old records have a plain text instead of the list."""
    if isinstance(work.get(name), str):
        return plain(work, name) or ""
    return next(filter(None, map(as_plain, texts(work, name))), "")


def _venue(work: Fields) -> str | None:
    """Return the journal or book, the conference, or the group that posted a preprint."""
    event = as_fields(work.get("event"))
    return (
        _first_plain(work, "container-title") or plain(event, "name") or plain(work, "group-title")
    )


def _date(work: Fields) -> str | None:
    """Return the first valid date, with the precision given."""
    return next(filter(None, map(_date_of, map(work.get, DATES))), None)


def _date_of(value: object) -> str | None:
    """Return the date in ``{"date-parts": [[2024, 5, 1]]}``; parts may be null, absent or text."""
    first = _first_of(as_fields(value).get("date-parts"))
    year = as_year(_first_of(first))
    if year is None or not isinstance(first, list):
        return None
    date = f"{year:04d}"
    for part, largest in zip(first[1:], (_MONTHS, _DAYS), strict=False):
        value = as_number(part)
        if not value or value > largest:
            break
        date += f"-{value:02d}"
    return date


def _first_of(value: object) -> object:
    """Return the first element of a list, None for an empty list or anything else."""
    return value[0] if isinstance(value, list) and value else None


def _authors(work: Fields) -> Iterator[Author]:
    for author in rows(work, "author"):
        name = _author_name(author)
        if name is None:
            continue
        yield Author(
            name=name,
            orcid=orcid(author, "ORCID"),
            affiliations=tuple(_affiliations(author)),
        )


def _author_name(author: Fields) -> str | None:
    """Return a person's full name, or the name of an organisation."""
    parts = (plain(author, "given"), plain(author, "family"), plain(author, "suffix"))
    return " ".join(filter(None, parts)) or plain(author, "name")


def _affiliations(author: Fields) -> Iterator[Affiliation]:
    for place in rows(author, "affiliation"):
        name = plain(place, "name")
        ror = _ror(rows(place, "id"))
        if name:
            yield Affiliation(name=name, ror=ror)


def _ror(ids: Iterable[Fields]) -> str | None:
    """Return the bare ROR id among the identifiers of an institution."""
    for row in ids:
        match = _ROR.search(text(row, "id") or "")
        if match:
            return match[1]
    return None


def _references(work: Fields) -> int | None:
    """Return the number of references, from the current field or its older name."""
    count = number(work, "references-count")
    return number(work, "reference-count") if count is None else count


def _identifiers(doi: str, relations: Iterable[Relation]) -> dict[str, str]:
    """Return the DOI and, if the work has a preprint on arXiv, its arXiv id."""
    identifiers = {"doi": doi}
    for relation in relations:
        if relation.kind == "has-preprint" and relation.value.startswith(ARXIV_DOI):
            arxiv = normalise("arxiv", relation.value.removeprefix(ARXIV_DOI))
            if arxiv:
                identifiers.setdefault("arxiv", arxiv)
    return identifiers


def _relations(work: Fields) -> Iterator[Relation]:
    """Return the stated relations; the work has ``updated-by``, the notice ``update-to``."""
    related = fields(work, "relation")
    for kind, targets in sorted(related.items()):
        # Skip a kind that is not a list: relations are optional, the work stays readable.
        for target in rows(related, kind) if isinstance(targets, list) else ():
            scheme = (text(target, "id-type") or "").lower()
            yield from _relation(kind, scheme, text(target, "id"))
    for update in rows(work, "updated-by"):
        yield from _relation(text(update, "type"), "doi", text(update, "DOI"))
    for update in rows(work, "update-to"):
        if kind_of_update := text(update, "type"):
            yield from _relation(f"is-{kind_of_update}-of", "doi", text(update, "DOI"))


def _relation(kind: str | None, scheme: str, value: str | None) -> Iterator[Relation]:
    """Yield the relation if it is complete."""
    if scheme == "doi" and value:
        value = normalise("doi", value)
    if kind is not None and scheme and value:
        yield Relation(kind=kind, scheme=scheme, value=value)


def _is_retracted(work: Fields, title: str) -> bool:
    """Return whether the title or a notice says that the work is retracted."""
    updates = {text(update, "type") for update in rows(work, "updated-by")}
    return bool(_RETRACTED.match(title)) or not updates.isdisjoint(RETRACTIONS)


def _links(work: Fields) -> Iterator[Link]:
    resource = as_fields(work.get("resource"))
    pages = unique((text(work, "URL"), text(as_fields(resource.get("primary")), "URL")))
    yield from (Link(url=url) for url in pages)
    seen = set(pages)
    for link in rows(work, "link"):
        url = text(link, "URL")
        is_new_pdf = url not in seen and text(link, "content-type") == "application/pdf"
        if url and is_new_pdf:
            seen.add(url)
            yield Link(url=url, kind="pdf", version=text(link, "content-version"))


def _license(work: Fields) -> str | None:
    """Return the licence of the published version ("vor"), else the first licence."""
    licenses = rows(work, "license")
    licenses.sort(key=lambda row: row.get("content-version") != "vor")
    return next(filter(None, (text(row, "URL") for row in licenses)), None)
