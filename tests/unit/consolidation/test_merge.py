from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import permutations
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobrunner.consolidation.merge import Consolidator
from jobrunner.consolidation.policy import DEFAULT, Policy
from jobrunner.inputs.paper_fields import paper_of_text
from jobrunner.models import Affiliation, Author, Given, Link, Record, Relation

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)
NAMES = st.sampled_from(
    ("title", "abstract", "year", "venue", "authors", "url", "urls", "doi", "ids")
)

FULL = {
    "openalex": Record(
        id="W1",
        title="Deep nets",
        year=2020,
        citations=12,
        references=0,
        citations_by_year={2021: 7, 2020: 5},
        authors=(Author(name="A. Lee"),),
        authors_truncated=True,
        identifiers={"openalex": "W1", "doi": "10.1000/a"},
        links=(Link(url="https://a.org"), Link(url="https://b.org", kind="pdf", open_access=True)),
        open_access="green",
    ),
    "semantic_scholar": Record(
        id="5" * 40,
        title="Deep Nets.",
        year=2019,
        venue="ICML",
        abstract="We show.",
        citations=15,
        influential_citations=0,
        identifiers={"s2": "5" * 40, "doi": "10.48550/arxiv.2001.00001", "arxiv": "2001.00001"},
        open_access="gold",
        open_access_url="https://b.org/a.pdf",
    ),
    "crossref": Record(
        id="10.1000/b",
        title="Deep nets",
        citations=9,
        references=31,
        publisher="Press",
        authors=(
            Author(
                name="Ann Lee",
                orcid="0000-0002-1825-0097",
                affiliations=(Affiliation(name="ETH", ror="05a28rw58", country="CH"),),
            ),
            Author(name="Bo Chen"),
        ),
        identifiers={"doi": "10.1000/b"},
        links=(Link(url="https://a.org"), Link(url="https://c.org")),
        is_retracted=True,
    ),
}


def consolidate(
    paper: Mapping[str, object], records: dict[str, Record], policy: Policy = DEFAULT
) -> dict[str, Any]:
    """Return a view as whoever reads a snapshot sees it."""
    read = paper_of_text(0, json.dumps(paper))
    given = Given(
        fields=paper, title=read.title, authors=read.authors, year=read.year, venue=read.venue
    )
    view: dict[str, Any] = msgspec.json.decode(
        msgspec.json.encode(Consolidator(policy).consolidate(given, records))
    )
    return view


def test_every_value_names_its_source() -> None:
    view = consolidate({"title": "Deep Nets"}, FULL)
    assert view["title"] == {"value": "Deep Nets", "source": "input"}
    assert view["year"] == {"value": 2020, "source": "openalex"}
    assert view["venue"] == {"value": "ICML", "source": "semantic_scholar"}
    assert view["publisher"] == {"value": "Press", "source": "crossref"}


PREPRINT = Record(
    id="W2",
    year=2019,
    date="2019-01-02",
    venue="arXiv",
    type="preprint",
    volume="abs/1901.00001",
    abstract="We show.",
    identifiers={"doi": "10.48550/arxiv.1901.00001", "arxiv": "1901.00001"},
)
PUBLISHED = Record(id="10.1000/b", year=2021, venue="ICML", identifiers={"doi": "10.1000/b"})


def test_a_preprint_and_what_was_published_of_it_are_not_blended() -> None:
    view = consolidate({}, {"openalex": PREPRINT, "crossref": PUBLISHED})
    assert view["year"] == {"value": 2021, "source": "crossref"}
    assert view["venue"] == {"value": "ICML", "source": "crossref"}
    assert {"date", "volume", "type"}.isdisjoint(view)
    assert view["abstract"] == {"value": "We show.", "source": "openalex"}


def test_a_preprint_alone_is_described_as_it_is() -> None:
    view = consolidate({}, {"openalex": PREPRINT, "semantic_scholar": PREPRINT})
    assert view["date"] == {"value": "2019-01-02", "source": "openalex"}
    assert "relations" not in view


def test_the_venue_that_a_service_gives_a_preprint_is_that_of_the_published_version() -> None:
    mixed = msgspec.structs.replace(PREPRINT, venue="ICML", type=None)
    published = msgspec.structs.replace(PUBLISHED, venue=None)
    view = consolidate({}, {"semantic_scholar": mixed, "crossref": published})
    assert view["venue"] == {"value": "ICML", "source": "semantic_scholar"}
    assert view["year"] == {"value": 2021, "source": "crossref"}


def test_a_policy_can_ask_for_the_preprints_year() -> None:
    records = {"openalex": PREPRINT, "crossref": PUBLISHED}
    view = consolidate({}, records, Policy(fields={"year": ("openalex",)}))
    assert view["year"] == {"value": 2019, "source": "openalex"}


def test_versions_and_corrections_are_linked() -> None:
    stated = Relation(kind="correction", scheme="doi", value="10.1000/b.erratum")
    published = msgspec.structs.replace(PUBLISHED, relations=(stated,))
    view = consolidate({}, {"openalex": PREPRINT, "crossref": published})
    assert view["relations"] == [
        {
            "kind": "has-preprint",
            "scheme": "arxiv",
            "value": "1901.00001",
            "source": "openalex",
        },
        {
            "kind": "correction",
            "scheme": "doi",
            "value": "10.1000/b.erratum",
            "source": "crossref",
        },
    ]


def test_citations_are_the_maximum_beside_what_all_say() -> None:
    counts = {"openalex": 12, "semantic_scholar": 15, "crossref": 9}
    view = consolidate({}, FULL)
    assert view["citations"] == {"value": 15, "source": "semantic_scholar", "all": counts}


def test_citations_can_be_those_of_the_first_source() -> None:
    view = consolidate({}, FULL, Policy(citations="priority"))
    assert isinstance(view["citations"], dict)
    assert view["citations"]["source"] == "openalex"


@pytest.mark.parametrize(
    ("theirs", "chosen"),
    [("We show.", ("We show.", "semantic_scholar")), ("", None)],
)
def test_the_users_own_abstract_comes_first(theirs: str, chosen: tuple[str, str] | None) -> None:
    records = {"semantic_scholar": Record(id="1", abstract=theirs)}
    mine = consolidate({"abstract": "I show."}, records)
    assert mine["abstract"] == {"value": "I show.", "source": "input"}
    blank = consolidate({"abstract": "  "}, records).get("abstract")
    assert blank == (chosen and {"value": chosen[0], "source": chosen[1]})


def test_a_known_value_is_not_overwritten_by_zero_or_blank() -> None:
    assert consolidate({}, FULL)["references"] == {"value": 31, "source": "crossref"}


def test_zero_is_kept_where_nobody_knows_better() -> None:
    view = consolidate({}, FULL)
    assert view["influential_citations"] == {"value": 0, "source": "semantic_scholar"}


def test_fields_that_nobody_knows_are_left_out() -> None:
    assert consolidate({}, {}) == {"identifiers": {}, "conflicts": []}


def test_a_complete_list_of_authors_comes_before_one_that_was_cut() -> None:
    assert consolidate({}, FULL)["authors"] == {
        "value": [
            {
                "name": "Ann Lee",
                "orcid": "0000-0002-1825-0097",
                "affiliations": [{"name": "ETH", "ror": "05a28rw58", "country": "CH"}],
            },
            {"name": "Bo Chen"},
        ],
        "source": "crossref",
    }


def test_the_given_authors_stand_in_where_no_source_names_any() -> None:
    view = consolidate({"authors": ["A. Lee", {"name": "Bo Chen"}, None]}, {})
    assert view["authors"] == {
        "value": [{"name": "A. Lee"}, {"name": "Bo Chen"}],
        "source": "input",
    }


def test_the_given_authors_come_first_if_the_policy_says_so() -> None:
    policy = Policy(given_first=frozenset({"authors"}))
    view = consolidate({"authors": ["A. Lee"]}, FULL, policy)
    assert view["authors"] == {"value": [{"name": "A. Lee"}], "source": "input"}
    assert consolidate({}, FULL, policy)["authors"] == consolidate({}, FULL)["authors"]


def test_identifiers_are_the_union_and_differences_are_listed() -> None:
    view = consolidate({"doi": "10.1000/A", "pmid": 12}, FULL)
    assert view["identifiers"] == {
        "doi": {"value": "10.1000/a", "source": "input"},
        "arxiv": {"value": "2001.00001", "source": "semantic_scholar"},
        "pmid": {"value": "12", "source": "input"},
        "openalex": {"value": "W1", "source": "openalex"},
        "s2": {"value": "5" * 40, "source": "semantic_scholar"},
    }
    others = [{"value": "10.1000/b", "source": "crossref"}]
    assert view["conflicts"] == [
        {"field": "doi", "value": "10.1000/a", "source": "input", "others": others}
    ]


def test_a_publishers_doi_comes_before_the_preprints() -> None:
    view = consolidate({"arxiv": "2001.00001"}, {"openalex": FULL["openalex"]})
    assert isinstance(view["identifiers"], dict)
    assert view["identifiers"]["doi"] == {"value": "10.1000/a", "source": "openalex"}
    assert view["conflicts"] == []


def test_the_doi_of_a_journal_beside_a_preprint_server_keeps_its_place() -> None:
    view = consolidate({"doi": "10.1101/gr.107524.110"}, {"openalex": FULL["openalex"]})
    assert isinstance(view["identifiers"], dict)
    assert view["identifiers"]["doi"] == {"value": "10.1101/gr.107524.110", "source": "input"}
    others = [{"value": "10.1000/a", "source": "openalex"}]
    assert view["conflicts"] == [
        {"field": "doi", "value": "10.1101/gr.107524.110", "source": "input", "others": others}
    ]


def test_urls_are_the_union_in_order() -> None:
    view = consolidate({"url": "https://c.org", "urls": [{"url": "https://d.org"}]}, FULL)
    assert isinstance(view["links"], list)
    assert [(link["value"], link["source"]) for link in view["links"]] == [
        ("https://c.org", "input"),
        ("https://d.org", "input"),
        ("https://a.org", "openalex"),
        ("https://b.org", "openalex"),
    ]


def test_open_access_is_the_first_link_to_read_it_at() -> None:
    assert consolidate({}, FULL)["open_access"] == {
        "value": "https://b.org/a.pdf",
        "source": "semantic_scholar",
        "status": "gold",
    }


def test_a_paper_is_retracted_if_any_source_says_so() -> None:
    retracted = {"value": True, "source": "crossref", "sources": ["crossref"]}
    assert consolidate({}, FULL)["is_retracted"] == retracted
    assert "is_retracted" not in consolidate({}, {"openalex": FULL["openalex"]})


def test_a_field_can_have_its_own_order_of_sources() -> None:
    view = consolidate({}, FULL, Policy(fields={"year": ("semantic_scholar",)}))
    assert view["year"] == {"value": 2019, "source": "semantic_scholar"}
    assert view["title"] == {"value": "Deep nets", "source": "openalex"}


def test_of_a_source_that_is_named_twice_the_first_place_counts() -> None:
    order = ("semantic_scholar", "openalex", "semantic_scholar")
    policy = Policy(fields={"year": order}, priority=("crossref", *order))
    assert consolidate({}, FULL, policy)["year"] == {"value": 2019, "source": "semantic_scholar"}
    assert list(consolidate({}, FULL, policy)["citations"]["all"]) == ["crossref", *order[:2]]


def test_sources_that_no_policy_names_come_last_by_name() -> None:
    records = {"zeta": Record(id="1", venue="Z"), "beta": Record(id="2", venue="B")}
    assert consolidate({}, records)["venue"] == {"value": "B", "source": "beta"}
    records["crossref"] = Record(id="3", venue="C")
    assert consolidate({}, records)["venue"] == {"value": "C", "source": "crossref"}


def test_the_order_of_records_makes_no_difference() -> None:
    views = {json.dumps(consolidate({}, dict(order))) for order in permutations(FULL.items())}
    assert len(views) == 1


def test_records_and_the_given_paper_are_not_altered() -> None:
    paper: dict[str, object] = {"title": "Deep Nets", "urls": ["https://c.org"]}
    before = msgspec.json.encode((paper, FULL))
    consolidate(paper, FULL)
    assert msgspec.json.encode((paper, FULL)) == before


@given(st.dictionaries(NAMES | st.text(), JSON, max_size=8))
def test_any_given_paper_makes_a_view_that_is_json(paper: dict[str, object]) -> None:
    view = consolidate(paper, FULL)
    assert msgspec.json.decode(msgspec.json.encode(view)) == view


def test_text_that_no_file_can_hold_does_not_reach_the_view() -> None:
    paper = {"title": "\ud800", "authors": ["\udfff"], "url": "https://\ud800"}
    msgspec.json.encode(consolidate(paper, {}))
