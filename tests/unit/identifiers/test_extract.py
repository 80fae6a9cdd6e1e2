from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobrunner.identifiers.extract import detect, identifiers_of
from jobrunner.identifiers.schemes import normalise
from jobrunner.models import SCHEMES

SHA = "649def34f8be52c8b66281af98ae884c09aef38b"
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
LIKE_IDENTIFIERS = st.from_regex(
    r"(https?://(dx\.)?doi\.org/|doi:|arxiv:|arxiv\.org/(abs|pdf)/|PMC|W|%)?"
    r"(10\.\d{4}/[!-~%]{1,12}|\d{4}\.\d{4,5}(v\d)?|cs/\d{7}|\d{1,9})[).,%\]]{0,2}",
    fullmatch=True,
)


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("10.1109/GLOCOM.2017.8254046", "10.1109/glocom.2017.8254046"),
        ("https://doi.org/10.1145/3442188.3445922", "10.1145/3442188.3445922"),
        ("http://dx.doi.org/10.1145/3442188.3445922?locale=en", "10.1145/3442188.3445922"),
        ("doi: 10.1000/xyz123.", "10.1000/xyz123"),
        ("DOI 10.1000/xyz123,", "10.1000/xyz123"),
        ("info:doi/10.1000/xyz123", "10.1000/xyz123"),
        ("(10.1000/xyz123)", "10.1000/xyz123"),
        ("10.1016/S0140-6736(05)66912-7", "10.1016/s0140-6736(05)66912-7"),
        ("10.1002/(SICI)1097(199410)45:9%3C656::AID-ASI3%3E3.0.CO;2-1",
         "10.1002/(sici)1097(199410)45:9<656::aid-asi3>3.0.co;2-1"),
        ("https://dl.acm.org/doi/pdf/10.1145/3442188.3445922", "10.1145/3442188.3445922"),
        ("https://www.biorxiv.org/content/10.1101/2020.01.01.123456v1.full.pdf",
         "10.1101/2020.01.01.123456"),
        ("10.48550/arXiv.2304.09006v2", "10.48550/arxiv.2304.09006"),
        ("10.1000/xyz\u200b", "10.1000/xyz"),
        ("10.1000/two words", None),
        ("10.1/too-short", None),
        ("not a doi", None),
        ("", None),
    ],
)  # fmt: skip
def test_a_doi_has_one_spelling(written: str, canonical: str | None) -> None:
    assert normalise("doi", written) == canonical


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("arXiv:2304.09006v2", "2304.09006"),
        ("https://arxiv.org/pdf/2304.09006v2.pdf", "2304.09006"),
        ("https://arxiv.org/html/2304.09006", "2304.09006"),
        ("https://www.alphaxiv.org/abs/2304.09006", "2304.09006"),
        ("10.48550/arXiv.2304.09006", "2304.09006"),
        ("math.GT/0309136", "math/0309136"),
        ("hep-th/9901001v3", "hep-th/9901001"),
        ("solv-int/9901001", "solv-int/9901001"),
        ("arXiv:cs/0112017 [cs.LG]", "cs/0112017"),
        (1412.6980, None),  # a number that lost its last zero
        ("2304.0900", None),
        ("2313.09006", None),
        ("2304", None),
    ],
)
def test_an_arxiv_id_has_neither_version_nor_subject_class(
    written: object, canonical: str | None
) -> None:
    assert normalise("arxiv", written) == canonical


@pytest.mark.parametrize(
    ("scheme", "written", "canonical"),
    [
        ("pmid", 123456, "123456"),
        ("pmid", 123456.0, "123456"),
        ("pmid", "PMID: 0123456", "123456"),
        ("pmid", "https://pubmed.ncbi.nlm.nih.gov/123456/", "123456"),
        ("pmid", True, None),
        ("pmid", 0, None),
        ("pmcid", "123456", "PMC123456"),
        ("pmcid", "PMC123456.1", "PMC123456"),
        ("pmcid", "https://www.ncbi.nlm.nih.gov/pmc/articles/123456", "PMC123456"),
        ("openalex", "https://openalex.org/w2741809807", "W2741809807"),
        ("openalex", "2741809807", None),
        ("s2", SHA.upper(), SHA),
        ("s2", f"https://www.semanticscholar.org/paper/A-Title/{SHA}", SHA),
        ("s2", SHA[:-1], None),
        ("corpusid", "CorpusID:215416146", "215416146"),
        ("mag", 2741809807, "2741809807"),
        ("acl", "https://aclanthology.org/P18-1001.pdf", "P18-1001"),
        ("acl", "2020.ACL-main.447", "2020.acl-main.447"),
        ("dblp", "DBLP:conf/nips/VaswaniSPUJGKP17", "conf/nips/VaswaniSPUJGKP17"),
        ("dblp", "phd/Dijkstra59", "phd/Dijkstra59"),
        ("isbn", "9780262033848", None),
    ],
)
def test_other_schemes_have_one_spelling(
    scheme: str, written: object, canonical: str | None
) -> None:
    assert normalise(scheme, written) == canonical


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


@given(st.sampled_from(SCHEMES), st.text() | LIKE_IDENTIFIERS)
def test_normalising_twice_changes_nothing(scheme: str, text: str) -> None:
    once = normalise(scheme, text)
    assert once is None or normalise(scheme, once) == once


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
