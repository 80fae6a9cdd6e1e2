from __future__ import annotations

from itertools import permutations

from jobrunner.matching.choice import choose
from jobrunner.models import Outcome
from tests.unit.matching.papers import paper, record


def test_a_single_match_is_found() -> None:
    answer = choose(paper(), [record("Another title altogether", id="W2"), record()])
    assert answer.outcome is Outcome.ENRICHED
    assert answer.record is not None
    assert answer.record.id == "W1"


def test_nothing_alike_is_not_found() -> None:
    assert choose(paper(), [record("Another title altogether")]).outcome is Outcome.NOT_FOUND
    assert choose(paper(), []).outcome is Outcome.NOT_FOUND


def test_what_only_looks_alike_is_kept_for_review() -> None:
    answer = choose(paper(authors=()), [record()])
    assert answer.outcome is Outcome.AMBIGUOUS
    assert [candidate.record.id for candidate in answer.candidates] == ["W1"]
    assert answer.error is not None


def test_two_different_works_that_match_are_for_review() -> None:
    found = [
        record(id="W1", identifiers={"doi": "10.1000/a"}),
        record(id="W2", identifiers={"doi": "10.1000/b"}),
    ]
    answer = choose(paper(), found)
    assert answer.outcome is Outcome.AMBIGUOUS
    assert len(answer.candidates) == 2


def test_a_preprint_and_its_publication_are_one_work() -> None:
    preprint = record(id="W1", type="preprint", identifiers={"doi": "10.48550/arxiv.2001.00001"})
    published = record(id="W2", year=2021, venue="ICML", identifiers={"doi": "10.1000/b"})
    answer = choose(paper(), [preprint, published])
    assert answer.record == published
    assert answer.match is not None
    assert "versions=2" in answer.match.reasons


def test_the_version_that_was_asked_for_is_chosen() -> None:
    preprint = record(id="W1", type="preprint", identifiers={"arxiv": "2001.00001"})
    published = record(id="W2", identifiers={"doi": "10.1000/b"})
    asked = paper(identifiers={"arxiv": ("2001.00001",)})
    assert choose(asked, [published, preprint]).record == preprint


def test_the_order_of_candidates_makes_no_difference() -> None:
    found = [
        record(id="W1", citations=3),
        record(id="W2", citations=30),
        record(id="W3", year=2021),
        record(id="W4", authors=()),
    ]
    answers = {repr(choose(paper(), order)) for order in permutations(found)}
    assert len(answers) == 1
