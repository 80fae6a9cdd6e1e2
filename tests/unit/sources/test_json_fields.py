"""Reading fields of JSON: wrong scalars are absent, wrong containers make a record unreadable."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobrunner.errors import UnreadableError
from jobrunner.sources.json_fields import (
    abstract,
    date,
    fields,
    number,
    plain,
    rows,
    text,
    texts,
    unique,
    year,
)
from tests.support.events import little_work

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def test_null_is_an_empty_container() -> None:
    assert fields(None, "ids") == {}
    assert rows(None, "authors") == []
    assert texts(None, "subject") == []


@pytest.mark.parametrize("value", ["x", 3, True, 1.5])
def test_a_container_of_another_type_is_unreadable_and_named(value: object) -> None:
    with pytest.raises(UnreadableError, match="ids is not an object"):
        fields(value, "ids")
    with pytest.raises(UnreadableError, match="authors is not a list"):
        rows(value, "authors")
    with pytest.raises(UnreadableError, match="subject is not a list"):
        texts(value, "subject")


def test_elements_of_another_type_are_left_out() -> None:
    assert rows([{"a": 1}, None, "x", [2]], "authors") == [{"a": 1}]
    assert texts(["one", None, 2, " ", "two"], "subject") == ["one", "two"]


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("  two\n words\t", "two words"),
        ("", None),
        (" \n ", None),
        (None, None),
        (7, None),
        (["x"], None),
    ],
)
def test_text_is_one_line_or_absent(value: object, read: str | None) -> None:
    assert text(value) == read


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("Salt &amp; Pepper", "Salt & Pepper"),
        ("Salt &amp;amp; Pepper", "Salt & Pepper"),
        ("the top 1&amp;amp;thinsp;m", "the top 1 m"),
        ("<i>Homo</i> sapiens", "Homo sapiens"),
        ("&lt;i&gt;Homo&lt;/i&gt; sapiens", "Homo sapiens"),
        ("CO<sub>2</sub> and H<SUB>2</SUB>O", "CO2 and H2O"),
        ("<jats:p>One.</jats:p><jats:p>Two.</jats:p>", "One. Two."),
        ('<jats:sec id="a1"><jats:title>Aim</jats:title><p>To see.</p></jats:sec>', "Aim To see."),
        ("line<br/>break<br >here", "line break here"),
        ('<a href="http://x.org/">here</a>', "here"),
        ("<?tlsb=-0.1pt>Tight", "Tight"),
        ('<emph type="ital">Drosophila</emph>', "Drosophila"),
    ],
)
def test_markup_and_entities_are_removed(value: str, read: str) -> None:
    assert plain(value) == read


@pytest.mark.parametrize(
    "value",
    [
        "p < 0.05 and q > 0.1",
        "a <b and c> d",
        "if x<y then y>x",
        "R&D in Q&A",
        "<https://example.org>",
        "10.1002/(SICI)1097<25::AID-YEA197>3.0.CO;2",
        "vector<int> in C++",
    ],
)
def test_what_only_looks_like_markup_stays(value: str) -> None:
    assert plain(value) == value


def test_a_formula_does_not_stick_to_the_words_beside_it() -> None:
    formula = (
        '<mml:math xmlns:mml="http://www.w3.org/1998/Math/MathML"><mml:mi>N</mml:mi></mml:math>'
    )
    assert plain(f"spin in the{formula}nucleus") == "spin in the N nucleus"
    assert plain(f"spin in the {formula} nucleus") == "spin in the N nucleus"
    assert plain(f"CO{formula}-rich") == "CON-rich"


def test_a_formula_given_twice_is_read_once() -> None:
    both = (
        "<jats:alternatives><jats:tex-math>\\documentclass{minimal} $b$</jats:tex-math>"
        "<mml:math><mml:mi>b</mml:mi></mml:math></jats:alternatives>"
    )
    assert plain(f"strength {both}.") == "strength b."
    assert plain("strength <jats:tex-math>$b$</jats:tex-math>.") == "strength $b$."


@pytest.mark.parametrize(
    "value",
    [
        "Abstract We show",
        "ABSTRACT: We show",
        "Abstract. We show",
        "Abstract — We show",
        "AbstractWe show",
        "AbstractAbstractWe show",
        "▪ Abstract We show",
        "<jats:title>Abstract</jats:title><jats:p>We show</jats:p>",
    ],
)
def test_the_word_abstract_in_front_of_an_abstract_goes(value: str) -> None:
    assert abstract(value) == "We show"


@pytest.mark.parametrize(
    "value",
    [
        "Abstract interpretation is old",
        "Abstracted from cells",
        "Abstraction helps",
        "Summary We show",
        "An Abstract We show",
    ],
)
def test_a_first_word_that_is_part_of_the_sentence_stays(value: str) -> None:
    assert abstract(value) == value


@pytest.mark.parametrize("value", ["Abstract", "<jats:p/>", "", None, 3, ["We show"]])
def test_an_abstract_without_words_is_absent_or_kept_as_it_is(value: object) -> None:
    assert abstract(value) in (None, "Abstract")


@pytest.mark.parametrize(
    ("value", "read"),
    [(0, 0), (12, 12), ("12", 12), (3.0, 3), (2**53 - 1, 2**53 - 1)],
)
def test_numbers_are_whole_and_not_negative(value: object, read: int) -> None:
    assert number(value) == read


@pytest.mark.parametrize(
    "value", [-1, 1.5, True, None, "", "-3", "1e3", "٣", "9" * 40, 2**53, 10**400, float("inf"), []]
)
def test_other_values_are_no_numbers(value: object) -> None:
    assert number(value) is None


def test_a_year_is_one_that_a_paper_can_have() -> None:
    assert [year(value) for value in (1665, "2024", 2024.0)] == [1665, 2024, 2024]
    assert [year(value) for value in (0, 24, 20240501, None, "n.d.")] == [None] * 5


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("2024-05-01", "2024-05-01"),
        ("2024-05-01T00:00:00Z", "2024-05-01"),
        ("2024-05", "2024-05"),
        ("2024", "2024"),
        ("2024-13-01", "2024"),
        ("2024-05-32", "2024-05"),
        ("01.05.2024", None),
        ("", None),
        (2024, None),
    ],
)
def test_a_date_is_as_precise_as_it_was_given(value: object, read: str | None) -> None:
    assert date(value) == read


def test_unique_keeps_the_first_of_equals_and_drops_what_is_absent() -> None:
    assert unique(["b", None, "a", "", "b"]) == ("b", "a")


@given(JSON)
def test_no_json_value_is_more_than_unreadable(value: object) -> None:
    for scalar in (text, plain, abstract, number, year, date):
        scalar(value)
    for container in (fields, rows, texts):
        with contextlib.suppress(UnreadableError):
            container(value, "it")


@pytest.mark.parametrize(
    "piece", ["<", "<i ", "<tex-math>", "<mml:math ", "&amp;", "Abstract ", "<? ", "</i"]
)
def test_hostile_text_is_read_in_reasonable_time(piece: str) -> None:
    with little_work(10):
        abstract(piece * 20_000)
