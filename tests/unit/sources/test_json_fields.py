"""Reading fields of JSON: wrong scalars are absent, wrong containers make a record unreadable."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobrunner.errors import UnreadableError
from jobrunner.sources.json_fields import (
    Fields,
    abstract,
    as_abstract,
    as_fields,
    as_number,
    as_plain,
    as_text,
    as_year,
    date,
    fields,
    identifier,
    number,
    orcid,
    plain,
    plain_title,
    present,
    rows,
    text,
    texts,
    unique,
    year,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def test_null_is_an_empty_container() -> None:
    assert fields({"ids": None}, "ids") == {}
    assert rows({"authors": None}, "authors") == []
    assert texts({}, "subject") == []


@pytest.mark.parametrize("value", ["x", 3, True, 1.5])
def test_a_container_of_another_type_is_unreadable_and_named(value: object) -> None:
    with pytest.raises(UnreadableError, match="ids is not an object"):
        fields({"ids": value}, "ids")
    with pytest.raises(UnreadableError, match="authors is not a list"):
        rows({"authors": value}, "authors")
    with pytest.raises(UnreadableError, match="subject is not a list"):
        texts({"subject": value}, "subject")


def test_elements_of_another_type_are_left_out() -> None:
    assert rows({"authors": [{"a": 1}, None, "x", [2]]}, "authors") == [{"a": 1}]
    assert texts({"subject": ["one", None, 2, " ", "two"]}, "subject") == ["one", "two"]


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
    assert as_text(value) == read


@pytest.mark.parametrize("value", ["Abstract", "<jats:p/>", "", None, 3, ["We show"]])
def test_an_abstract_without_words_is_absent_or_kept_as_it_is(value: object) -> None:
    assert as_abstract(value) in (None, "Abstract")


@pytest.mark.parametrize(
    ("value", "read"),
    [(0, 0), (12, 12), ("12", 12), (3.0, 3), (2**53 - 1, 2**53 - 1)],
)
def test_numbers_are_whole_and_not_negative(value: object, read: int) -> None:
    assert as_number(value) == read


@pytest.mark.parametrize(
    "value", [-1, 1.5, True, None, "", "-3", "1e3", "٣", "9" * 40, 2**53, 10**400, float("inf"), []]
)
def test_other_values_are_no_numbers(value: object) -> None:
    assert as_number(value) is None


def test_a_year_is_one_that_a_paper_can_have() -> None:
    assert [as_year(value) for value in (1665, "2024", 2024.0)] == [1665, 2024, 2024]
    assert [as_year(value) for value in (0, 24, 20240501, None, "n.d.")] == [None] * 5


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
    assert date({"published": value}, "published") == read


def test_unique_keeps_the_first_of_equals_and_drops_what_is_absent() -> None:
    assert unique(["b", None, "a", "", "b"]) == ("b", "a")


@given(JSON)
def test_no_json_value_is_more_than_unreadable(value: object) -> None:
    data: Fields = {"it": value}
    for scalar in (text, plain, abstract, number, year, date, orcid):
        scalar(data, "it")
    for container in (fields, rows, texts, plain_title):
        with contextlib.suppress(UnreadableError):
            container(data, "it")


@pytest.mark.parametrize(
    ("reader", "converter"),
    [
        (text, as_text),
        (plain, as_plain),
        (abstract, as_abstract),
        (number, as_number),
        (year, as_year),
    ],
)
@given(value=JSON)
def test_a_field_is_read_as_its_value_is(
    reader: Callable[[Fields, str], object], converter: Callable[[object], object], value: object
) -> None:
    assert reader({"it": value}, "it") == converter(value)
    assert reader({}, "it") is None


def test_an_identifier_is_read_as_its_scheme_is_written() -> None:
    data: Fields = {"doi": "https://doi.org/10.1000/ABC", "number": 7, "empty": " "}
    assert identifier(data, "doi", "doi") == "10.1000/abc"
    assert [identifier(data, name, "doi") for name in ("number", "empty", "absent")] == [None] * 3


def test_an_orcid_is_read_without_its_address() -> None:
    data: Fields = {"url": "https://orcid.org/0000-0002-1825-009X", "other": "0000"}
    assert orcid(data, "url") == "0000-0002-1825-009X"
    assert orcid(data, "other") is None


def test_a_title_is_the_first_field_that_is_filled() -> None:
    data: Fields = {"title": "", "display_name": "<i>Homo</i> sapiens", "number": 7}
    assert plain_title(data, "title", "display_name") == "Homo sapiens"
    assert plain_title(data, "title", "absent") == ""
    with pytest.raises(UnreadableError, match="title is not text"):
        plain_title(data, "number", "title")


def test_absent_identifiers_are_left_out() -> None:
    assert present({"doi": "10.1/a", "arxiv": None, "mag": ""}) == {"doi": "10.1/a"}


def test_what_is_no_object_is_an_empty_one() -> None:
    assert [as_fields(value) for value in (None, "x", [1], {"a": 1})] == [{}, {}, {}, {"a": 1}]
