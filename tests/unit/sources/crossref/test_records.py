"""From a work of Crossref, as its members deposited it, to a record."""

from __future__ import annotations

from functools import cache

import msgspec
import pytest

from jobrunner.errors import UnreadableError
from jobrunner.identifiers.schemes import normalise
from jobrunner.models import Affiliation, Author, Link, Record, Relation
from jobrunner.sources.answers import Unreadable, read
from jobrunner.sources.crossref.records import MOST_RELATIONS, record_of
from jobrunner.sources.json_fields import Fields
from tests.unit.sources.handled_source import real_records, spoilt


def record(**fields: object) -> Record:
    """Return the record of a work; underscores in names stand for hyphens."""
    named = {name.replace("_", "-"): value for name, value in fields.items()}
    return record_of({"DOI": "10.1000/x", **named})


def dated(*parts: object) -> Fields:
    return {"date-parts": [list(parts)]}


WHOLE: Fields = {
    "DOI": "10.1000/X",
    "title": ["<i>Deep</i> learning &amp; more"],
    "subtitle": ["A survey"],
    "author": [
        {
            "given": "Ann",
            "family": "Lee",
            "ORCID": "http://orcid.org/0000-0002-1825-009X",
            "affiliation": [
                {
                    "name": "ETH Zürich",
                    "id": [{"id": "https://ror.org/05a28rw58", "id-type": "ROR"}],
                }
            ],
        },
        {"name": "The ATLAS Collaboration", "affiliation": []},
    ],
    "issued": dated(2024, 5, 1),
    "container-title": ["Nature", "Nature London"],
    "publisher": "Springer &amp; Co",
    "type": "journal-article",
    "language": "en",
    "volume": "521",
    "issue": "7553",
    "page": "436-444",
    "abstract": "<jats:title>Abstract</jats:title><jats:p>We show.</jats:p>",
    "is-referenced-by-count": 90,
    "references-count": 103,
    "URL": "https://doi.org/10.1000/x",
    "resource": {"primary": {"URL": "https://nature.com/x"}},
    "link": [
        {"URL": "https://nature.com/x.pdf", "content-type": "application/pdf"},
        {"URL": "https://nature.com/x.html", "content-type": "text/html"},
    ],
    "license": [
        {"URL": "https://example.org/tdm", "content-version": "tdm"},
        {"URL": "https://creativecommons.org/by/4.0", "content-version": "vor"},
    ],
    "subject": ["Multidisciplinary"],
    "funder": [{"name": "DFG", "DOI": "10.13039/1"}, {"name": "DFG"}],
    "relation": {
        "has-preprint": [{"id-type": "doi", "id": "10.48550/arXiv.1706.03762"}],
        "cites": [],
    },
    "updated-by": [{"DOI": "10.1000/Y", "type": "correction"}],
}


def test_a_whole_work() -> None:
    assert record_of(WHOLE) == Record(
        id="10.1000/x",
        title="Deep learning & more: A survey",
        authors=(
            Author(
                name="Ann Lee",
                orcid="0000-0002-1825-009X",
                affiliations=(Affiliation(name="ETH Zürich", ror="05a28rw58"),),
            ),
            Author(name="The ATLAS Collaboration"),
        ),
        year=2024,
        date="2024-05-01",
        venue="Nature",
        publisher="Springer & Co",
        type="journal-article",
        language="en",
        volume="521",
        issue="7553",
        pages="436-444",
        identifiers={"doi": "10.1000/x", "arxiv": "1706.03762"},
        abstract="We show.",
        citations=90,
        references=103,
        links=(
            Link(url="https://doi.org/10.1000/x"),
            Link(url="https://nature.com/x"),
            Link(url="https://nature.com/x.pdf", kind="pdf"),
        ),
        license="https://creativecommons.org/by/4.0",
        topics=("Multidisciplinary",),
        funders=("DFG",),
        relations=(
            Relation(kind="has-preprint", scheme="doi", value="10.48550/arxiv.1706.03762"),
            Relation(kind="correction", scheme="doi", value="10.1000/y"),
        ),
    )


def test_a_work_may_be_no_more_than_a_doi() -> None:
    assert record() == Record(id="10.1000/x", identifiers={"doi": "10.1000/x"})


@pytest.mark.parametrize(
    "name",
    ["title", "author", "issued", "container-title", "abstract", "link", "relation", "funder"],
)
def test_null_is_what_is_not_there(name: str) -> None:
    assert record(**{name: None}) == record()


@pytest.mark.parametrize(
    ("fields", "title"),
    [
        ({"title": []}, ""),
        ({"title": [""]}, ""),
        ({"title": ["", "Second"]}, "Second"),
        ({"title": ["First", "Zweiter"]}, "First"),
        ({"title": "As text"}, "As text"),
        ({"title": ["A\n   broken\ttitle"]}, "A broken title"),
        ({"title": ["Salt &amp;amp; Pepper"]}, "Salt & Pepper"),
        ({"title": ["Main"], "subtitle": ["Sub"]}, "Main: Sub"),
        ({"title": ["Main:"], "subtitle": ["Sub"]}, "Main: Sub"),
        ({"title": ["Main: sub"], "subtitle": ["Sub"]}, "Main: sub"),
        ({"title": [], "subtitle": ["Sub"]}, ""),
    ],
)
def test_the_title_is_the_first_one_with_its_subtitle(fields: Fields, title: str) -> None:
    assert record(**fields).title == title


@pytest.mark.parametrize(
    ("fields", "date"),
    [
        ({"issued": dated(2024)}, "2024"),
        ({"issued": dated(2024, 5)}, "2024-05"),
        ({"issued": dated(2024, 5, 1)}, "2024-05-01"),
        ({"issued": dated("2024", "5")}, "2024-05"),
        ({"issued": dated(2024, None, 1)}, "2024"),
        ({"issued": dated(2024, 13, 1)}, "2024"),
        ({"issued": dated(2024, 5, 32)}, "2024-05"),
        ({"issued": dated(None), "posted": dated(2023, 1)}, "2023-01"),
        ({"issued": dated(None)}, None),
        ({"issued": dated(0)}, None),
        ({"issued": {"date-parts": []}}, None),
        ({"issued": {"date-parts": [None]}}, None),
        ({"issued": {}}, None),
        ({"issued": "2024"}, None),
        ({"published-online": dated(2022)}, "2022"),
    ],
)
def test_a_date_is_as_precise_as_it_was_deposited(fields: Fields, date: str | None) -> None:
    found = record(**fields)
    assert found.date == date
    assert found.year == (int(date[:4]) if date else None)


@pytest.mark.parametrize(
    ("author", "name"),
    [
        ({"given": "Ann", "family": "Lee"}, "Ann Lee"),
        ({"given": "Martin Luther", "family": "King", "suffix": "Jr."}, "Martin Luther King Jr."),
        ({"family": "Plato"}, "Plato"),
        ({"name": "WHO &amp; partners"}, "WHO & partners"),
        ({"given": "Ann", "family": "Lee", "name": "ignored"}, "Ann Lee"),
    ],
)
def test_authors_are_persons_or_organisations(author: Fields, name: str) -> None:
    assert record(author=[author, {"sequence": "additional"}]).authors == (Author(name=name),)


def test_the_venue_may_be_an_event_or_a_group() -> None:
    assert record(container_title=[], event={"name": "ICML 2024"}).venue == "ICML 2024"
    assert record(group_title="Neuroscience").venue == "Neuroscience"
    assert record(container_title="As text").venue == "As text"


def test_an_article_number_stands_in_for_pages() -> None:
    assert record(article_number="e123").pages == "e123"


def test_the_older_name_of_the_count_of_references_is_read() -> None:
    assert record(reference_count=7).references == 7
    assert record(references_count=0, reference_count=7).references == 0


def test_an_update_is_told_from_both_sides() -> None:
    notice = record(update_to=[{"DOI": "10.1000/y", "type": "retraction"}])
    assert notice.relations == (Relation(kind="is-retraction-of", scheme="doi", value="10.1000/y"),)
    assert not notice.is_retracted


@pytest.mark.parametrize("kind", ["retraction", "withdrawal", "removal"])
def test_a_work_updated_by_a_retraction_is_retracted(kind: str) -> None:
    assert record(updated_by=[{"DOI": "10.1000/y", "type": kind}]).is_retracted
    assert not record(updated_by=[{"DOI": "10.1000/y", "type": "correction"}]).is_retracted


@pytest.mark.parametrize(
    ("title", "retracted"),
    [
        ("Retracted: A study", True),
        ("RETRACTED ARTICLE: A study", True),
        ("Retracted Article: A study", True),
        ("[Retracted] A study", True),
        ("WITHDRAWN: A study", True),
        ("Retraction: A study", False),
        ("Retraction Note: A study", False),
        ("Retracted papers and their authors", False),
        ("Withdrawal: a clinical view", False),
    ],
)
def test_a_retracted_work_may_say_so_in_its_title(title: str, retracted: bool) -> None:
    assert record(title=[title]).is_retracted is retracted


def test_relations_are_limited() -> None:
    many = [{"id-type": "doi", "id": f"10.1000/{n}"} for n in range(500)]
    assert len(record(relation={"has-review": many}).relations) == MOST_RELATIONS


@pytest.mark.parametrize(
    "relation",
    [
        {"has-preprint": [{"id": "10.1000/y"}]},
        {"has-preprint": [{"id-type": "doi", "id": "no DOI"}]},
        {"has-preprint": "x"},
        {"has-preprint": [None]},
    ],
)
def test_relations_that_name_nothing_are_left_out(relation: Fields) -> None:
    assert record(relation=relation).relations == ()


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        ({}, "without a DOI"),
        ({"DOI": None}, "without a DOI"),
        ({"DOI": "10.1/x"}, "without a DOI"),
        ({"DOI": "10.1000/x", "title": {}}, "title is not a list"),
        ({"DOI": "10.1000/x", "author": {}}, "author is not a list"),
        ({"DOI": "10.1000/x", "relation": []}, "relation is not an object"),
    ],
)
def test_a_work_of_another_shape_is_unreadable(broken: Fields, why: str) -> None:
    with pytest.raises(UnreadableError, match=why):
        record_of(broken)


def test_whatever_a_field_holds_a_record_is_read_or_unreadable() -> None:
    for broken in spoilt(WHOLE):
        found = read("demo", record_of, broken)
        assert isinstance(found, Record | Unreadable)
        if isinstance(found, Record):
            assert msgspec.json.decode(msgspec.json.encode(found), type=Record) == found


# Over all recorded works: what is there arrives.


@cache
def pairs() -> list[tuple[Fields, Record]]:
    return [(real, record_of(real)) for real in real_records("crossref_works")]


def test_every_recorded_work_can_be_read() -> None:
    assert len(pairs()) > 10_000
    assert all(r.id == normalise("doi", w["DOI"]) for w, r in pairs())


def test_every_recorded_title_arrives_without_markup() -> None:
    for w, r in pairs():
        titles = w.get("title") or []
        assert isinstance(titles, list)
        assert bool(r.title) == any(titles)
        assert not {"<i>", "<sub>", "<mml:", "&amp;", "\n"} & {
            r.title[i : i + 5] for i in range(99)
        }


def test_every_recorded_abstract_with_words_arrives() -> None:
    there = [w for w, _ in pairs() if w.get("abstract")]
    read = [r for _, r in pairs() if r.abstract]
    assert len(there) > 1600
    assert len(there) - len(read) <= 2
    assert not any("jats:" in (r.abstract or "") for r in read)


def test_every_recorded_author_arrives() -> None:
    lost = 0
    for w, r in pairs():
        listed = w.get("author") or []
        assert isinstance(listed, list)
        lost += len(listed) - len(r.authors)
    assert lost <= 1


def test_every_recorded_year_arrives() -> None:
    for w, r in pairs():
        issued = w.get("issued")
        if isinstance(issued, dict) and isinstance(issued["date-parts"][0][0], int):
            assert r.year == issued["date-parts"][0][0]
    assert sum(r.year is None for _, r in pairs()) < 200


def test_every_recorded_venue_and_count_arrives() -> None:
    for w, r in pairs():
        assert bool(r.venue) >= bool(w.get("container-title"))
        assert r.citations == w.get("is-referenced-by-count")
        assert bool(r.publisher) == bool(w.get("publisher"))
