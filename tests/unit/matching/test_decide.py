from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobrunner.matching.decide import judge
from jobrunner.matching.verdict import Verdict
from jobrunner.models import Paper, Record
from tests.unit.matching.papers import paper, record


def verdict(one: Paper, two: Record) -> Verdict:
    return judge(one, two)[0]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Deep Learning", "Deep Learning for Symbolic Mathematics"),
        ("Attention", "Attention Is All You Need"),
        ("Sparse graphs of large girth: Part I", "Sparse graphs of large girth: Part II"),
        ("Sparse graphs of large girth I", "Sparse graphs of large girth II"),
        ("Sparse graphs of large girth, part one", "Sparse graphs of large girth, part two"),
        (
            "Results of the 2019 shared task on parsing",
            "Results of the 2020 shared task on parsing",
        ),
        ("NeRF: Radiance Fields for View Synthesis", "NeRF++: Radiance Fields for View Synthesis"),
        ("Comment on dark energy from clusters", "Comment on dark energy from clusters [Reply]"),
        ("Dark energy from galaxy clusters", "Erratum: Dark energy from galaxy clusters"),
        ("Dark energy from galaxy clusters", "Dark energy from galaxy clusters: Author response"),
        ("Dark energy from galaxy clusters", "Book Review: Dark energy from galaxy clusters"),
        ("Training deep nets with labels", "Training deep nets without labels"),
        ("Nets: learning in vision", "Nets: planning for robots in space"),
    ],
)
def test_titles_that_look_alike_are_not_one_works(one: str, other: str) -> None:
    assert verdict(paper(one), record(other)) is Verdict.NO_MATCH
    assert verdict(paper(other), record(one)) is Verdict.NO_MATCH


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Off-diagonal Ramsey numbers", "Off-diagonal book Ramsey numbers"),
        ("Supervised learning of sentence vectors", "Unsupervised learning of sentence vectors"),
        ("Treatment of hyperglycemia at home", "Treatment of hypoglycemia at home"),
        ("Outcomes of female sexual dysfunction care", "Outcomes of male sexual dysfunction care"),
    ],
)
def test_one_word_of_difference_is_not_accepted_by_itself(one: str, other: str) -> None:
    assert verdict(paper(one), record(other)) is not Verdict.MATCH


def test_a_single_word_without_its_subtitle_is_for_review() -> None:
    assert verdict(paper("BERT: Pre-training of transformers"), record("BERT")) is Verdict.REVIEW


@pytest.mark.parametrize("title", ["Editorial", "Introduction", "Preface", "Book Reviews"])
def test_a_generic_title_decides_nothing_even_with_authors(title: str) -> None:
    one, two = paper(title, ("J. Wang",)), record(title, ("Jun Wang",))
    assert verdict(one, two) is Verdict.REVIEW


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Erdős and the distribution of primes", "Erdos and the distribution of primes"),
        ("Über die Grundlagen der Geometrie", "Uber die Grundlagen der Geometrie"),
        ("Privacy & security in smart homes", "Privacy and security in smart homes"),
        ("Robust $\\ell_1$ regression for signals", "Robust ℓ1 regression for signals"),
        ("Data base views over large-scale graphs", "Database views over large scale graphs"),
        ("Learning to rank (extended abstract)", "Learning to Rank."),
        ("Sparse attention revisited: the cost of long documents", "Sparse attention revisited"),
        ("Answering querys in graph databases", "Answering queries in graph databases"),
    ],
)
def test_spellings_of_one_title_match(one: str, other: str) -> None:
    assert verdict(paper(one), record(other)) is Verdict.MATCH


def test_the_order_of_a_names_parts_is_open() -> None:
    assert verdict(paper(authors=("Chen Xing",)), record(authors=("Xing Chen",))) is Verdict.MATCH


def test_one_misspelt_author_and_one_extra_word_are_accepted() -> None:
    one = paper(
        "An efficient algorithm for mining closed itemsets", ("A. One", "B. Two", "C. Fuor")
    )
    two = record(
        "An efficient parallel algorithm for mining closed itemsets",
        ("A. One", "B. Two", "C. Four"),
    )
    three = record(two.title, ("A. One", "X. Six", "C. Four"))
    assert verdict(one, record(two.title, ("B. Two", "A. One"))) is Verdict.MATCH
    assert verdict(one, three) is Verdict.REVIEW


def test_other_authors_mean_another_work() -> None:
    assert verdict(paper(), record(authors=("Jo Roe", "Al Poe"))) is Verdict.NO_MATCH


def test_few_authors_in_common_are_for_review() -> None:
    many = ("A. One", "B. Two", "C. Three", "D. Four", "E. Five")
    others = ("X. Six", "Y. Seven", "C. Three", "Z. Eight", "V. Nine")
    assert verdict(paper(authors=many), record(authors=others)) is Verdict.REVIEW


def test_without_authors_a_title_is_for_review() -> None:
    assert verdict(paper(authors=()), record()) is Verdict.REVIEW
    assert verdict(paper(), record(authors=())) is Verdict.REVIEW


def test_the_same_venue_and_year_stand_in_for_authors() -> None:
    one = paper(authors=(), venue="NeurIPS")
    assert verdict(one, record(venue="NeurIPS")) is Verdict.MATCH


def test_an_identifier_in_common_stands_in_for_authors() -> None:
    one = paper("Preface", authors=(), identifiers={"doi": ("10.1000/a",)})
    assert verdict(one, record("Preface", identifiers={"doi": "10.1000/b"})) is Verdict.REVIEW
    long = paper(authors=(), identifiers={"doi": ("10.1000/a",)})
    assert verdict(long, record(identifiers={"doi": "10.1000/a"})) is Verdict.MATCH


@pytest.mark.parametrize(
    ("lag", "expected"),
    [(0, Verdict.MATCH), (1, Verdict.MATCH), (-2, Verdict.MATCH), (4, Verdict.MATCH),
     (5, Verdict.REVIEW), (-30, Verdict.REVIEW)],
)  # fmt: skip
def test_a_preprint_may_be_years_older(lag: int, expected: Verdict) -> None:
    assert verdict(paper(), record(year=2020 + lag)) is expected


def test_published_works_two_years_apart_are_for_review() -> None:
    one = paper(venue="SIGMOD")
    assert verdict(one, record(year=2022, venue="VLDB")) is Verdict.REVIEW
    assert verdict(one, record(year=2022, venue="arXiv (Cornell University)")) is Verdict.MATCH


def test_a_journal_version_of_the_next_year_is_for_review() -> None:
    two = record(year=2021, venue="The VLDB Journal")
    assert verdict(paper(venue="VLDB"), two) is Verdict.REVIEW


def test_two_published_dois_are_for_review() -> None:
    one = paper(identifiers={"doi": ("10.1000/a",)})
    assert verdict(one, record(identifiers={"doi": "10.1000/b"})) is Verdict.REVIEW
    assert verdict(one, record(identifiers={"doi": "10.48550/arxiv.2001.00001"})) is Verdict.MATCH


@pytest.mark.parametrize(
    ("doi", "expected"),
    [
        ("10.1101/2020.01.01.123456", Verdict.MATCH),
        ("10.1101/123456", Verdict.MATCH),
        ("10.1101/gr.107524.110", Verdict.REVIEW),
        ("10.1101/gad.291518.116", Verdict.REVIEW),
    ],
)
def test_journals_that_share_the_prefix_of_a_preprint_server_are_published(
    doi: str, expected: Verdict
) -> None:
    one = paper(identifiers={"doi": ("10.1000/a",)})
    assert verdict(one, record(identifiers={"doi": doi})) is expected


@pytest.mark.parametrize("kind", ["component", "journal-issue", "grant", "peer-review"])
def test_what_is_never_a_paper_never_matches(kind: str) -> None:
    assert verdict(paper(), record(type=kind)) is Verdict.NO_MATCH


def test_reasons_say_what_supported_a_match() -> None:
    _, match = judge(paper(venue="ICML"), record(year=2021, venue="ICML"))
    assert match.by == "title"
    assert match.score == 1.0
    assert match.reasons == ("title", "authors", "year+1", "venue")


@given(
    st.text(max_size=40), st.text(max_size=40), st.lists(st.text(max_size=20), max_size=3),
    st.none() | st.integers(),
)  # fmt: skip
def test_any_text_is_judged_without_an_error(
    one: str, other: str, names: list[str], year: int | None
) -> None:
    given_paper = paper(one, tuple(names), year)
    found = record(other, tuple(reversed(names)))
    decided, match = judge(given_paper, found)
    assert decided in Verdict
    assert 0 <= match.score <= 1
