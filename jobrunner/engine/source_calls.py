"""Asking a source about the papers of one batch, so that one bad paper never spoils the others."""

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
"""So few papers may all be the culprits of their malformed answers, and their source be well."""

T = TypeVar("T")
Answers = dict[int, Answer | None]
"""By paper id; None is a paper that the lookup did not find and that can be searched."""


async def ask_lookup(
    source: Source, papers: Sequence[Paper], requests: Requests, answers: Answers
) -> None:
    """Look papers up, putting each answer into ``answers`` as it comes.

    A batch that is refused as a whole is halved until the culprit is alone. Raises
    :class:`~jobrunner.errors.SourceStopped`, also where no half is answered any better; what was
    answered for good until then, or until a cancellation, is in ``answers``.
    """
    lookup = _Lookup(source, requests, answers, most_malformed=len(papers).bit_length() + 3)
    await lookup.ask(papers)
    answers |= lookup.culprits


class _Lookup:
    """The lookup of one batch, in halves where it is refused.

    Malformed answers in a row are counted: more than lie on the way to a few culprits are too many.
    Then it is the source that is down, and its papers have done nothing to fail for: ``culprits``,
    the answers of those that were found to spoil a batch, count only if the lookup comes to an end.
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
        log.info("%s: a batch of %d is halved: %s", self._source.name, len(papers), error)
        middle = len(papers) // 2
        await self.ask(papers[:middle])
        await self.ask(papers[middle:])

    def _keep(self, papers: Sequence[Paper], result: object) -> None:
        checked, stopped = _checked(self._source, papers, result)
        if stopped is not None:
            # Papers without an answer are no misses: the source did not come to them.
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
    """Search papers at once, each by itself, putting each answer into ``answers`` as it comes.

    A search with a malformed answer fails its paper, unless all of several have one: then it is the
    source that is down. Raises :class:`~jobrunner.errors.SourceStopped` once no search is under way
    any more; what was answered until then, or until a cancellation, is in ``answers``.
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
        return Answer.failed(f"{source.name}: no title to search by, and no identifier it knows")
    try:
        answer = await _guarded(source, lambda: source.search(paper, requests))
    except RequestRefused as error:
        return Answer.failed(str(error))
    return _storable(source, answer)


def _checked(
    source: Source, papers: Sequence[Paper], result: object
) -> tuple[dict[int, Answer], SourceStopped | None]:
    """Return a lookup's answers, each of which can be stored and read again, and what stopped it.

    Raises SourceBroken for what no source may return: other people write sources too.
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
        raise _broken(source, f"an answer for a paper that was not asked for: {strangers[0]!r}")
    return {paper_id: _storable(source, answer) for paper_id, answer in answers.items()}, stopped


def _storable(source: Source, answer: object) -> Answer:
    if not isinstance(answer, Answer):
        raise _broken(source, f"the answer for a paper is {_kind(answer)}, not an Answer")
    try:
        return _ANSWER.decode(msgspec.json.encode(answer))
    except (msgspec.MsgspecError, TypeError, ValueError):
        return Answer.failed(f"{source.name}: a record that cannot be stored: {_unfit(answer)}")


def _unfit(answer: Answer) -> str:
    """Say what of an answer cannot be stored."""
    try:
        return json_fault(msgspec.json.encode(answer), Answer)
    except (msgspec.MsgspecError, TypeError, ValueError):
        return "it holds what is no JSON value, or text that is not Unicode"


_ANSWER = msgspec.json.Decoder(Answer)


def _kind(value: object) -> str:
    return type(value).__name__


def _broken(source: Source, what: str) -> SourceBroken:
    return SourceBroken(
        f"{source.name}: {what}", hint="this is a bug of the source: tell who wrote it"
    )


async def _guarded(source: Source, ask: Callable[[], Awaitable[T]]) -> T:
    """Await a call into a source; whatever is wrong with the source's program stops it alone."""
    try:
        return await ask()
    except (JobrunnerError, MemoryError):
        raise
    except Exception as error:
        log.exception("%s: unexpected error", source.name)
        failure = user_error_of(error) or JobrunnerError(
            unexpected(error),
            hint="this is a bug: run.log of the session has its traceback",
        )
        raise SourceBroken(f"{source.name}: {failure}", hint=failure.hint) from error
