"""Turns a paper of Semantic Scholar into a :class:`~jobrunner.models.Record`.

Fields: https://api.semanticscholar.org/api-docs/graph.
"""

from __future__ import annotations

from collections.abc import Iterator

from jobrunner.errors import UnreadableError
from jobrunner.identifiers.schemes import normalise
from jobrunner.models import Affiliation, Author, Link, Record
from jobrunner.sources.json_fields import (
    Fields,
    abstract,
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

_SCHEMES = {
    "DOI": "doi",
    "ArXiv": "arxiv",
    "PubMed": "pmid",
    "PubMedCentral": "pmcid",
    "MAG": "mag",
    "ACL": "acl",
    "DBLP": "dblp",
}


def record_of(paper: Fields) -> Record:
    """Return the record of a paper. Raises :class:`UnreadableError`."""
    paper_id = identifier(paper, "paperId", "s2")
    if paper_id is None:
        raise UnreadableError("paper without a paperId")
    title = plain_title(paper, "title")
    journal = fields(paper, "journal")
    access = fields(paper, "openAccessPdf")
    summary = fields(paper, "tldr")
    types = texts(paper, "publicationTypes")
    return Record(
        id=paper_id,
        title=title,
        authors=tuple(_authors(paper)),
        year=year(paper, "year"),
        date=date(paper, "publicationDate"),
        venue=_venue(paper, journal),
        type=types[0] if types else None,
        volume=text(journal, "volume"),
        pages=text(journal, "pages"),
        identifiers=_identifiers(paper, paper_id),
        abstract=abstract(paper, "abstract"),
        summary=plain(summary, "text"),
        citations=number(paper, "citationCount"),
        influential_citations=number(paper, "influentialCitationCount"),
        references=number(paper, "referenceCount"),
        links=tuple(_links(paper, access)),
        open_access=_open_access(access),
        open_access_url=text(access, "url"),
        license=text(access, "license"),
        topics=_topics(paper),
    )


def _venue(paper: Fields, journal: Fields) -> str | None:
    """Return the venue's full name; in older answers ``publicationVenue`` is only an id."""
    venue = as_fields(paper.get("publicationVenue"))
    return plain(venue, "name") or plain(paper, "venue") or plain(journal, "name")


def _identifiers(paper: Fields, paper_id: str) -> dict[str, str]:
    external = fields(paper, "externalIds")
    identifiers: dict[str, str | None] = {"s2": paper_id}
    for name, scheme in _SCHEMES.items():
        identifiers[scheme] = _identifier(scheme, external.get(name))
    corpus = paper.get("corpusId") or external.get("CorpusId")
    identifiers["corpusid"] = _identifier("corpusid", corpus)
    return present(identifiers)


def _identifier(scheme: str, value: object) -> str | None:
    """Return a normalised identifier; DBLP's can be a list of keys for the same paper."""
    if isinstance(value, list):
        value = next(iter(value), None)
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return None
    written = str(value)
    if scheme == "pmcid" and written.isdigit():
        written = f"PMC{written}"
    return normalise(scheme, written)


def _authors(paper: Fields) -> Iterator[Author]:
    for author in rows(paper, "authors"):
        name = plain(author, "name")
        if name is None:
            continue
        external = fields(author, "externalIds")
        places = unique(texts(author, "affiliations"))
        yield Author(
            name=name,
            id=text(author, "authorId"),
            orcid=orcid(external, "ORCID"),
            affiliations=tuple(Affiliation(name=place) for place in places),
        )


def _links(paper: Fields, access: Fields) -> Iterator[Link]:
    page, pdf = text(paper, "url"), text(access, "url")
    if page:
        yield Link(url=page)
    if pdf:
        yield Link(url=pdf, kind="pdf", open_access=True, license=text(access, "license"))


def _open_access(access: Fields) -> str | None:
    """Return the open-access colour in lower case, as OpenAlex does."""
    status = text(access, "status")
    return status.lower() if status else None


def _topics(paper: Fields) -> tuple[str, ...]:
    """Return the fields of study, from ``s2FieldsOfStudy`` if present: it is more complete."""
    named = [text(row, "category") for row in rows(paper, "s2FieldsOfStudy")]
    return unique(named or texts(paper, "fieldsOfStudy"))
