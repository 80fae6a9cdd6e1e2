"""The figures that the documentation states of matching are so, where the labelled pairs are."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from benchmarks.labelled_pairs import columns
from benchmarks.matching import Counts, by_rule
from jobrunner.matching.decide import RULES
from tests.support.real_data import DATA

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = (ROOT / "docs" / "explanation" / "matching.md").read_text(encoding="utf-8")
LEAST_PRECISION = 0.99

STATED = {
    cells[0].strip("`"): cells
    for line in DOCUMENT.splitlines()
    if line.startswith("| `")
    and (cells := [cell.strip() for cell in line.strip("|").replace(",", "").split("|")])
}
"""The lines of the table of figures by the name of the set: pairs, of one work, P, R, F1, ..."""

needs_pairs = pytest.mark.skipif(
    not (DATA / "matching").is_dir(), reason=f"no labelled pairs in {DATA}"
)


@cache
def measured(name: str) -> Counts:
    """Return how the rule decides the pairs of a set."""
    return by_rule(columns(DATA, name))


def test_four_held_out_sets_are_stated() -> None:
    assert len(STATED) == 4
    assert all(name.endswith(".valid") for name in STATED)


def test_the_figures_are_of_the_present_rules() -> None:
    assert f"(matching rules {RULES})" in DOCUMENT


@needs_pairs
@pytest.mark.parametrize("name", STATED)
def test_what_is_taken_for_one_work_is_one(name: str) -> None:
    assert measured(name).precision >= LEAST_PRECISION


@needs_pairs
@pytest.mark.parametrize("name", STATED)
def test_the_stated_figures_are_those_measured(name: str) -> None:
    counts = measured(name)
    _, true, precision, recall, f1, review, with_review = map(float, STATED[name][1:])
    assert counts.right + counts.missed == true
    assert counts.review == review
    figures = (counts.precision, counts.recall, counts.f1, counts.recall_with_review)
    assert [round(100 * figure, 2) for figure in figures] == [precision, recall, f1, with_review]


def test_shares_are_computed_from_the_counts() -> None:
    counts = Counts(right=6, wrong=2, missed=4, review=5, review_right=3)
    assert (counts.precision, counts.recall, counts.recall_with_review) == (0.75, 0.6, 0.9)
    assert counts.f1 == pytest.approx(2 / 3)
    assert str(counts) == " 75.00  60.00  66.67"


def test_without_true_pairs_no_share_is_shown() -> None:
    assert re.fullmatch(r" *- +- +-", str(Counts(wrong=3)))
