from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobrunner.matching.identifier_check import check_identifier
from jobrunner.matching.verdict import Verdict
from tests.unit.matching.papers import LONG, paper, record


def test_an_identifier_is_believed_under_a_like_title() -> None:
    found, match = check_identifier(paper(), record(LONG + ": a survey"), "doi")
    assert found is Verdict.MATCH
    assert match.by == "doi"


def test_an_identifier_under_a_wholly_different_title_is_not_believed() -> None:
    other = "Proteins in yeast cells under heat stress"
    assert check_identifier(paper(), record(other), "doi")[0] is Verdict.REVIEW
    assert check_identifier(paper(authors=()), record(other), "doi")[0] is Verdict.REVIEW
    stranger = record(other, ("Jo Roe",))
    assert check_identifier(paper(), stranger, "doi")[0] is Verdict.NO_MATCH


def test_an_identifier_needs_no_title() -> None:
    assert check_identifier(paper(""), record(), "doi")[0] is Verdict.MATCH
    assert check_identifier(paper(), record(""), "doi")[0] is Verdict.MATCH


def test_an_identifier_without_title_is_not_believed_under_other_authors() -> None:
    assert check_identifier(paper(), record("", ("Jo Roe",)), "doi")[0] is Verdict.REVIEW


@pytest.mark.parametrize(
    "title",
    ["Über die Kosten spärlicher Aufmerksamkeit", "长文档稀疏注意力的成本", "О стоимости внимания"],
)
def test_a_translated_title_is_believed_with_its_authors_and_year(title: str) -> None:
    assert check_identifier(paper(), record(title), "doi")[0] is Verdict.MATCH


def test_a_title_with_its_subtitle_is_believed() -> None:
    one = paper("BERT", ("Jacob Devlin",))
    two = record("BERT: Pre-training of Deep Bidirectional Transformers", ("J. Devlin",))
    assert check_identifier(one, two, "arxiv")[0] is Verdict.MATCH


@given(
    st.text(max_size=40), st.text(max_size=40), st.lists(st.text(max_size=20), max_size=3),
    st.none() | st.integers(),
)  # fmt: skip
def test_any_text_is_checked_without_an_error(
    one: str, other: str, names: list[str], year: int | None
) -> None:
    given_paper = paper(one, tuple(names), year)
    found = record(other, tuple(reversed(names)))
    decided, match = check_identifier(given_paper, found, "doi")
    assert decided in Verdict
    assert 0 <= match.score <= 1


@given(st.text(min_size=1, max_size=60))
def test_a_paper_is_never_told_to_be_another_than_itself(title: str) -> None:
    decided, _ = check_identifier(paper(title), record(title), "doi")
    assert decided is Verdict.MATCH
