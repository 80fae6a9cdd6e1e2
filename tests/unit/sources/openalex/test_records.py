"""From a work of OpenAlex, in the schemas of several years, to a record."""

from __future__ import annotations

from functools import cache

import msgspec
import pytest

from jobrunner.errors import UnreadableError
from jobrunner.identifiers.schemes import normalise
from jobrunner.models import Affiliation, Author, Link, Record
from jobrunner.sources.answers import Unreadable, read
from jobrunner.sources.json_fields import Fields
from jobrunner.sources.openalex.records import MOST_AUTHORS, abstract_of, handles_of, record_of
from tests.unit.sources.handled_source import real_records, spoilt
from tests.unit.sources.openalex.works import authorships, work

INVERTED = {"We": [0], "show": [1, 3], "what": [2]}


def record(**fields: object) -> Record:
    return record_of(work("W11", "A title", **fields))


WHOLE: Fields = {
    "id": "https://openalex.org/W2626778328",
    "doi": "https://doi.org/10.65215/2Q58A426",
    "title": "Attention Is All You Need",
    "display_name": "Attention Is All You Need",
    "publication_year": 2017,
    "publication_date": "2017-06-12",
    "ids": {
        "openalex": "https://openalex.org/W2626778328",
        "doi": "https://doi.org/10.65215/2q58a426",
        "mag": "2626778328",
        "pmid": "https://pubmed.ncbi.nlm.nih.gov/12345",
        "pmcid": "https://www.ncbi.nlm.nih.gov/pmc/articles/67890",
    },
    "language": "en",
    "type": "preprint",
    "primary_location": {
        "is_oa": True,
        "landing_page_url": "http://arxiv.org/abs/1706.03762",
        "pdf_url": "https://arxiv.org/pdf/1706.03762",
        "license": "cc-by",
        "version": "submittedVersion",
        "source": {
            "display_name": "arXiv (Cornell University)",
            "host_organization_name": "Cornell University",
        },
    },
    "locations": [],
    "best_oa_location": {"pdf_url": "https://arxiv.org/pdf/1706.03762", "license": "cc0"},
    "open_access": {"oa_status": "green", "oa_url": "https://arxiv.org/pdf/1706.03762"},
    "authorships": [
        {
            "author": {
                "id": "https://openalex.org/A5",
                "display_name": "Ashish Vaswani",
                "orcid": "https://orcid.org/0000-0002-1825-009X",
            },
            "institutions": [
                {
                    "display_name": "Google",
                    "ror": "https://ror.org/00njsd438",
                    "country_code": "US",
                }
            ],
        }
    ],
    "cited_by_count": 6500,
    "counts_by_year": [{"year": 2024, "cited_by_count": 7}, {"year": 2023}],
    "referenced_works_count": 40,
    "biblio": {"volume": "30", "issue": "1", "first_page": "5998", "last_page": "6008"},
    "is_retracted": False,
    "topics": [{"display_name": "Topic Modeling"}],
    "awards": [{"funder_display_name": "NSF"}],
    "funders": [{"display_name": "DFG"}],
    "abstract_inverted_index": INVERTED,
}


def test_a_whole_work_of_today() -> None:
    assert record_of(WHOLE) == Record(
        id="W2626778328",
        title="Attention Is All You Need",
        authors=(
            Author(
                name="Ashish Vaswani",
                id="A5",
                orcid="0000-0002-1825-009X",
                affiliations=(Affiliation(name="Google", ror="00njsd438", country="US"),),
            ),
        ),
        year=2017,
        date="2017-06-12",
        venue="arXiv (Cornell University)",
        publisher="Cornell University",
        type="preprint",
        language="en",
        volume="30",
        issue="1",
        pages="5998-6008",
        identifiers={
            "doi": "10.65215/2q58a426",
            "arxiv": "1706.03762",
            "pmid": "12345",
            "pmcid": "PMC67890",
            "openalex": "W2626778328",
            "mag": "2626778328",
        },
        abstract="We show what show",
        citations=6500,
        citations_by_year={2024: 7},
        references=40,
        links=(
            Link(
                url="http://arxiv.org/abs/1706.03762",
                open_access=True,
                license="cc-by",
                version="submittedVersion",
            ),
            Link(
                url="https://arxiv.org/pdf/1706.03762",
                kind="pdf",
                open_access=True,
                license="cc-by",
                version="submittedVersion",
            ),
        ),
        open_access="green",
        open_access_url="https://arxiv.org/pdf/1706.03762",
        license="cc0",
        topics=("Topic Modeling",),
        funders=("DFG", "NSF"),
    )


def test_the_old_schema_with_a_host_venue_is_read() -> None:
    host = {"display_name": "Nature", "publisher": "Springer", "url": "https://doi.org/10.1000/x"}
    old = record(host_venue={**host, "is_oa": True}, concepts=[{"display_name": "Biology"}])
    assert (old.venue, old.publisher, old.topics) == ("Nature", "Springer", ("Biology",))
    assert old.links == (Link(url="https://doi.org/10.1000/x", open_access=True),)


def test_old_grants_name_funders() -> None:
    assert record(grants=[{"funder_display_name": "ERC", "award_id": "1"}]).funders == ("ERC",)


def test_old_numeric_mag_ids_are_read() -> None:
    assert record(ids={"mag": 2626778328}).identifiers["mag"] == "2626778328"


@pytest.mark.parametrize(
    "name",
    [
        "primary_location",
        "best_oa_location",
        "open_access",
        "authorships",
        "locations",
        "biblio",
        "ids",
        "topics",
        "abstract_inverted_index",
        "counts_by_year",
        "doi",
        "language",
    ],
)
def test_null_is_what_is_not_there(name: str) -> None:
    assert record_of({**work("W11", "A title"), name: None}) == record_of(
        {k: v for k, v in work("W11", "A title").items() if k != name}
    )


def test_a_work_without_a_title_has_an_empty_one() -> None:
    assert record_of(work("W2963341956", None)).title == ""
    assert record_of({"id": "W11", "title": None, "display_name": "Shown"}).title == "Shown"


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        ({}, "without an id"),
        ({"id": None}, "without an id"),
        ({"id": "https://openalex.org/A5"}, "without an id"),
        ({"id": "W11", "title": ["x"]}, "title is not text"),
        ({"id": "W11", "authorships": "x"}, "authorships is not a list"),
        ({"id": "W11", "primary_location": []}, "primary_location is not an object"),
        ({"id": "W11", "authorships": [{"author": "x"}]}, "author is not an object"),
        ({"id": "W11", "locations": {}}, "locations is not a list"),
    ],
)
def test_a_work_of_another_shape_is_unreadable(broken: Fields, why: str) -> None:
    with pytest.raises(UnreadableError, match=why):
        record_of(broken)


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"author": {"id": None, "display_name": "Ann Lee"}}, ["Ann Lee"]),
        ({"author": None, "raw_author_name": "A. Lee"}, ["A. Lee"]),
        ({"author": {"display_name": None}, "raw_author_name": "A. Lee"}, ["A. Lee"]),
        ({"author": {}}, []),
    ],
)
def test_an_author_may_be_known_by_the_raw_name_alone(fields: Fields, names: list[str]) -> None:
    assert [author.name for author in record(authorships=[fields]).authors] == names


def test_raw_affiliations_stand_in_for_unknown_institutions() -> None:
    raw = {
        "author": {"display_name": "Ann Lee"},
        "institutions": [],
        "raw_affiliation_strings": ["Dept. of X, Y", "Dept. of X, Y"],
    }
    assert record(authorships=[raw]).authors[0].affiliations == (Affiliation(name="Dept. of X, Y"),)


@pytest.mark.parametrize(
    ("fields", "truncated"),
    [
        ({"authorships": authorships(*"ab")}, False),
        ({"authorships": authorships(*["x"] * MOST_AUTHORS)}, True),
        ({"authorships": authorships(*["x"] * (MOST_AUTHORS + 1))}, False),
        ({"authorships": authorships(*"ab"), "is_authors_truncated": True}, True),
        (
            {"authorships": authorships(*["x"] * MOST_AUTHORS), "is_authors_truncated": False},
            False,
        ),
        ({"authorships": authorships(*"ab"), "authors_count": 3}, True),
    ],
)
def test_a_list_of_authors_that_was_cut_is_known_as_such(fields: Fields, truncated: bool) -> None:
    assert record(**fields).authors_truncated is truncated


@pytest.mark.parametrize(
    ("index", "abstract"),
    [
        (INVERTED, "We show what show"),
        ({"show": [7], "We": [2], "it": [9]}, "We show it"),
        ({"We": [0], "": [1], "show": [2]}, "We show"),
        ({"IndexLength": 4, "InvertedIndex": INVERTED}, "We show what show"),
        ('{"IndexLength": 4, "InvertedIndex": {"We": [0], "show": [1]}}', "We show"),
        ("We show it as a text", "We show it as a text"),
        ({"Abstract": [0], "We": [1], "show": [2]}, "We show"),
        ({"InvertedIndex": [1], "An": [0]}, "An InvertedIndex"),
        ({"<p>We": [0], "show</p>": [1]}, "We show"),
        ({"We": [0], "show": "1", "it": [None, "2", 1]}, "We it"),
        ({}, None),
        (None, None),
        ("", None),
        ("{not json", None),
        ([["We", 0]], None),
        (7, None),
    ],
)
def test_an_abstract_is_put_together_whatever_its_shape(index: object, abstract: str) -> None:
    assert abstract_of(index) == abstract


def test_doi_and_ids_doi_may_differ_and_both_find_the_work() -> None:
    both = work(
        "W11", "A title", doi="https://doi.org/10.1000/A", ids={"doi": "https://doi.org/10.6084/B"}
    )
    assert {("doi", "10.1000/a"), ("doi", "10.6084/b")} <= handles_of(both)
    assert record_of(both).identifiers["doi"] == "10.1000/a"


def test_a_work_is_found_by_each_of_its_identifiers() -> None:
    ids = {
        "mag": "26",
        "pmid": "https://pubmed.ncbi.nlm.nih.gov/7",
        "pmcid": "https://www.ncbi.nlm.nih.gov/pmc/articles/8",
    }
    pages = [{"landing_page_url": "http://arxiv.org/abs/math/0309136v2"}]
    assert handles_of(work("W11", "A title", ids=ids, locations=pages)) == {
        ("openalex", "W11"),
        ("mag", "26"),
        ("pmid", "7"),
        ("pmcid", "PMC8"),
        ("location", "math/0309136"),
    }


def test_an_unreadable_work_is_found_too() -> None:
    broken: Fields = {"doi": "https://doi.org/10.1000/x", "ids": "broken"}
    assert handles_of(broken) == {("doi", "10.1000/x")}


@pytest.mark.parametrize(
    ("url", "arxiv"),
    [
        ("http://arxiv.org/abs/1706.03762", "1706.03762"),
        ("https://arxiv.org/abs/1706.03762v5", "1706.03762"),
        ("https://arxiv.org/pdf/1706.03762.pdf", "1706.03762"),
        ("https://export.arxiv.org/abs/math/0309136", "math/0309136"),
        ("https://doi.org/10.48550/arXiv.1706.03762", "1706.03762"),
        ("https://example.org/?u=arxiv.org/abs/1706.03762", None),
        ("https://arxiv.org/list/cs", None),
    ],
)
def test_an_arxiv_id_is_read_from_the_pages_of_a_work(url: str, arxiv: str | None) -> None:
    pages = [{"landing_page_url": url}]
    assert record(locations=pages).identifiers.get("arxiv") == arxiv


def test_of_two_arxiv_pages_none_is_believed_but_both_find_the_work() -> None:
    pages = [{"landing_page_url": f"https://arxiv.org/abs/2501.1294{n}"} for n in (8, 9)]
    wrongly_merged = work("W4406779522", "A title", locations=pages)
    assert "arxiv" not in record_of(wrongly_merged).identifiers
    assert {("location", "2501.12948"), ("location", "2501.12949")} <= handles_of(wrongly_merged)


def test_the_primary_location_comes_first_and_each_url_once() -> None:
    one, two = {"landing_page_url": "https://a.org"}, {"landing_page_url": "https://b.org"}
    links = record(primary_location=two, locations=[one, two], best_oa_location=one).links
    assert [link.url for link in links] == ["https://b.org", "https://a.org"]


def test_a_page_alone_is_a_range_of_one() -> None:
    assert record(biblio={"first_page": "7", "last_page": "7"}).pages == "7"
    assert record(biblio={"first_page": "7"}).pages == "7"
    assert record(biblio={}).pages is None


def test_a_retracted_work_is_known_as_such() -> None:
    assert record(is_retracted=True).is_retracted
    assert not record(is_retracted="no").is_retracted


def test_whatever_a_field_holds_a_record_is_read_or_unreadable() -> None:
    for broken in spoilt(WHOLE):
        found = read("demo", record_of, broken)
        assert isinstance(found, Record | Unreadable)
        if isinstance(found, Record):
            assert msgspec.json.decode(msgspec.json.encode(found), type=Record) == found


# Over all recorded works: what is there arrives.

WORKS = "openalex_works"


def test_every_recorded_work_can_be_read() -> None:
    works = real_records(WORKS)
    assert len(works) > 2800
    for real in works:
        assert record_of(real).id == normalise("openalex", real["id"])


@cache
def pairs() -> list[tuple[Fields, Record]]:
    return [(real, record_of(real)) for real in real_records(WORKS)]


def test_every_recorded_abstract_arrives() -> None:
    assert sum(r.abstract is not None for _, r in pairs()) > 1100
    for w, r in pairs():
        assert bool(r.abstract) == bool(w.get("abstract_inverted_index"))


def test_every_recorded_word_of_an_abstract_arrives() -> None:
    for w, r in pairs():
        index = w.get("abstract_inverted_index")
        if isinstance(index, dict) and "InvertedIndex" not in index:
            words = sum(len(places) for word, places in index.items() if word.strip())
            assert len((r.abstract or "").split()) >= words * 0.8


def test_every_recorded_identifier_arrives() -> None:
    for w, r in pairs():
        ids = w.get("ids") or {}
        assert isinstance(ids, dict)
        doi = w.get("doi") or ids.get("doi")
        assert r.identifiers.get("doi") == (normalise("doi", doi) if doi else None)
        for scheme in ("pmid", "pmcid", "mag"):
            assert (scheme in r.identifiers) == bool(ids.get(scheme))
        assert r.identifiers["openalex"] == r.id


def test_every_recorded_work_is_found_by_the_identifiers_of_its_record() -> None:
    for w, r in pairs():
        found = {("arxiv" if scheme == "location" else scheme, v) for scheme, v in handles_of(w)}
        assert set(r.identifiers.items()) <= found


def test_every_recorded_author_arrives() -> None:
    for w, r in pairs():
        listed = w.get("authorships") or []
        assert isinstance(listed, list)
        assert len(r.authors) == len(listed)
        assert r.authors_truncated == (len(listed) == MOST_AUTHORS)


def test_every_recorded_title_year_and_count_arrives() -> None:
    for w, r in pairs():
        assert bool(r.title) == bool(w.get("title") or w.get("display_name"))
        assert r.year == w.get("publication_year")
        assert r.citations == w.get("cited_by_count")
        assert r.references == w.get("referenced_works_count")
        assert r.type == w.get("type")


def test_every_recorded_page_of_a_work_arrives() -> None:
    for w, r in pairs():
        locations = w.get("locations") or []
        assert isinstance(locations, list)
        pages = {location.get("landing_page_url") for location in locations} - {None}
        assert pages <= {link.url for link in r.links}
