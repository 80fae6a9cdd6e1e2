from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobrunner.matching.title_normalisation import is_generic, main_title, normalise_title
from tests.support.events import little_work


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("Attention Is All You Need.", "attention is all you need"),
        ("Erd\\H{o}s and {\\'E}tudes", "erdos and etudes"),
        ("Über Erdős’s Œuvre", "uber erdoss oeuvre"),
        ("Robust $\\ell_1$ norms", "robust l1 norms"),
        ("Robust ℓ₁ norms", "robust l1 norms"),
        ("$\\alpha$-decay in {W}ater", "α decay in water"),
        ("H<sub>2</sub>O and H$_2$O", "h2o and h2o"),
        ("<mml:math><mml:mi>x</mml:mi></mml:math> in <i>vivo</i>", "x in vivo"),
        ("R&amp;amp;D", "r and d"),
        ("Privacy & Security", "privacy and security"),
        ("NeRF++: C# and C++", "nerf++ c# and c++"),
        ("Deep Nets (Extended Abstract)", "deep nets"),
        ("Deep Nets [Poster]", "deep nets"),
        ("Deep Nets: extended abstract", "deep nets"),
        ("[Reply]", "reply"),
        ("RETRACTED: Deep Nets", "deep nets"),
        ("量子計算入門", "量子計算入門"),
        ("Ёлка и йод", "ёлка и йод"),
        ("Der ﬁnale Ｔｅｓｔ", "der finale test"),
        ("p < 0.05 and n > 3", "p 0 05 and n 3"),
        ("...", ""),
        ("", ""),
    ],
)
def test_spellings_of_a_title_come_to_the_same_words(written: str, words: str) -> None:
    assert normalise_title(written) == words


@pytest.mark.parametrize(
    ("one", "other"),
    [("NeRF", "NeRF++"), ("C", "C#"), ("Part 1", "Part 2"), ("й", "и"), ("が", "か")],
)
def test_what_tells_titles_apart_is_kept(one: str, other: str) -> None:
    assert normalise_title(one) != normalise_title(other)


@given(st.text() | st.text(alphabet="aB1 .:[](){}$\\&<>#+-'’éßﬁ"))
def test_normalising_a_title_twice_changes_nothing(text: str) -> None:
    once = normalise_title(text)
    assert normalise_title(once) == once


@pytest.mark.parametrize("piece", ["<", "[", "(", "\\", "$", "&amp;", "{", "\\'", "<a ", " -", "İ"])
def test_huge_titles_take_no_time(piece: str) -> None:
    with little_work(1):
        normalise_title(piece * 10**6)
        main_title(piece * 10**6)


@pytest.mark.parametrize(
    "title", ["Editorial", "Introduction.", "Preface", "Chapter 3", "Editorial 12", "III", ""]
)
def test_titles_of_many_works_are_generic(title: str) -> None:
    assert is_generic(title)


@pytest.mark.parametrize("title", ["Deep Learning", "Attention", "Introduction to Algorithms"])
def test_short_titles_of_one_work_are_not_generic(title: str) -> None:
    assert not is_generic(title)


def test_the_main_title_ends_where_the_subtitle_begins() -> None:
    assert main_title("BERT: Pre-training of Transformers") == "bert"
    assert main_title("Why most findings are false") == "why most findings are false"
