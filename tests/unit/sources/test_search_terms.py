"""Titles as search engines take them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobrunner.sources.search_terms import LONGEST, search_words
from tests.support.events import little_work


@pytest.mark.parametrize(
    ("title", "words"),
    [
        ("Attention, please: a | b", "Attention please a b"),
        ('"Why?" (not) *always* ~ maybe!', "Why not always maybe"),
        ("State-of-the-art methods", "State of the art methods"),
        ("War AND peace OR NOT", "War and peace or not"),
        ("ANDROID NOTES", "ANDROID NOTES"),
        ("<i>Homo</i> sapiens in CO<sub>2</sub>", "Homo sapiens in CO2"),
        ("Salt &amp; Pepper", "Salt Pepper"),
        (r"Gr{\"o}{\ss}e of CO$_2$", "Grösse of CO2"),
        (r"The \emph{best} $\alpha$ bound", "The best bound"),
        ("Über die Größe", "Über die Größe"),
        ("नमस्ते दुनिया", "नमस्ते दुनिया"),
        ("深度学习:综述", "深度学习 综述"),
        ("C++ & C#", "C C"),
        ("a\u00a0b\nc", "a b c"),
    ],
)
def test_only_words_are_left(title: str, words: str) -> None:
    assert search_words(title) == words


@pytest.mark.parametrize("title", ["", "  ", "?!", "—", "<i></i>", r"\alpha"])
def test_a_title_without_words_is_empty(title: str) -> None:
    assert search_words(title) == ""


def test_a_long_title_is_cut_between_words() -> None:
    words = search_words("sesquipedalian " * 100)
    assert LONGEST - 15 < len(words) <= LONGEST
    assert set(words.split()) == {"sesquipedalian"}


def test_a_word_is_not_cut_where_a_shorter_title_fits() -> None:
    assert search_words("word " * 80 + "sesquipedalian") == "word " * 79 + "word"


def test_a_long_word_is_cut_too() -> None:
    assert search_words("x" * 1000) == "x" * LONGEST


def test_a_title_as_long_as_a_book_is_no_trouble() -> None:
    with little_work(1):
        assert search_words("word " * 1_000_000).startswith("word word")


@given(st.text())
def test_nothing_that_an_engine_reads_as_syntax_survives(title: str) -> None:
    words = search_words(title)
    assert not set(words) & set(",|:;!?*~\"'()[]{}<>&+-/\\^=\n\t")
    assert not {"AND", "OR", "NOT"} & set(words.split())
    assert words == " ".join(words.split())
    assert len(words) <= LONGEST


@given(st.text())
def test_words_of_words_are_the_same_words(title: str) -> None:
    assert search_words(search_words(title)) == search_words(title)
