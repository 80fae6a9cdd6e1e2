"""A batch that a source cannot answer is halved: to the culprits, but not without an end."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence

import pytest

from jobrunner.asking import Answers, ask_lookup
from jobrunner.errors import AnswerMalformed, RequestRefused, SourceError, SourceUnavailable
from jobrunner.http import Client, Requests, Service
from jobrunner.papers import Answer, Match, Outcome, Paper, Record
from jobrunner.service import Limits
from jobrunner.sources.base import SourceSettings

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
        self.error: SourceError = AnswerMalformed("touchy: half of the JSON")
        self.asked: list[int] = []

    async def lookup(self, papers: Sequence[Paper], _requests: Requests) -> dict[int, Answer]:
        self.asked.append(len(papers))
        if any(paper.id in self.culprits for paper in papers):
            raise self.error
        match = Match(by="doi", score=1.0)
        return {paper.id: Answer.found(Record(id=f"T{paper.id}"), match) for paper in papers}

    async def search(self, _paper: Paper, _requests: Requests) -> Answer:
        return Answer.not_found()


@pytest.fixture
def source() -> Touchy:
    return Touchy(SourceSettings())


def ask(source: Touchy, papers: Sequence[Paper] = PAPERS) -> Answers:
    async def run() -> Answers:
        async with Client(source.service, user_agent="test") as client:
            return await ask_lookup(source, papers, Requests(client))

    return asyncio.run(run())


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


@pytest.mark.parametrize("count", [1, 2])
def test_few_papers_that_all_are_culprits_fail(source: Touchy, count: int) -> None:
    source.culprits = range(100)
    assert failed(ask(source, PAPERS[:count])) == set(range(count))


def test_a_source_that_refuses_every_paper_lets_them_fail(source: Touchy) -> None:
    source.culprits, source.error = range(100), RequestRefused("touchy: HTTP 400")
    assert failed(ask(source)) == set(range(100))
