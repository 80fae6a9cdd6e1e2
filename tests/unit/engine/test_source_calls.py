"""A batch that a source cannot answer is halved: to the culprits, but not without an end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Collection, Sequence
from typing import Any

import pytest

from jobrunner.engine.source_calls import Answers, ask_lookup, ask_search
from jobrunner.errors import (
    AnswerMalformed,
    QuotaSpent,
    RequestRefused,
    SourceBroken,
    SourceError,
    SourceUnavailable,
)
from jobrunner.http.batch_requests import Requests
from jobrunner.http.client import Client
from jobrunner.http.service import Limits, Service
from jobrunner.models import Answer, Match, Outcome, Paper, Record
from jobrunner.sources.contract import LookupResult, SourceSettings

PAPERS = [Paper(id=n, position=n, key=f"p{n}", title=f"Study {n}") for n in range(100)]


class Touchy:
    """A source that answers no batch with a culprit in it; ``asked`` are the sizes of batches."""

    name = "touchy"
    schemes: tuple[str, ...] = ("doi",)
    after: tuple[str, ...] = ()
    lookup_size = 100
    search_size = 10
    service = Service(name="touchy", base_url="http://127.0.0.1:9", limits=Limits(100, 1))

    def __init__(self, _settings: SourceSettings) -> None:
        self.culprits: Collection[int] = ()
        self.error: Exception = AnswerMalformed("touchy: half of the JSON")
        self.asked: list[int] = []

    async def lookup(self, papers: Sequence[Paper], _requests: Requests) -> LookupResult:
        self.asked.append(len(papers))
        if any(paper.id in self.culprits for paper in papers):
            raise self.error
        match = Match(by="doi", score=1.0)
        return LookupResult(
            {paper.id: Answer.found(Record(id=f"T{paper.id}"), match) for paper in papers}
        )

    async def search(self, _paper: Paper, _requests: Requests) -> Answer:
        return Answer.not_found()


@pytest.fixture
def source() -> Touchy:
    return Touchy(SourceSettings())


def ask(
    source: Touchy, papers: Sequence[Paper] = PAPERS, answers: Answers | None = None
) -> Answers:
    answers = {} if answers is None else answers

    async def run() -> None:
        async with Client(source.service, user_agent="test") as client:
            await ask_lookup(source, papers, Requests(client), answers)

    asyncio.run(run())
    return answers


def failed(answers: Answers) -> set[int]:
    return {n for n, answer in answers.items() if answer and answer.outcome is Outcome.FAILED}


@pytest.mark.parametrize(
    "error", [AnswerMalformed("touchy: no JSON"), RequestRefused("touchy: no")]
)
@pytest.mark.parametrize("culprits", [{0}, {99}, {37, 62}, {0, 1, 2}, {0, 99}, {97, 98, 99}])
def test_only_culprits_fail(source: Touchy, culprits: set[int], error: SourceError) -> None:
    source.culprits, source.error = culprits, error
    answers = ask(source)
    assert failed(answers) == culprits
    assert answers.keys() == {paper.id for paper in PAPERS}


def test_a_source_that_answers_nothing_readable_is_down_before_every_paper_was_tried(
    source: Touchy,
) -> None:
    source.culprits = range(100)
    with pytest.raises(SourceUnavailable, match="half of the JSON, 11 times in a row"):
        ask(source)
    assert source.asked == [100, 50, 25, 12, 6, 3, 1, 2, 1, 1, 3]


def test_of_a_source_that_goes_down_what_was_answered_before_is_kept_and_no_culprit(
    source: Touchy,
) -> None:
    source.culprits, answers = range(50, 100), Answers()
    with pytest.raises(SourceUnavailable):
        ask(source, answers=answers)
    assert answers.keys() == {paper.id for paper in PAPERS[:50]}
    assert failed(answers) == set()


@pytest.mark.parametrize("count", [1, 2])
def test_few_papers_that_all_are_culprits_fail(source: Touchy, count: int) -> None:
    source.culprits = range(100)
    assert failed(ask(source, PAPERS[:count])) == set(range(count))


def test_a_source_that_refuses_every_paper_lets_them_fail(source: Touchy) -> None:
    source.culprits, source.error = range(100), RequestRefused("touchy: HTTP 400")
    assert failed(ask(source)) == set(range(100))


def search_where(
    monkeypatch: pytest.MonkeyPatch, source: Touchy, culprits: Collection[int], answers: Answers
) -> None:
    """Search all papers of a source that has only malformed answers for some of them."""

    async def search(paper: Paper, _requests: Requests) -> Answer:
        if paper.id in culprits:
            raise AnswerMalformed("touchy: HTTP 500")
        return Answer.not_found()

    async def run() -> None:
        async with Client(source.service, user_agent="test") as client:
            await ask_search(source, PAPERS[:4], Requests(client), answers)

    monkeypatch.setattr(source, "search", search)
    asyncio.run(run())


def test_only_papers_whose_search_has_no_answer_fail(
    source: Touchy, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: Answers = {}
    search_where(monkeypatch, source, {1, 2, 3}, answers)
    assert set(answers) == {0, 1, 2, 3}
    assert failed(answers) == {1, 2, 3}


def test_a_source_that_answers_no_search_of_a_batch_is_down(
    source: Touchy, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: Answers = {}
    with pytest.raises(SourceUnavailable, match="HTTP 500, for each of 4 papers"):
        search_where(monkeypatch, source, range(4), answers)
    assert answers == {}


# ---- a source that cannot go on


def no_more_threads() -> RuntimeError:
    """Return what Python raises where the system gives no thread: here, none with such a stack."""
    before = threading.stack_size(1 << 46)
    try:
        threading.Thread(target=int).start()
    except RuntimeError as error:
        return error
    finally:
        threading.stack_size(before)
    raise AssertionError("a thread with a stack of 64 TiB was given")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (TypeError("a slip"), "unexpected TypeError: a slip|this is a bug"),
        (ImportError("failed to map segment"), "a part of the program cannot be loaded"),
        (no_more_threads(), "the system cannot start another thread"),
        (OSError(24, "one too many"), "the system reports an error: one too many|raise the limit"),
        (OSError(13, "no", "x"), "cannot use x: no|check the permissions"),
    ],
)
def test_an_error_in_a_source_stops_it_and_is_told_as_what_it_is(
    source: Touchy, error: Exception, said: str
) -> None:
    source.culprits, source.error = range(100), error
    with pytest.raises(SourceBroken) as stopped:
        ask(source)
    what, _, hint = said.partition("|")
    assert str(stopped.value).startswith(f"touchy: {what}")
    assert (stopped.value.hint or "").startswith(hint)
    assert ("bug" in hint) == ("bug" in str(stopped.value.hint))


# ---- a source that keeps no contract

STRANGE: list[tuple[object, str]] = [
    (None, "a lookup returned NoneType, not a LookupResult"),
    ({0: Answer.not_found()}, "a lookup returned dict, not a LookupResult"),
    (LookupResult([Answer.not_found()]), "the answers of a lookup are list, not a dictionary"),  # type: ignore[arg-type]
    (LookupResult({}, OSError()), "a lookup was stopped by OSError, not by a SourceStopped"),  # type: ignore[arg-type]
    (LookupResult({0: None}), "the answer for a paper is NoneType, not an Answer"),  # type: ignore[dict-item]
    (LookupResult({0: Record(id="T0")}), "the answer for a paper is Record, not an Answer"),  # type: ignore[dict-item]
    (LookupResult({200: Answer.not_found()}), "an answer for a paper that was not requested: 200"),
]


@pytest.mark.parametrize(("returned", "why"), STRANGE)
def test_what_no_lookup_may_return_stops_the_source_with_its_name(
    source: Touchy, monkeypatch: pytest.MonkeyPatch, returned: object, why: str
) -> None:
    async def lookup(_papers: Sequence[Paper], _requests: Requests) -> object:
        return returned

    monkeypatch.setattr(source, "lookup", lookup)
    with pytest.raises(SourceBroken, match=f"^touchy: {why}"):
        ask(source)


@pytest.mark.parametrize("returned", [None, {}, Record(id="T0")])
def test_what_no_search_may_return_stops_the_source(
    source: Touchy, monkeypatch: pytest.MonkeyPatch, returned: object
) -> None:
    async def search(_paper: Paper, _requests: Requests) -> object:
        return returned

    async def run() -> None:
        async with Client(source.service, user_agent="test") as client:
            await ask_search(source, PAPERS[:3], Requests(client), {})

    monkeypatch.setattr(source, "search", search)
    with pytest.raises(SourceBroken, match="touchy: the answer for a paper is"):
        asyncio.run(run())


@pytest.mark.parametrize("title", [17, object(), "half of a pair: \ud83d"])
def test_a_record_that_cannot_be_stored_fails_its_paper_alone(
    source: Touchy, monkeypatch: pytest.MonkeyPatch, title: Any
) -> None:
    match = Match(by="doi", score=1.0)

    async def lookup(papers: Sequence[Paper], _requests: Requests) -> LookupResult:
        answers = {paper.id: Answer.found(Record(id="T"), match) for paper in papers}
        return LookupResult(answers | {7: Answer.found(Record(id="T7", title=title), match)})

    monkeypatch.setattr(source, "lookup", lookup)
    answers = ask(source)
    assert failed(answers) == {7}
    seventh = answers[7]
    assert seventh is not None
    assert str(seventh.error).startswith("touchy: the record cannot be stored: ")


def test_where_a_lookup_is_cut_off_final_answers_are_kept_and_no_paper_counts_as_missed(
    source: Touchy, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = Answer.found(Record(id="T3"), Match(by="doi", score=1.0))

    async def lookup(_papers: Sequence[Paper], _requests: Requests) -> LookupResult:
        return LookupResult({3: known}, QuotaSpent("touchy: nothing more today"))

    monkeypatch.setattr(source, "lookup", lookup)
    answers: Answers = {}
    with pytest.raises(QuotaSpent, match="nothing more today"):
        ask(source, answers=answers)
    assert answers == {3: known}
