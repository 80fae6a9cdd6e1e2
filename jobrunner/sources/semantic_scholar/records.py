"""From a paper of Semantic Scholar to a :class:`~jobrunner.models.Record`.

Fields: https://api.semanticscholar.org/api-docs/graph.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

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

_SCHEMES = {
    "DOI": "doi",
    "ArXiv": "arxiv",
    "PubMed": "pmid",
    "PubMedCentral": "pmcid",
    "MAG": "mag",
    "ACL": "acl",
    "DBLP": "dblp",
}
_ORCID = re.compile(r"\d{4}-\d{4}-\d{4}-\d{3}[\dX]")


def record_of(paper: Fields) -> Record:
    """Return the record of a paper. Raises :class:`UnreadableError`."""
    identifier = normalise("s2", text(paper.get("paperId")) or "")
    if identifier is None:
        raise UnreadableError("paper without a paperId")
    title = paper.get("title")
    if title is not None and not isinstance(title, str):
        raise UnreadableError("title is not text")
    journal = fields(paper.get("journal"), "journal")
    access = fields(paper.get("openAccessPdf"), "openAccessPdf")
    summary = fields(paper.get("tldr"), "tldr")
    types = texts(paper.get("publicationTypes"), "publicationTypes")
    return Record(
        id=identifier,
        title=plain(title) or "",
        authors=tuple(_authors(paper)),
        year=year(paper.get("year")),
        date=date(paper.get("publicationDate")),
        venue=_venue(paper, journal),
        type=types[0] if types else None,
        volume=text(journal.get("volume")),
        pages=text(journal.get("pages")),
        identifiers=_identifiers(paper, identifier),
        abstract=abstract(paper.get("abstract")),
        summary=plain(summary.get("text")),
        citations=number(paper.get("citationCount")),
        influential_citations=number(paper.get("influentialCitationCount")),
        references=number(paper.get("referenceCount")),
        links=tuple(_links(paper, access)),
        open_access=(text(access.get("status")) or "").lower() or None,
        open_access_url=text(access.get("url")),
        license=text(access.get("license")),
        topics=_topics(paper),
    )


def _venue(paper: Fields, journal: Fields) -> str | None:
    """Return the venue's full name; older answers give ``publicationVenue`` as a bare id."""
    venue = paper.get("publicationVenue")
    named = plain(venue.get("name")) if isinstance(venue, dict) else None
    return named or plain(paper.get("venue")) or plain(journal.get("name"))


def _identifiers(paper: Fields, identifier: str) -> dict[str, str]:
    external = fields(paper.get("externalIds"), "externalIds")
    found: dict[str, str | None] = {"s2": identifier}
    for name, scheme in _SCHEMES.items():
        found[scheme] = _identifier(scheme, external.get(name))
    corpus = paper.get("corpusId") or external.get("CorpusId")
    found["corpusid"] = _identifier("corpusid", corpus)
    return {scheme: value for scheme, value in found.items() if value}


def _identifier(scheme: str, value: object) -> str | None:
    """Return a normalised identifier; DBLP's can be a list of keys of the same paper."""
    if isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return None
    found = str(value)
    if scheme == "pmcid" and found.isdigit():
        found = f"PMC{found}"
    return normalise(scheme, found)


def _authors(paper: Fields) -> Iterator[Author]:
    for author in rows(paper.get("authors"), "authors"):
        name = plain(author.get("name"))
        if name:
            external = fields(author.get("externalIds"), "externalIds")
            orcid = _ORCID.search(text(external.get("ORCID")) or "")
            places = unique(texts(author.get("affiliations"), "affiliations"))
            yield Author(
                name=name,
                id=text(author.get("authorId")),
                orcid=orcid[0] if orcid else None,
                affiliations=tuple(Affiliation(name=place) for place in places),
            )


def _links(paper: Fields, access: Fields) -> Iterator[Link]:
    page, pdf = text(paper.get("url")), text(access.get("url"))
    if page:
        yield Link(url=page)
    if pdf:
        yield Link(url=pdf, kind="pdf", open_access=True, license=text(access.get("license")))


def _topics(paper: Fields) -> tuple[str, ...]:
    named = [text(row.get("category")) for row in rows(paper.get("s2FieldsOfStudy"), "fields")]
    return unique(named or texts(paper.get("fieldsOfStudy"), "fieldsOfStudy"))
