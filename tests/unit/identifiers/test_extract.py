from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobrunner.identifiers.extract import detect, identifiers_of
from jobrunner.identifiers.schemes import normalise
from tests.unit.identifiers.spellings import LIKE_IDENTIFIERS, SHA

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)
FIELDS = st.sampled_from(
    ("doi", "DOI", "arxiv", "arxiv_id", "arxivId", "eprint", "pmid", "pmcid", "openalex_id", "id",
     "s2_paper_id", "paperId", "corpus_id", "mag", "acl", "dblp", "externalIds", "ids", "url",
     "urls", "links", "paper_id", "type", "link", "value")
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("https://doi.org/10.1145/3442188", ("doi", "10.1145/3442188")),
        ("https://doi.org/10.48550/arXiv.2304.09006", ("arxiv", "2304.09006")),
        ("https://arxiv.org/abs/2304.09006v1", ("arxiv", "2304.09006")),
        ("arXiv preprint arXiv:1706.03762 (2017)", ("arxiv", "1706.03762")),
        ("abs/1706.03762", ("arxiv", "1706.03762")),
        ("see doi:10.1000/xyz, page 3", ("doi", "10.1000/xyz")),
        ("https://pubmed.ncbi.nlm.nih.gov/123456", ("pmid", "123456")),
        ("https://pmc.ncbi.nlm.nih.gov/articles/PMC123456/", ("pmcid", "PMC123456")),
        ("https://openalex.org/W2741809807", ("openalex", "W2741809807")),
        (f"https://api.semanticscholar.org/{SHA}", ("s2", SHA)),
        ("https://api.semanticscholar.org/CorpusID:215416146", ("corpusid", "215416146")),
        ("https://aclanthology.org/2020.acl-main.447/", ("acl", "2020.acl-main.447")),
        ("https://openreview.net/forum?id=B1-Hhnslg", None),
        ("123456789", None),
        ("c81f0bbb04c7a1baa8dadf52f0d38a77", None),
    ],
)
def test_text_is_an_identifier_where_it_names_its_scheme(
    text: str, found: tuple[str, str] | None
) -> None:
    assert detect(text) == found


def test_fields_are_read_under_the_names_that_people_give_them() -> None:
    record = {
        "DOI": "10.1145/3442188",
        "externalIds": {"ArXiv": "2304.09006", "CorpusId": 215416146, "DBLP": ["conf/a/B1", None]},
        "paperId": SHA,
        "openalex_id": "https://openalex.org/W2741809807",
    }
    assert identifiers_of(record) == {
        "doi": ("10.1145/3442188",),
        "arxiv": ("2304.09006",),
        "openalex": ("W2741809807",),
        "s2": (SHA,),
        "corpusid": ("215416146",),
        "dblp": ("conf/a/B1",),
    }


def test_links_are_read_by_their_type_and_by_their_url() -> None:
    links = [
        {"type": "doi.abstract", "link": "10.18653/v1/P19-1331", "url": "https://doi.org/x"},
        {"type": "semantic_scholar", "link": SHA, "url": None},
        {"type": "html.official", "link": "https://arxiv.org/abs/1906.08104"},
    ]
    found = identifiers_of({"paper_id": "c81f0bbb04c7a1baa8dadf52f0d38a77", "links": links})
    assert found == {
        "doi": ("10.18653/v1/p19-1331",),
        "arxiv": ("1906.08104",),
        "s2": (SHA,),
        "acl": ("P19-1331",),
    }


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("arxiv:2304.09006", {"arxiv": ("2304.09006",), "doi": ("10.48550/arxiv.2304.09006",)}),
        (SHA, {"s2": (SHA,)}),
        ("W2741809807", {"openalex": ("W2741809807",)}),
        ("2741809807", {}),
        (2741809807, {}),
        ("p17", {}),
    ],
)
def test_a_paper_id_counts_only_if_it_shows_its_scheme(
    value: object, found: dict[str, tuple[str, ...]]
) -> None:
    assert identifiers_of({"paper_id": value}) == found


def test_an_arxiv_doi_is_an_arxiv_id_and_the_other_way_round() -> None:
    both = {"doi": ("10.48550/arxiv.2304.09006",), "arxiv": ("2304.09006",)}
    assert identifiers_of({"doi": "10.48550/arXiv.2304.09006v1"}) == both
    assert identifiers_of({"eprint": "2304.09006"}) == both


def test_an_arxiv_id_adds_no_doi_to_a_published_one() -> None:
    found = identifiers_of({"arxiv": "2304.09006", "doi": "10.1145/3442188"})
    assert found["doi"] == ("10.1145/3442188",)


def test_fields_named_after_a_scheme_come_before_urls() -> None:
    found = identifiers_of({"url": "https://doi.org/10.1000/b", "doi": "10.1000/a"})
    assert found["doi"] == ("10.1000/a", "10.1000/b")


def test_identifiers_of_authors_are_not_the_papers() -> None:
    authors = [{"name": "A. Lee", "url": "https://doi.org/10.1000/a", "paperId": SHA}]
    assert identifiers_of({"authors": authors}) == {}


def test_what_is_implausibly_long_is_no_identifier() -> None:
    assert identifiers_of({"doi": "10.1000/" + "x" * 500, "url": "https://doi.org/" * 10**5}) == {}


@given(st.dictionaries(FIELDS | st.text(), JSON | LIKE_IDENTIFIERS, max_size=8))
def test_any_json_is_read_without_an_error(record: dict[str, object]) -> None:
    for scheme, values in identifiers_of(record).items():
        assert all(normalise(scheme, value) == value for value in values)


@given(JSON)
def test_a_value_that_is_no_object_has_no_identifiers(value: object) -> None:
    if not isinstance(value, dict):
        assert identifiers_of(value) == {}  # type: ignore[arg-type]


def test_a_record_read_from_json_is_read_like_any_other(tmp_path: Path) -> None:
    path = tmp_path / "papers.json"
    path.write_text('{"doi": "\\ud800", "pmid": 1e400, "arxiv": 2304.09006, "mag": -5}')
    assert identifiers_of(json.loads(path.read_text()))["arxiv"] == ("2304.09006",)
