"""From a paper of Semantic Scholar to a record."""

from __future__ import annotations

from functools import cache

import msgspec
import pytest

from jobrunner.errors import UnreadableError
from jobrunner.identifiers.schemes import normalise
from jobrunner.models import Affiliation, Author, Link, Record
from jobrunner.sources.answers import Unreadable, read
from jobrunner.sources.json_fields import Fields
from jobrunner.sources.semantic_scholar.records import record_of
from tests.unit.sources.handled_source import real_records, spoilt

SHA = "204e3073870fae3d05bcbc2f6a8e263d9b72e776"


def record(**fields: object) -> Record:
    return record_of({"paperId": SHA, "title": "A title", **fields})


def identifiers(**external: object) -> dict[str, str]:
    found = record(externalIds=external).identifiers
    assert found.pop("s2") == SHA
    return found


WHOLE: Fields = {
    "paperId": SHA,
    "corpusId": 13756489,
    "externalIds": {
        "DOI": "10.48550/ARXIV.1706.03762",
        "ArXiv": "1706.03762",
        "MAG": "2963403868",
        "DBLP": "conf/nips/VaswaniSPUJGKP17",
        "PubMed": "123",
        "PubMedCentral": "456",
        "ACL": "P19-1001",
        "CorpusId": 13756489,
    },
    "url": f"https://www.semanticscholar.org/paper/{SHA}",
    "title": "Attention is All you Need",
    "abstract": "Abstract We show.",
    "venue": "NIPS",
    "publicationVenue": {"id": "d9", "name": "Neural Information Processing Systems"},
    "year": 2017,
    "publicationDate": "2017-06-12",
    "publicationTypes": ["JournalArticle", "Conference"],
    "journal": {"name": "ArXiv", "volume": "abs/1706.03762", "pages": "1-11"},
    "referenceCount": 41,
    "citationCount": 120000,
    "influentialCitationCount": 18000,
    "openAccessPdf": {"url": "https://x.org/a.pdf", "status": "GREEN", "license": "CCBY"},
    "fieldsOfStudy": ["Computer Science"],
    "s2FieldsOfStudy": [{"category": "Computer Science", "source": "external"}],
    "authors": [
        {
            "authorId": "40348417",
            "name": "Ashish Vaswani",
            "affiliations": ["Google", "Google"],
            "externalIds": {"ORCID": "0000-0002-1825-009X"},
        }
    ],
    "tldr": {"model": "tldr@v2.0.0", "text": "A new network."},
}


def test_a_whole_paper() -> None:
    assert record_of(WHOLE) == Record(
        id=SHA,
        title="Attention is All you Need",
        authors=(
            Author(
                name="Ashish Vaswani",
                id="40348417",
                orcid="0000-0002-1825-009X",
                affiliations=(Affiliation(name="Google"),),
            ),
        ),
        year=2017,
        date="2017-06-12",
        venue="Neural Information Processing Systems",
        type="JournalArticle",
        volume="abs/1706.03762",
        pages="1-11",
        identifiers={
            "s2": SHA,
            "doi": "10.48550/arxiv.1706.03762",
            "arxiv": "1706.03762",
            "pmid": "123",
            "pmcid": "PMC456",
            "mag": "2963403868",
            "acl": "P19-1001",
            "dblp": "conf/nips/VaswaniSPUJGKP17",
            "corpusid": "13756489",
        },
        abstract="We show.",
        summary="A new network.",
        citations=120000,
        influential_citations=18000,
        references=41,
        links=(
            Link(url=f"https://www.semanticscholar.org/paper/{SHA}"),
            Link(url="https://x.org/a.pdf", kind="pdf", open_access=True, license="CCBY"),
        ),
        open_access="green",
        open_access_url="https://x.org/a.pdf",
        license="CCBY",
        topics=("Computer Science",),
    )


@pytest.mark.parametrize(
    "name",
    [
        "externalIds", "abstract", "venue", "publicationVenue", "year", "publicationDate",
        "publicationTypes", "journal", "openAccessPdf", "fieldsOfStudy", "s2FieldsOfStudy",
        "authors", "tldr", "citationCount", "corpusId",
    ],
)  # fmt: skip
def test_null_is_what_is_not_there(name: str) -> None:
    assert record(**{name: None}) == record()


@pytest.mark.parametrize(
    ("external", "found"),
    [
        ({"DOI": "10.1609/AAAI.V34I05.6269"}, {"doi": "10.1609/aaai.v34i05.6269"}),
        ({"DOI": "10.1000%2Fa%28b%29"}, {"doi": "10.1000/a(b)"}),
        ({"DBLP": ["journals/x/A20", "conf/y/A20"]}, {"dblp": "journals/x/A20"}),
        ({"DBLP": []}, {}),
        ({"PubMed": 123}, {"pmid": "123"}),
        ({"PubMedCentral": "PMC456"}, {"pmcid": "PMC456"}),
        ({"ArXiv": "1706.03762v2"}, {"arxiv": "1706.03762"}),
        ({"DOI": "none", "MAG": True, "ACL": {}, "Unknown": "x"}, {}),
    ],
)
def test_identifiers_are_normalised(external: Fields, found: dict[str, str]) -> None:
    assert identifiers(**external) == found


def test_the_corpus_id_is_read_from_either_place() -> None:
    assert identifiers(CorpusId=7) == {"corpusid": "7"}
    assert record(corpusId=7).identifiers["corpusid"] == "7"


def test_an_empty_pdf_url_is_no_link() -> None:
    closed = record(openAccessPdf={"url": "", "status": "CLOSED", "disclaimer": "elided"})
    assert (closed.links, closed.open_access_url, closed.open_access) == ((), None, "closed")


@pytest.mark.parametrize(
    ("fields", "venue"),
    [
        ({"venue": "NIPS", "publicationVenue": {"name": "Neural"}}, "Neural"),
        ({"venue": "NIPS", "publicationVenue": None}, "NIPS"),
        ({"venue": "NIPS", "publicationVenue": "1901e811-ee72"}, "NIPS"),
        ({"venue": "", "journal": {"name": "ArXiv"}}, "ArXiv"),
        ({"venue": ""}, None),
    ],
)
def test_the_venue_is_the_fullest_name(fields: Fields, venue: str | None) -> None:
    assert record(**fields).venue == venue


def test_an_author_needs_a_name_only() -> None:
    authors = [{"authorId": None, "name": "Ann Lee"}, {"authorId": "5", "name": None}, None]
    assert record(authors=authors).authors == (Author(name="Ann Lee"),)


def test_topics_are_those_of_the_service_or_else_the_older_ones() -> None:
    assert record(s2FieldsOfStudy=[{"category": "Law"}], fieldsOfStudy=["Art"]).topics == ("Law",)
    assert record(s2FieldsOfStudy=None, fieldsOfStudy=["Art"]).topics == ("Art",)


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        ({}, "without a paperId"),
        ({"paperId": None}, "without a paperId"),
        ({"paperId": "649def34f8be"}, "without a paperId"),
        ({"paperId": SHA, "title": {}}, "title is not text"),
        ({"paperId": SHA, "authors": "x"}, "authors is not a list"),
        ({"paperId": SHA, "externalIds": []}, "externalIds is not an object"),
    ],
)
def test_a_paper_of_another_shape_is_unreadable(broken: Fields, why: str) -> None:
    with pytest.raises(UnreadableError, match=why):
        record_of(broken)


def test_whatever_a_field_holds_a_record_is_read_or_unreadable() -> None:
    for broken in spoilt(WHOLE):
        found = read("demo", record_of, broken)
        assert isinstance(found, Record | Unreadable)
        if isinstance(found, Record):
            assert msgspec.json.decode(msgspec.json.encode(found), type=Record) == found


# Over all recorded papers: what is there arrives.


@cache
def pairs() -> list[tuple[Fields, Record]]:
    return [(real, record_of(real)) for real in real_records("s2_papers")]


def test_every_recorded_paper_can_be_read() -> None:
    assert len(pairs()) > 5000
    assert all(r.id == p["paperId"] for p, r in pairs())


def test_every_recorded_identifier_arrives() -> None:
    names = {"DOI": "doi", "ArXiv": "arxiv", "PubMed": "pmid", "PubMedCentral": "pmcid"}
    names |= {"MAG": "mag", "ACL": "acl", "DBLP": "dblp", "CorpusId": "corpusid"}
    for p, r in pairs():
        external = p["externalIds"]
        assert isinstance(external, dict)
        assert set(r.identifiers) == {"s2", *(names[name] for name in external)}
        assert r.identifiers.get("doi") == normalise("doi", external.get("DOI"))


def test_every_recorded_abstract_title_and_author_arrives() -> None:
    assert sum(r.abstract is not None for _, r in pairs()) > 3700
    for p, r in pairs():
        assert bool(r.abstract) == bool(p.get("abstract"))
        assert bool(r.title) == bool(p["title"])
        assert len(r.authors) == len(p["authors"] if isinstance(p["authors"], list) else [])


def test_every_recorded_year_date_and_count_arrives() -> None:
    for p, r in pairs():
        assert r.year == p.get("year")
        assert r.date == p.get("publicationDate")
        assert r.citations == p.get("citationCount")
        assert r.references == p.get("referenceCount")
        assert r.influential_citations == p.get("influentialCitationCount")


def test_every_recorded_pdf_arrives() -> None:
    for p, r in pairs():
        access = p.get("openAccessPdf") or {}
        assert isinstance(access, dict)
        assert r.open_access_url == (access.get("url") or None)
        assert any(link.kind == "pdf" for link in r.links) == bool(access.get("url"))
