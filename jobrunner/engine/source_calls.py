"""Query a source for the papers of one batch. One bad paper never fails the others."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

import msgspec

from jobrunner.decode_errors import json_fault
from jobrunner.errors import (
    AnswerMalformed,
    JobrunnerError,
    RequestRefused,
    SourceBroken,
    SourceError,
    SourceStopped,
    SourceUnavailable,
)
from jobrunner.files.system_errors import unexpected, user_error_of
from jobrunner.http.batch_requests import Requests
from jobrunner.models import Answer, Outcome, Paper
from jobrunner.sources.contract import LookupResult, Source

log = logging.getLogger(__name__)

FEW = 2
"""If all searches of a batch return malformed answers, the papers fail up to this batch size. In a
larger batch, the source is considered down."""

T = TypeVar("T")
Answers = dict[int, Answer | None]
"""Answers by paper id. None means that the lookup did not find the paper and it can be searched."""


async def ask_lookup(
    source: Source, papers: Sequence[Paper], requests: Requests, answers: Answers
) -> None:
    """Look up papers and put each answer into ``answers`` as it arrives.

    A refused batch is halved until the culprit is alone. Raises
    :class:`~jobrunner.errors.SourceStopped`, also if halving does not help. After an error or a
    cancellation, ``answers`` holds the final answers received so far.
    """
    lookup = _Lookup(source, requests, answers, most_malformed=len(papers).bit_length() + 3)
    await lookup.ask(papers)
    answers |= lookup.culprits


class _Lookup:
    """The lookup of one batch, halved if the source refuses it.

    Isolating a few culprits takes only a few malformed answers in a row. More of them mean that the
    source is down. ``culprits`` holds the answers of papers that were isolated. They count only if
    the lookup completes: if the source is down, the papers are not to blame.
    """

    def __init__(
        self, source: Source, requests: Requests, answers: Answers, *, most_malformed: int
    ) -> None:
        self.culprits: Answers = {}
        self._source = source
        self._requests = requests
        self._answers = answers
        self._most_malformed = most_malformed
        self._malformed_in_a_row = 0

    async def ask(self, papers: Sequence[Paper]) -> None:
        """Look up some of the papers."""
        source = self._source
        try:
            result = await _guarded(source, lambda: source.lookup(papers, self._requests))
        except RequestRefused as error:
            await self._halve(papers, error)
        except AnswerMalformed as error:
            self._count(error)
            await self._halve(papers, error)
        else:
            self._malformed_in_a_row = 0
            self._keep(papers, result)

    def _count(self, error: AnswerMalformed) -> None:
        self._malformed_in_a_row += 1
        if self._malformed_in_a_row > self._most_malformed:
            times = f"{self._malformed_in_a_row} times in a row"
            raise SourceUnavailable(f"{error}, {times}") from error

    async def _halve(self, papers: Sequence[Paper], error: SourceError) -> None:
        if len(papers) == 1:
            self.culprits[papers[0].id] = Answer.failed(str(error))
            return
        log.info(
            "%s: splitting a batch of %d papers in half: %s", self._source.name, len(papers), error
        )
        middle = len(papers) // 2
        await self.ask(papers[:middle])
        await self.ask(papers[middle:])

    def _keep(self, papers: Sequence[Paper], result: object) -> None:
        checked, stopped = _checked(self._source, papers, result)
        if stopped is not None:
            # Papers without an answer are not misses: the source stopped before it reached them.
            self._answers |= checked
            raise stopped
        for paper in papers:
            self._answers[paper.id] = _answer(paper, checked.get(paper.id))


def _answer(paper: Paper, answer: Answer | None) -> Answer | None:
    if answer is not None and answer.outcome is not Outcome.NOT_FOUND:
        return answer
    return None if paper.title else Answer.not_found()


async def ask_search(
    source: Source, papers: Sequence[Paper], requests: Requests, answers: Answers
) -> None:
    """Search papers concurrently, one by one, and put each answer into ``answers`` as it arrives.

    A malformed answer fails its paper. If all of more than :data:`FEW` answers are malformed, the
    source is down. Raises :class:`~jobrunner.errors.SourceStopped` after all searches have ended.
    After an error or a cancellation, ``answers`` holds the answers received so far.
    """
    malformed: dict[int, AnswerMalformed] = {}

    async def ask(paper: Paper) -> None:
        try:
            answers[paper.id] = await _search_one(source, paper, requests)
        except AnswerMalformed as error:
            malformed[paper.id] = error

    results = await asyncio.gather(*(ask(paper) for paper in papers), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    if len(malformed) == len(papers) > FEW:
        last = list(malformed.values())[-1]
        raise SourceUnavailable(f"{last}, for each of {len(papers)} papers") from last
    answers |= {paper_id: Answer.failed(str(error)) for paper_id, error in malformed.items()}


async def _search_one(source: Source, paper: Paper, requests: Requests) -> Answer:
    if not paper.title:
        return Answer.failed(f"{source.name}: the paper has no title and no usable identifier")
    try:
        answer = await _guarded(source, lambda: source.search(paper, requests))
    except RequestRefused as error:
        return Answer.failed(str(error))
    return _storable(source, answer)


def _checked(
    source: Source, papers: Sequence[Paper], result: object
) -> tuple[dict[int, Answer], SourceStopped | None]:
    """Return a lookup's storable answers and the error that stopped it, if any.

    Raises SourceBroken if the result violates the contract: plug-ins are third-party code.
    """
    if not isinstance(result, LookupResult):
        raise _broken(source, f"a lookup returned {_kind(result)}, not a LookupResult")
    answers, stopped = result.answers, result.stopped
    if not isinstance(answers, Mapping):
        raise _broken(source, f"the answers of a lookup are {_kind(answers)}, not a dictionary")
    if not isinstance(stopped, SourceStopped | None):
        raise _broken(source, f"a lookup was stopped by {_kind(stopped)}, not by a SourceStopped")
    asked = {paper.id for paper in papers}
    strangers = [paper_id for paper_id in answers if paper_id not in asked]
    if strangers:
        raise _broken(source, f"an answer for a paper that was not requested: {strangers[0]!r}")
    return {paper_id: _storable(source, answer) for paper_id, answer in answers.items()}, stopped


def _storable(source: Source, answer: object) -> Answer:
    if not isinstance(answer, Answer):
        raise _broken(source, f"the answer for a paper is {_kind(answer)}, not an Answer")
    # Encode and decode now: a value that cannot be read back would make the session unreadable.
    try:
        return _ANSWER.decode(msgspec.json.encode(answer))
    except (msgspec.MsgspecError, TypeError, ValueError):
        return Answer.failed(f"{source.name}: the record cannot be stored: {_unfit(answer)}")


def _unfit(answer: Answer) -> str:
    """Describe which part of an answer cannot be stored."""
    try:
        return json_fault(msgspec.json.encode(answer), Answer)
    except (msgspec.MsgspecError, TypeError, ValueError):
        return "it contains a value that is not JSON, or text that is not Unicode"


_ANSWER = msgspec.json.Decoder(Answer)


def _kind(value: object) -> str:
    return type(value).__name__


def _broken(source: Source, what: str) -> SourceBroken:
    return SourceBroken(
        f"{source.name}: {what}", hint="this is a bug in the source: report it to its author"
    )


async def _guarded(source: Source, ask: Callable[[], Awaitable[T]]) -> T:
    """Await a call into a source. A bug in the source's code stops only that source."""
    try:
        return await ask()
    except (JobrunnerError, MemoryError):
        raise
    except Exception as error:
        log.exception("%s: unexpected error", source.name)
        failure = user_error_of(error) or JobrunnerError(
            unexpected(error),
            hint="this is a bug: the traceback is in run.log of the session",
        )
        raise SourceBroken(f"{source.name}: {failure}", hint=failure.hint) from error
