"""How OpenAlex is asked for a paper: lists where possible, free single look-ups where not."""

from __future__ import annotations

import httpx2
import pytest

from jobrunner.sources.openalex.queries import (
    LONGEST_FILTER,
    MOST_TERMS,
    VALUES_TRIED,
    Key,
    filters_of,
    keys_of,
)
from tests.unit.sources.handled_source import paper


def key(**identifiers: str) -> Key:
    return keys_of(paper(**identifiers))[0]


def terms_of(condition: str) -> list[str]:
    return condition.partition(":")[2].split("|")


@pytest.mark.parametrize(
    ("scheme", "value", "field", "term"),
    [
        ("doi", "10.1000/abc", "doi", "10.1000/abc"),
        ("openalex", "W2963341956", "openalex", "W2963341956"),
        ("pmid", "12345", "pmid", "12345"),
        ("pmcid", "PMC12345", "pmcid", "12345"),
        ("mag", "2963341956", "mag", "2963341956"),
        ("arxiv", "1706.03762", "doi", "10.48550/arxiv.1706.03762"),
        ("arxiv", "math/0309136", "doi", "10.48550/arxiv.math/0309136"),
    ],
)
def test_identifiers_are_values_of_filters(scheme: str, value: str, field: str, term: str) -> None:
    assert (key(**{scheme: value}).field, key(**{scheme: value}).terms) == (field, (term,))


@pytest.mark.parametrize(
    "doi",
    [
        "10.1016/s0021-9258(19)52451-6",
        "10.1000/a-b_c.d;e/f+g:1",
        "10.1023/a:1010933404324",
        "10.48550/arxiv.hep-th/9711200",
    ],
)
def test_usual_dois_go_into_a_list(doi: str) -> None:
    assert key(doi=doi).terms == (doi,)


@pytest.mark.parametrize(
    ("doi", "path"),
    [
        ("10.1000/a,b", "10.1000%2Fa%2Cb"),
        ("10.1000/a|b", "10.1000%2Fa%7Cb"),
        ('10.1000/"a"', "10.1000%2F%22a%22"),
        ("10.1000/a b", "10.1000%2Fa%20b"),
        ("10.1000/!a", "10.1000%2F%21a"),
        ("10.1000/a?b#c", "10.1000%2Fa%3Fb%23c"),
        ("10.1000/50%", "10.1000%2F50%25"),
        (
            "10.1002/(sici)1097-0061(199602)12:2<25::aid-yea197>3.0.co;2-z",
            "10.1002%2F%28sici%291097-0061%28199602%2912%3A2%3C25%3A%3Aaid-yea197%3E3.0.co%3B2-z",
        ),
        ("10.1000/grün", "10.1000%2Fgr%C3%BCn"),
    ],
)
def test_dois_with_characters_of_the_filter_syntax_are_asked_for_alone(doi: str, path: str) -> None:
    assert key(doi=doi) == Key("doi", path=f"/works/doi:{path}")


@pytest.mark.parametrize("doi", ["10.1000/doi:7", "10.1000/my-version:2", "10.1000/type:x"])
def test_dois_that_read_like_another_filter_are_asked_for_alone(doi: str) -> None:
    assert key(doi=doi).path


def test_the_best_identifier_comes_first_and_arxiv_pages_last() -> None:
    one = paper(
        arxiv="1706.03762", mag="26", openalex="W26", pmid="7", pmcid="PMC7", doi="10.1000/x"
    )
    assert [k.path or k.field for k in keys_of(one)] == [
        "doi",
        "openalex",
        "pmid",
        "pmcid",
        "mag",
        "doi",
        "/works/W26",
        "locations.landing_page_url",
    ]


def test_an_arxiv_page_is_asked_for_in_all_its_forms_and_not_trusted() -> None:
    page = keys_of(paper(arxiv="1706.03762"))[-1]
    assert page.terms == (
        "http://arxiv.org/abs/1706.03762",
        "https://arxiv.org/abs/1706.03762",
        "http://arxiv.org/pdf/1706.03762",
        "https://arxiv.org/pdf/1706.03762",
    )
    assert page.handle == ("location", "1706.03762")
    assert not page.trusted


def test_an_arxiv_doi_and_the_arxiv_id_are_asked_for_once() -> None:
    one = paper(doi="10.48550/arxiv.1706.03762", arxiv="1706.03762")
    assert [k.field for k in keys_of(one)] == ["doi", "locations.landing_page_url"]


def test_some_values_of_a_scheme_are_tried_in_their_order() -> None:
    dois = tuple(f"10.1000/{n}" for n in (5, 1, 4, 2, 3))
    assert [k.terms[0] for k in keys_of(paper(doi=dois))] == list(dois[:VALUES_TRIED])


def test_identifiers_that_openalex_does_not_know_give_no_key() -> None:
    assert keys_of(paper(s2="a" * 40, dblp="conf/x/Y20", acl="P19-1001")) == ()


def test_one_filter_asks_for_all_keys_of_a_field() -> None:
    keys = [key(doi="10.1000/b"), key(pmid="7"), key(doi="10.1000/a"), key(doi="10.1000/b")]
    assert list(filters_of(keys)) == ["doi:10.1000/a|10.1000/b", "pmid:7"]


def test_no_keys_make_no_filter() -> None:
    assert list(filters_of([])) == []


@pytest.mark.parametrize(
    ("values", "sizes"), [(100, [100]), (101, [100, 1]), (250, [100, 100, 50])]
)
def test_more_values_than_a_filter_takes_are_split(values: int, sizes: list[int]) -> None:
    keys = [key(doi=f"10.1000/{n}") for n in range(values)]
    conditions = list(filters_of(keys))
    assert [len(terms_of(condition)) for condition in conditions] == sizes
    assert {term for c in conditions for term in terms_of(c)} == {k.terms[0] for k in keys}
    assert max(sizes) <= MOST_TERMS


def test_long_filters_are_split_by_their_encoded_length() -> None:
    keys = [key(doi=f"10.1000/{n:03d}/" + "(x)" * 60) for n in range(90)]
    conditions = list(filters_of(keys))
    assert len(conditions) > 4
    assert sum(len(terms_of(condition)) for condition in conditions) == 90
    for condition in conditions:
        assert len(str(httpx2.QueryParams({"filter": condition}))) <= LONGEST_FILTER


def test_a_value_longer_than_a_filter_is_still_asked_for() -> None:
    endless = Key("doi", ("doi", "x"), "doi", ("x" * 9000,))
    assert len(list(filters_of([endless, key(doi="10.1000/a")]))) == 2
