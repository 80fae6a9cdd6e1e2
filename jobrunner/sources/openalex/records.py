"""Turns an OpenAlex work into a :class:`~jobrunner.models.Record`.

Works follow the schema of their year: formerly `host_venue` and `concepts`, now `locations`,
`topics` and `awards` (https://developers.openalex.org/api-reference/works).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from jobrunner.errors import UnreadableError
from jobrunner.identifiers.schemes import normalise
from jobrunner.models import Affiliation, Author, Link, Record
from jobrunner.sources.json_fields import (
    Fields,
    as_abstract,
    as_fields,
    date,
    fields,
    identifier,
    number,
    orcid,
    plain,
    plain_title,
    present,
    rows,
    text,
    texts,
    unique,
    year,
)

MOST_AUTHORS = 100
"""Most authors of a work in a list; a lookup of the single work returns all of them."""

_ARXIV_URL = re.compile(
    r"^https?://(?:www\.|export\.)?arxiv\.org/(?:abs|pdf)/(.+?)(?:\.pdf)?$", re.IGNORECASE
)
_ARXIV_DOI = re.compile(r"10\.48550/arxiv\.", re.IGNORECASE)


def record_of(work: Fields) -> Record:
    """Return the record of a work. Raises :class:`UnreadableError`."""
    work_id = identifier(work, "id", "openalex")
    if work_id is None:
        raise UnreadableError("work without an id")
    title = plain_title(work, "title", "display_name")
    authorships = rows(work, "authorships")
    primary = fields(work, "primary_location")
    best = fields(work, "best_oa_location")
    access = fields(work, "open_access")
    biblio = fields(work, "biblio")
    venue, publisher = _venue(work, primary)
    authors = tuple(_authors(authorships))
    locations = _locations(work)
    return Record(
        id=work_id,
        title=title,
        authors=authors,
        authors_truncated=_is_truncated(work, len(authorships)),
        year=year(work, "publication_year"),
        date=date(work, "publication_date"),
        venue=venue,
        publisher=publisher,
        type=text(work, "type"),
        language=text(work, "language"),
        volume=text(biblio, "volume"),
        issue=text(biblio, "issue"),
        pages=_pages(biblio),
        identifiers=_identifiers(work, locations),
        abstract=abstract_of(work.get("abstract_inverted_index")),
        citations=number(work, "cited_by_count"),
        citations_by_year=_by_year(work),
        references=number(work, "referenced_works_count"),
        links=tuple(_links(locations)),
        open_access=text(access, "oa_status"),
        open_access_url=_open_access_url(access, best),
        license=text(best, "license") or text(primary, "license"),
        topics=_topics(work),
        funders=_funders(work),
        is_retracted=work.get("is_retracted") is True,
    )


def handles_of(work: Fields) -> set[tuple[str, str]]:
    """Return every (scheme, value) that can have matched a work in a list.

    More than the record's identifiers: `doi` and `ids.doi` can differ, and a work can have several
    arXiv pages as 'location', some of other papers. Unreadable works have handles too.
    """
    ids = as_fields(work.get("ids"))
    is_readable = isinstance(work.get("locations"), list)
    locations = _locations(work if is_readable else {**work, "locations": None})
    handles = {
        ("doi", identifier(work, "doi", "doi")),
        ("doi", identifier(ids, "doi", "doi")),
        ("openalex", identifier(work, "id", "openalex")),
        ("pmid", _bare_id(ids, "pmid")),
        ("pmcid", _bare_id(ids, "pmcid")),
        ("mag", _bare_id(ids, "mag")),
    }
    handles.update(("location", value) for value in _arxiv_ids(work, locations))
    return {(scheme, value) for scheme, value in handles if value}


def _bare_id(ids: Fields, scheme: str) -> str | None:
    """Return an identifier given as a URL, a string of digits or, in older works, a number."""
    value = ids.get(scheme)
    if not isinstance(value, (str, int)):
        return None
    tail = _last_part(str(value))
    if scheme == "pmcid" and tail.isdigit():
        tail = f"PMC{tail}"
    return normalise(scheme, tail)


def _identifiers(work: Fields, locations: list[Fields]) -> dict[str, str]:
    ids = as_fields(work.get("ids"))
    doi = text(work, "doi") or text(ids, "doi") or ""
    arxiv = _arxiv_ids(work, locations)
    return present(
        {
            "doi": normalise("doi", doi),
            # Of two arXiv ids in one work, one belongs to another paper, and nothing says which.
            "arxiv": arxiv[0] if len(arxiv) == 1 else None,
            "pmid": _bare_id(ids, "pmid"),
            "pmcid": _bare_id(ids, "pmcid"),
            "openalex": identifier(work, "id", "openalex"),
            "mag": _bare_id(ids, "mag"),
        }
    )


def _arxiv_ids(work: Fields, locations: list[Fields]) -> tuple[str, ...]:
    urls = [text(work, "doi")]
    urls += [text(location, "landing_page_url") for location in locations]
    return unique(map(_arxiv_id, filter(None, urls)))


def _arxiv_id(url: str) -> str | None:
    doi = _ARXIV_DOI.split(url)
    if len(doi) > 1:
        return normalise("arxiv", doi[1])
    match = _ARXIV_URL.match(url)
    return normalise("arxiv", match[1]) if match else None


def _locations(work: Fields) -> list[Fields]:
    """Return the locations of all schemas, the primary one first."""
    single = [work.get("primary_location"), work.get("best_oa_location")]
    locations = [location for location in single if isinstance(location, dict)]
    locations[1:1] = rows(work, "locations")
    venue = work.get("host_venue")
    if isinstance(venue, dict):
        locations.append({**venue, "landing_page_url": venue.get("url")})
    return locations


def _links(locations: list[Fields]) -> Iterator[Link]:
    """Return the page and the PDF of each location; a repeated URL only the first time."""
    seen: set[str] = set()
    for location in locations:
        for kind, name in (("landing", "landing_page_url"), ("pdf", "pdf_url")):
            url = text(location, name)
            if url is None or url in seen:
                continue
            seen.add(url)
            yield Link(
                url=url,
                kind=kind,
                open_access=location.get("is_oa") is True,
                license=text(location, "license"),
                version=text(location, "version"),
            )


def _open_access_url(access: Fields, best: Fields) -> str | None:
    return text(access, "oa_url") or text(best, "pdf_url") or text(best, "landing_page_url")


def _venue(work: Fields, primary: Fields) -> tuple[str | None, str | None]:
    """Return the venue and its publisher, from the current or the older schema."""
    source = fields(primary, "source")
    host = fields(work, "host_venue")
    venue = plain(source, "display_name") or plain(host, "display_name")
    publisher = text(source, "host_organization_name") or text(host, "publisher")
    return venue or plain(primary, "raw_source_name"), publisher


def _authors(authorships: list[Fields]) -> Iterator[Author]:
    for authorship in authorships:
        author = fields(authorship, "author")
        name = plain(author, "display_name") or plain(authorship, "raw_author_name")
        if name is None:
            continue
        yield Author(
            name=name,
            id=_tail(author, "id"),
            orcid=orcid(author, "orcid"),
            affiliations=_affiliations(authorship),
        )


def _affiliations(authorship: Fields) -> tuple[Affiliation, ...]:
    """Return the institutions that OpenAlex recognised, else the affiliations as printed."""
    institutions = map(_affiliation, rows(authorship, "institutions"))
    recognised = tuple(filter(None, institutions))
    return recognised or tuple(Affiliation(name=name) for name in _printed_places(authorship))


def _affiliation(institution: Fields) -> Affiliation | None:
    name = plain(institution, "display_name")
    if name is None:
        return None
    return Affiliation(
        name=name, ror=_tail(institution, "ror"), country=text(institution, "country_code")
    )


def _printed_places(authorship: Fields) -> tuple[str, ...]:
    """Return affiliations as printed: now a list, formerly one text."""
    listed = texts(authorship, "raw_affiliation_strings")
    return unique(listed or [text(authorship, "raw_affiliation_string")])


def _tail(data: Fields, name: str) -> str | None:
    """Return the last part of an identifier that is a URL."""
    url = text(data, name)
    return _last_part(url) if url else None


def _last_part(url: str) -> str:
    return url.rstrip("/").rsplit("/", 1)[-1]


def _is_truncated(work: Fields, authors: int) -> bool:
    """Return whether the list cut the authors off, as stated or as their number shows."""
    stated = work.get("is_authors_truncated")
    if isinstance(stated, bool):
        return stated
    return authors == MOST_AUTHORS or (number(work, "authors_count") or 0) > authors


def _pages(biblio: Fields) -> str | None:
    pages = unique((text(biblio, "first_page"), text(biblio, "last_page")))
    return "-".join(pages) or None


def _by_year(work: Fields) -> dict[int, int]:
    counts = rows(work, "counts_by_year")
    pairs = ((year(row, "year"), number(row, "cited_by_count")) for row in counts)
    # Sort as texts: either value of a pair can be None, which cannot be compared to numbers.
    pairs_in_order = sorted(pairs, key=str)
    return {a: n for a, n in pairs_in_order if a is not None and n is not None}


def _topics(work: Fields) -> tuple[str, ...]:
    topics = rows(work, "topics") or rows(work, "concepts")
    return unique(text(topic, "display_name") for topic in topics)


def _funders(work: Fields) -> tuple[str, ...]:
    """Return the funders, including those of the awards (formerly `grants`)."""
    names = [text(funder, "display_name") for funder in rows(work, "funders")]
    awards = [*rows(work, "awards"), *rows(work, "grants")]
    names += [text(award, "funder_display_name") for award in awards]
    return unique(names)


def abstract_of(index: object) -> str | None:
    """Return the abstract from an inverted index (word to positions) in any of its forms."""
    if isinstance(index, str):
        return _abstract_of_text(index)
    if not isinstance(index, dict):
        return None
    inner = index.get("InvertedIndex")
    words = inner if isinstance(inner, dict) else index
    placed: list[tuple[int, str]] = []
    for word, places in words.items():
        if word and isinstance(places, list):
            placed += [(place, word) for place in places if isinstance(place, int)]
    return as_abstract(" ".join(word for _, word in sorted(placed)))


def _abstract_of_text(value: str) -> str | None:
    if not value.lstrip().startswith("{"):
        return as_abstract(value)
    try:
        return abstract_of(msgspec.json.decode(value, type=dict))
    except msgspec.MsgspecError:
        return None
