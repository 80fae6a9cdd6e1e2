"""Markup in titles, names and abstracts: what the readers of fields take away, and leave."""

from __future__ import annotations

import pytest

from jobrunner.sources.json_fields import as_abstract, as_plain
from tests.support.events import little_work


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
    assert as_plain(value) == read


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
    assert as_plain(value) == value


def test_a_formula_does_not_stick_to_the_words_beside_it() -> None:
    formula = (
        '<mml:math xmlns:mml="http://www.w3.org/1998/Math/MathML"><mml:mi>N</mml:mi></mml:math>'
    )
    assert as_plain(f"spin in the{formula}nucleus") == "spin in the N nucleus"
    assert as_plain(f"spin in the {formula} nucleus") == "spin in the N nucleus"
    assert as_plain(f"CO{formula}-rich") == "CON-rich"


def test_a_formula_given_twice_is_read_once() -> None:
    both = (
        "<jats:alternatives><jats:tex-math>\\documentclass{minimal} $b$</jats:tex-math>"
        "<mml:math><mml:mi>b</mml:mi></mml:math></jats:alternatives>"
    )
    assert as_plain(f"strength {both}.") == "strength b."
    assert as_plain("strength <jats:tex-math>$b$</jats:tex-math>.") == "strength $b$."


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
    assert as_abstract(value) == "We show"


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
    assert as_abstract(value) == value


@pytest.mark.parametrize(
    "piece", ["<", "<i ", "<tex-math>", "<mml:math ", "&amp;", "Abstract ", "<? ", "</i"]
)
def test_hostile_text_is_read_in_reasonable_time(piece: str) -> None:
    with little_work(10):
        as_abstract(piece * 20_000)
