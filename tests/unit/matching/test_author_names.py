from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobrunner.matching.author_names import surname_keys
from tests.support.events import little_work


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Chen Xing", "Xing Chen"),
        ("Chen, Xing", "Xing Chen"),
        ("John R. Smith", "Smith, J."),
        ("J. D. Ullman", "Ullman JD"),
        ("Jürgen Müller", "J. Mueller"),
        ("Paul Erdős", "Erd\\H{o}s, P."),
        ("Jan van den Berg", "Berg, J. v. d."),
        ("Sammy Davis Jr.", "Davis, Sammy"),
        ("Davis, Sammy, Jr.", "S. Davis"),
        ("Wei Wang 0001", "Wei Wang"),
        ("Anna Smith-Jones", "A. Jones"),
        ("Gabriel García Márquez", "García Márquez, Gabriel"),
        ("P. O’Neil", "Patrick O'Neil"),
        ("王 军", "王军"),
        ("Иванов И. И.", "Иван Иванов"),
        ("Xu Li", "Li, X."),
    ],
)
def test_spellings_of_a_name_share_a_key(one: str, other: str) -> None:
    assert surname_keys(one) & surname_keys(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("John Smith", "John Doe"),
        ("Wei Wang", "Wei Zhang"),
        ("J. Smith", "J. Jones"),
        ("ATLAS Collaboration", "CMS Collaboration"),
        ("王军", "王伟"),
    ],
)
def test_a_given_name_in_common_is_no_key(one: str, other: str) -> None:
    assert not surname_keys(one) & surname_keys(other)


@pytest.mark.parametrize("name", ["", "et al.", "...", "1234"])
def test_what_is_no_name_has_no_keys(name: str) -> None:
    assert surname_keys(name) == frozenset()


@given(st.text())
def test_any_text_is_taken_for_a_name_without_an_error(text: str) -> None:
    assert "" not in surname_keys(text)


@pytest.mark.parametrize("piece", ["<", "[", "(", "\\", "$", "&amp;", "{", "\\'", "<a ", " -", "İ"])
def test_huge_names_take_no_time(piece: str) -> None:
    with little_work(1):
        surname_keys(piece * 10**6)
