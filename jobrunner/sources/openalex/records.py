"""From a work of OpenAlex to a :class:`~jobrunner.models.Record`.

Works come in the schemas of several years: `host_venue` and `concepts` before, `locations`,
`topics`, `awards` now (https://developers.openalex.org/api-reference/works).
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
    abstract,
    date,
    fields,
    number,
    plain,
    rows,
    text,
    texts,
    unique,
    year,
)

MOST_AUTHORS = 100
"""Lists of works hold this many authors of a work; only a single work holds all."""

_ARXIV_URL = re.compile(
    r"^https?://(?:www\.|export\.)?arxiv\.org/(?:abs|pdf)/(.+?)(?:\.pdf)?$", re.IGNORECASE
)
_ORCID = re.compile(r"\d{4}-\d{4}-\d{4}-\d{3}[\dX]")


def record_of(work: Fields) -> Record:
    """Return the record of a work. Raises :class:`UnreadableError`."""
    identifier = normalise("openalex", text(work.get("id")) or "")
    if identifier is None:
        raise UnreadableError("work without an id")
    title = work.get("title") or work.get("display_name")
    if title is not None and not isinstance(title, str):
        raise UnreadableError("title is not text")
    authorships = rows(work.get("authorships"), "authorships")
    primary = fields(work.get("primary_location"), "primary_location")
    best = fields(work.get("best_oa_location"), "best_oa_location")
    access = fields(work.get("open_access"), "open_access")
    biblio = fields(work.get("biblio"), "biblio")
    venue, publisher = _venue(work, primary)
    return Record(
        id=identifier,
        title=plain(title) or "",
        authors=tuple(_authors(authorships)),
        authors_truncated=_is_truncated(work, len(authorships)),
        year=year(work.get("publication_year")),
        date=date(work.get("publication_date")),
        venue=venue,
        publisher=publisher,
        type=text(work.get("type")),
        language=text(work.get("language")),
        volume=text(biblio.get("volume")),
        issue=text(biblio.get("issue")),
        pages=_pages(biblio),
        identifiers=_identifiers(work),
        abstract=abstract_of(work.get("abstract_inverted_index")),
        citations=number(work.get("cited_by_count")),
        citations_by_year=_by_year(work),
        references=number(work.get("referenced_works_count")),
        links=tuple(_links(work)),
        open_access=text(access.get("oa_status")),
        open_access_url=text(access.get("oa_url"))
        or text(best.get("pdf_url"))
        or text(best.get("landing_page_url")),
        license=text(best.get("license")) or text(primary.get("license")),
        topics=_topics(work),
        funders=_funders(work),
        is_retracted=work.get("is_retracted") is True,
    )


def handles_of(work: Fields) -> set[tuple[str, str]]:
    """Return every (scheme, value) by which a list may have found a work.

    More than the record's identifiers: `doi` and `ids.doi` can differ, and a work can hold several
    arXiv pages as 'location', not all of them its own. An unreadable work is found as well.
    """
    ids = _ids(work)
    locations = work.get("locations") if isinstance(work.get("locations"), list) else None
    found = {
        ("doi", normalise("doi", text(work.get("doi")) or "")),
        ("doi", normalise("doi", text(ids.get("doi")) or "")),
        ("openalex", normalise("openalex", text(work.get("id")) or "")),
        *((scheme, _plain_id(scheme, ids.get(scheme))) for scheme in ("pmid", "pmcid", "mag")),
        *(("location", value) for value in _arxiv_ids({**work, "locations": locations})),
    }
    return {(scheme, value) for scheme, value in found if value}


def _ids(work: Fields) -> Fields:
    ids = work.get("ids")
    return ids if isinstance(ids, dict) else {}


def _plain_id(scheme: str, value: object) -> str | None:
    """Return an identifier that is a URL, digits, or (in older works) a number."""
    tail = str(value).rstrip("/").rsplit("/", 1)[-1] if isinstance(value, (str, int)) else ""
    if scheme == "pmcid" and tail.isdigit():
        tail = f"PMC{tail}"
    return normalise(scheme, tail)


def _identifiers(work: Fields) -> dict[str, str]:
    ids = _ids(work)
    arxiv = _arxiv_ids(work)
    found = {
        "doi": normalise("doi", text(work.get("doi")) or text(ids.get("doi")) or ""),
        # Two arXiv locations in one work: one is another paper's, and nothing says which.
        "arxiv": arxiv[0] if len(arxiv) == 1 else None,
        "pmid": _plain_id("pmid", ids.get("pmid")),
        "pmcid": _plain_id("pmcid", ids.get("pmcid")),
        "openalex": normalise("openalex", text(work.get("id")) or ""),
        "mag": _plain_id("mag", ids.get("mag")),
    }
    return {scheme: value for scheme, value in found.items() if value}


def _arxiv_ids(work: Fields) -> tuple[str, ...]:
    urls = [text(work.get("doi"))]
    urls += [text(location.get("landing_page_url")) for location in _locations(work)]
    return unique(_arxiv_id(url) for url in urls if url)


def _arxiv_id(url: str) -> str | None:
    if "10.48550/arxiv." in url.lower():
        return normalise("arxiv", re.split(r"10\.48550/arxiv\.", url, flags=re.IGNORECASE)[1])
    match = _ARXIV_URL.match(url)
    return normalise("arxiv", match[1]) if match else None


def _locations(work: Fields) -> list[Fields]:
    """Return all locations, the primary one first, whatever their schema."""
    single = [work.get(name) for name in ("primary_location", "best_oa_location")]
    found = [location for location in single if isinstance(location, dict)]
    found[1:1] = rows(work.get("locations"), "locations")
    venue = work.get("host_venue")
    if isinstance(venue, dict):
        found.append({**venue, "landing_page_url": venue.get("url")})
    return found


def _links(work: Fields) -> Iterator[Link]:
    seen: set[str] = set()
    for location in _locations(work):
        for kind, name in (("landing", "landing_page_url"), ("pdf", "pdf_url")):
            url = text(location.get(name))
            if url and url not in seen:
                seen.add(url)
                yield Link(
                    url=url,
                    kind=kind,
                    open_access=location.get("is_oa") is True,
                    license=text(location.get("license")),
                    version=text(location.get("version")),
                )


def _venue(work: Fields, primary: Fields) -> tuple[str | None, str | None]:
    source = fields(primary.get("source"), "source")
    host = fields(work.get("host_venue"), "host_venue")
    venue = plain(source.get("display_name")) or plain(host.get("display_name"))
    publisher = text(source.get("host_organization_name")) or text(host.get("publisher"))
    return venue or plain(primary.get("raw_source_name")), publisher


def _authors(authorships: list[Fields]) -> Iterator[Author]:
    for authorship in authorships:
        author = fields(authorship.get("author"), "author")
        name = plain(author.get("display_name")) or plain(authorship.get("raw_author_name"))
        if name:
            orcid = _ORCID.search(text(author.get("orcid")) or "")
            yield Author(
                name=name,
                id=_tail(author.get("id")),
                orcid=orcid[0] if orcid else None,
                affiliations=tuple(_affiliations(authorship)),
            )


def _affiliations(authorship: Fields) -> Iterator[Affiliation]:
    institutions = rows(authorship.get("institutions"), "institutions")
    named = [(plain(i.get("display_name")), i) for i in institutions]
    for name, institution in named:
        if name:
            yield Affiliation(
                name=name,
                ror=_tail(institution.get("ror")),
                country=text(institution.get("country_code")),
            )
    if not any(name for name, _ in named):
        raw = texts(authorship.get("raw_affiliation_strings"), "raw_affiliation_strings")
        raw = raw or [text(authorship.get("raw_affiliation_string")) or ""]
        yield from (Affiliation(name=name) for name in unique(raw))


def _tail(value: object) -> str | None:
    """Return the last part of an identifier that is a URL."""
    found = text(value)
    return found.rstrip("/").rsplit("/", 1)[-1] if found else None


def _is_truncated(work: Fields, authors: int) -> bool:
    said = work.get("is_authors_truncated")
    if isinstance(said, bool):
        return said
    return authors == MOST_AUTHORS or (number(work.get("authors_count")) or 0) > authors


def _pages(biblio: Fields) -> str | None:
    return "-".join(unique(text(biblio.get(name)) for name in ("first_page", "last_page"))) or None


def _by_year(work: Fields) -> dict[int, int]:
    counts = rows(work.get("counts_by_year"), "counts_by_year")
    pairs = ((year(row.get("year")), number(row.get("cited_by_count"))) for row in counts)
    return {a: n for a, n in sorted(pairs, key=str) if a is not None and n is not None}


def _topics(work: Fields) -> tuple[str, ...]:
    topics = rows(work.get("topics"), "topics") or rows(work.get("concepts"), "concepts")
    return unique(text(topic.get("display_name")) for topic in topics)


def _funders(work: Fields) -> tuple[str, ...]:
    named = [text(row.get("display_name")) for row in rows(work.get("funders"), "funders")]
    for field in ("awards", "grants"):
        named += [text(row.get("funder_display_name")) for row in rows(work.get(field), field)]
    return unique(named)


def abstract_of(index: object) -> str | None:
    """Return the abstract of an inverted index (word to positions) in any of its shapes."""
    if isinstance(index, str):
        return _abstract_of_text(index)
    if not isinstance(index, dict):
        return None
    inner = index.get("InvertedIndex")
    if isinstance(inner, dict):
        index = inner
    placed = [
        (place, word)
        for word, places in index.items()
        if isinstance(places, list)
        for place in places
        if isinstance(place, int) and word
    ]
    return abstract(" ".join(word for _, word in sorted(placed)))


def _abstract_of_text(value: str) -> str | None:
    if not value.lstrip().startswith("{"):
        return abstract(value)
    try:
        return abstract_of(msgspec.json.decode(value, type=dict))
    except msgspec.MsgspecError:
        return None
