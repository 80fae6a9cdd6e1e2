"""From what a source holds to answers: the same rules for every source."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import permutations

import msgspec
import pytest

from jobrunner.errors import QuotaSpent, UnreadableError
from jobrunner.models import Answer, Author, Match, Outcome, Paper, Record
from jobrunner.sources.answers import (
    MOST_CANDIDATES,
    Unreadable,
    decide,
    decide_by_title,
    lookup_in_turns,
    read,
)
from jobrunner.sources.json_fields import Fields
from tests.unit.sources.handled_source import AUTHORS, OTHER_TITLE, TITLE, paper


def record(
    identifier: str = "W1", title: str = TITLE, authors: Sequence[str] = AUTHORS, citations: int = 0
) -> Record:
    return Record(
        id=identifier,
        title=title,
        authors=tuple(Author(name=name) for name in authors),
        year=2020,
        citations=citations,
    )


def record_of(found: Fields) -> Record:
    if "id" not in found:
        raise UnreadableError("no id")
    return record(str(found["id"]))


def test_reading_gives_a_record() -> None:
    assert read("demo", record_of, {"id": "W7"}) == record("W7")


def test_what_cannot_be_read_gives_the_reason() -> None:
    reason = read("demo", record_of, {})
    assert isinstance(reason, Unreadable)
    assert reason == "demo: unreadable record: no id"


@pytest.mark.parametrize("found", [None, [], "W1", 3])
def test_what_is_no_object_cannot_be_read(found: object) -> None:
    assert isinstance(read("demo", record_of, found), Unreadable)


def test_a_bug_in_a_parser_is_not_hidden() -> None:
    def broken(_found: Fields) -> Record:
        raise KeyError("oops")

    with pytest.raises(KeyError):
        read("demo", broken, {})


def test_one_record_under_the_same_title_is_the_answer() -> None:
    answer = decide(paper(), "doi", [record()])
    assert answer.outcome is Outcome.ENRICHED
    assert answer.record == record()
    assert answer.match == Match(by="doi", score=1.0, reasons=("doi", "title", "authors"))


def test_nothing_found_is_not_found() -> None:
    assert decide(paper(), "doi", []) == Answer.not_found()


def test_an_unreadable_record_is_a_failure_and_never_not_found() -> None:
    assert decide(paper(), "doi", [Unreadable("why")]) == Answer.failed("why")
    assert decide_by_title(paper(), [Unreadable("why")]) == Answer.failed("why")


def test_the_reason_of_a_failure_can_be_stored() -> None:
    decided = decide(paper(), "doi", [Unreadable("why")])
    assert msgspec.json.decode(msgspec.json.encode(decided), type=Answer) == decided


def test_a_readable_record_is_taken_though_another_is_not() -> None:
    assert decide(paper(), "doi", [Unreadable("why"), record()]).record == record()
    assert decide_by_title(paper(), [Unreadable("why"), record()]).record == record()


def test_a_wholly_different_title_is_kept_for_review() -> None:
    stranger = record(title=OTHER_TITLE, authors=("Cy Dee",))
    answer = decide(paper(), "doi", [stranger])
    assert answer.outcome is Outcome.AMBIGUOUS
    assert [candidate.record for candidate in answer.candidates] == [stranger]
    assert answer.error == f"doi leads to a different title: {OTHER_TITLE!r}"


def test_other_authors_are_kept_for_review_where_there_is_no_title() -> None:
    answer = decide(paper(), "doi", [record(title="", authors=("Cy Dee",))])
    assert answer.outcome is Outcome.AMBIGUOUS
    assert answer.error == "doi leads to different authors"


def test_an_identifier_that_is_not_trusted_passes_strangers_over() -> None:
    stranger = record(title=OTHER_TITLE, authors=("Cy Dee",))
    assert decide(paper(), "arxiv", [stranger], trusted=False) == Answer.not_found()
    assert decide(paper(), "arxiv", [record()], trusted=False).record == record()


def test_of_several_works_of_one_identifier_the_right_one_is_taken_in_any_order() -> None:
    works: list[Record | Unreadable] = [
        record("W1", title=OTHER_TITLE, authors=("Cy Dee",), citations=900),
        record("W2", citations=5),
        record("W3", citations=40),
        Unreadable("broken"),
    ]
    answers = [decide(paper(), "doi", order).record for order in permutations(works)]
    assert {answer and answer.id for answer in answers} == {"W3"}


def test_the_closer_title_counts_for_more_than_citations() -> None:
    works = [record("W1", title=f"{TITLE} revisited", citations=900), record("W2", citations=5)]
    answers = [decide(paper(), "doi", order).record for order in permutations(works)]
    assert {answer and answer.id for answer in answers} == {"W2"}


def test_works_that_are_equally_good_are_told_apart_by_their_id() -> None:
    works = [record("W9"), record("W10")]
    answers = [decide(paper(), "doi", order).record for order in permutations(works)]
    assert answers == [record("W10")] * 2


def test_candidates_are_limited() -> None:
    strangers = [record(f"W{n}", title=OTHER_TITLE, authors=("Cy Dee",)) for n in range(1, 10)]
    assert len(decide(paper(), "doi", strangers).candidates) == MOST_CANDIDATES


def test_a_record_that_comes_twice_is_one() -> None:
    stranger = record(title=OTHER_TITLE, authors=("Cy Dee",))
    assert len(decide(paper(), "doi", [stranger, stranger]).candidates) == 1
    assert decide_by_title(paper(), [record(), record()]).outcome is Outcome.ENRICHED


def turns(
    keys: dict[int, list[str]], held: dict[str, Answer]
) -> tuple[dict[int, Answer], list[list[str]]]:
    """Look papers up by these keys of a source that holds these answers."""
    asked: list[list[str]] = []

    async def ask(turn: Sequence[tuple[Paper, str]]) -> list[Answer]:
        asked.append([key for _, key in turn])
        return [held.get(key, Answer.not_found()) for _, key in turn]

    papers = [paper(number) for number in keys]
    result = asyncio.run(lookup_in_turns(papers, lambda one: keys[one.id], ask))
    assert result.stopped is None
    return dict(result.answers), asked


FOUND = Answer.found(record(), Match(by="doi", score=1.0))
REVIEW = Answer.ambiguous((), "another title")
FAILED = Answer.failed("unreadable")


def test_first_keys_are_asked_together_and_the_next_only_for_those_without_luck() -> None:
    answers, asked = turns({1: ["a", "b"], 2: ["c", "d"], 3: ["e"]}, {"a": FOUND, "d": FOUND})
    assert asked == [["a", "c", "e"], ["d"]]
    assert answers == {1: FOUND, 2: FOUND}


def test_a_paper_that_no_key_leads_to_is_absent() -> None:
    answers, asked = turns({1: ["a", "b"]}, {})
    assert answers == {}
    assert asked == [["a"], ["b"]]


def test_a_paper_without_keys_is_not_asked_for() -> None:
    assert turns({1: []}, {}) == ({}, [])
    assert turns({}, {}) == ({}, [])


@pytest.mark.parametrize("first", [REVIEW, FAILED])
def test_doubt_and_failure_do_not_keep_the_next_key_from_being_tried(first: Answer) -> None:
    answers, asked = turns({1: ["a", "b"]}, {"a": first, "b": FOUND})
    assert answers == {1: FOUND}
    assert asked == [["a"], ["b"]]


@pytest.mark.parametrize("order", list(permutations([REVIEW, FAILED])))
def test_the_most_telling_answer_is_kept(order: tuple[Answer, Answer]) -> None:
    answers, _ = turns({1: ["a", "b", "c"]}, {"a": order[0], "b": order[1]})
    assert answers == {1: REVIEW}


def test_where_a_source_stops_the_result_holds_what_earlier_turns_have_answered_for_good() -> None:
    keys = {1: ["a"], 2: ["b", "c"], 3: ["d", "e"]}
    held = {"a": FOUND, "b": REVIEW}

    async def ask(turn: Sequence[tuple[Paper, str]]) -> list[Answer]:
        if any(key in ("c", "e") for _, key in turn):
            raise QuotaSpent("nothing more today")
        return [held.get(key, Answer.not_found()) for _, key in turn]

    papers = [paper(number) for number in keys]
    result = asyncio.run(lookup_in_turns(papers, lambda one: keys[one.id], ask))
    assert result.answers == {1: FOUND}
    assert isinstance(result.stopped, QuotaSpent)
