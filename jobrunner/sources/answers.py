"""From what a source holds to answers: the rules that are the same for every source."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

from jobrunner.errors import SourceStopped, UnreadableError
from jobrunner.matching.choice import choose
from jobrunner.matching.identifier_check import check_identifier
from jobrunner.matching.verdict import Verdict
from jobrunner.models import Answer, Candidate, Match, Outcome, Paper, Record
from jobrunner.sources.json_fields import Fields

MOST_CANDIDATES = 5
_ORDER = (Verdict.MATCH, Verdict.REVIEW, Verdict.NO_MATCH)
_TELLING = (Outcome.ENRICHED, Outcome.AMBIGUOUS, Outcome.FAILED, Outcome.NOT_FOUND)

K = TypeVar("K")


class Unreadable(str):
    """Why something that a source holds cannot be read as a record."""

    __slots__ = ()


def read(source: str, record_of: Callable[[Fields], Record], found: object) -> Record | Unreadable:
    """Return a found thing as a record, or the reason why it is none."""
    try:
        if not isinstance(found, dict):
            raise UnreadableError("it is not an object")
        return record_of(found)
    except UnreadableError as exc:
        return Unreadable(f"{source}: unreadable record: {exc}")


async def lookup_in_turns(
    papers: Sequence[Paper],
    keys_of: Callable[[Paper], Iterable[K]],
    ask: Callable[[Sequence[tuple[Paper, K]]], Awaitable[Sequence[Answer]]],
) -> dict[int, Answer]:
    """Ask for all papers by their first key together, then for those without luck by the next.

    The keys of a paper and their order depend on the paper alone, and so does its answer. A
    :class:`~jobrunner.errors.SourceStopped` takes along what earlier turns have answered for good.
    """
    waiting = [(paper, list(keys_of(paper))) for paper in papers]
    answers: dict[int, Answer] = {}
    while waiting := [(paper, keys) for paper, keys in waiting if keys]:
        turn = [(paper, keys.pop(0)) for paper, keys in waiting]
        try:
            found = await ask(turn)
        except SourceStopped as stopped:
            stopped.answers = {id_: answer for id_, answer in answers.items() if _is_done(answer)}
            raise
        for (paper, _), answer in zip(turn, found, strict=True):
            if answer.outcome is not Outcome.NOT_FOUND:
                answers[paper.id] = _better(answers.get(paper.id, answer), answer)
        waiting = [(paper, keys) for paper, keys in waiting if not _is_done(answers.get(paper.id))]
    return answers


def _better(first: Answer, second: Answer) -> Answer:
    """Return the more telling of two answers about one paper; of equals the first."""
    return min(first, second, key=lambda answer: _TELLING.index(answer.outcome))


def _is_done(answer: Answer | None) -> bool:
    return answer is not None and answer.outcome is Outcome.ENRICHED


def decide(
    paper: Paper, scheme: str, found: Iterable[Record | Unreadable], *, trusted: bool = True
) -> Answer:
    """Return the answer for a paper whose identifier led to these records.

    Several works can share one identifier; the choice among them depends on their content only,
    never on the order of an answer. A record under a wholly different title is not believed but
    kept for review; if the identifier itself is not ``trusted``, it is passed over.
    """
    records, broken = _sorted_out(found)
    checked = [(*check_identifier(paper, record, scheme), record) for record in records]
    if not trusted:
        checked = [entry for entry in checked if entry[0] is not Verdict.NO_MATCH]
    if not checked:
        return Answer.failed(broken[0]) if broken else Answer.not_found()
    checked.sort(key=_rank)
    verdict, match, record = checked[0]
    if verdict is Verdict.MATCH:
        return Answer.found(record, match)
    candidates = tuple(Candidate(record=r, match=m) for _, m, r in checked[:MOST_CANDIDATES])
    titles = "title-differs" in match.reasons
    where = f"another title: {record.title[:120]!r}" if titles else "other authors"
    return Answer.ambiguous(candidates, f"{scheme} leads to {where}")


def _rank(checked: tuple[Verdict, Match, Record]) -> tuple[int, float, int, str]:
    verdict, match, record = checked
    return _ORDER.index(verdict), -match.score, -(record.citations or 0), record.id


def decide_by_title(paper: Paper, found: Iterable[Record | Unreadable]) -> Answer:
    """Return the answer for a paper whose title led to these records."""
    records, broken = _sorted_out(found)
    answer = choose(paper, records)
    if answer.outcome is Outcome.NOT_FOUND and broken:
        return Answer.failed(broken[0])
    return answer


def _sorted_out(found: Iterable[Record | Unreadable]) -> tuple[list[Record], list[str]]:
    """Return the records, each once, and the reasons, in an order that the answer did not make."""
    distinct = list(found)
    records = {entry.id: entry for entry in distinct if isinstance(entry, Record)}
    broken = sorted({str(entry) for entry in distinct if isinstance(entry, Unreadable)})
    return [records[identifier] for identifier in sorted(records)], broken
