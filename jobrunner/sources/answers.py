"""Turns a source's items into answers, by the rules common to all sources."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from jobrunner.errors import SourceStopped, UnreadableError
from jobrunner.matching.choice import choose
from jobrunner.matching.identifier_check import check_identifier
from jobrunner.matching.verdict import Verdict
from jobrunner.models import Answer, Candidate, Match, Outcome, Paper, Record
from jobrunner.sources.contract import LookupResult
from jobrunner.sources.json_fields import Fields

MOST_CANDIDATES = 5
"""Records of one identifier that are kept for review."""

_ORDER = (Verdict.MATCH, Verdict.REVIEW, Verdict.NO_MATCH)
_BEST_FIRST = (Outcome.ENRICHED, Outcome.AMBIGUOUS, Outcome.FAILED, Outcome.NOT_FOUND)

K = TypeVar("K")


class Unreadable(str):
    """The reason why an item of a source cannot be read as a record."""

    __slots__ = ()


def read(source: str, record_of: Callable[[Fields], Record], item: object) -> Record | Unreadable:
    """Return an item of an answer as a record, or the reason why it cannot be read."""
    try:
        if not isinstance(item, dict):
            raise UnreadableError("it is not an object")
        return record_of(item)
    except UnreadableError as exc:
        return Unreadable(f"{source}: unreadable record: {exc}")


def read_all(
    source: str, record_of: Callable[[Fields], Record], items: Iterable[object]
) -> list[Record | Unreadable]:
    """Read all items of an answer with :func:`read`."""
    return [read(source, record_of, item) for item in items]


async def lookup_in_turns(
    papers: Sequence[Paper],
    keys_of: Callable[[Paper], Iterable[K]],
    ask: Callable[[Sequence[tuple[Paper, K]]], Awaitable[Sequence[Answer]]],
) -> LookupResult:
    """Look up all papers by their first key together, then the unmatched ones by their next key.

    A paper's keys and their order depend on the paper alone, so its answer does not depend on its
    batch. If the source stops, the result contains the final answers of the earlier turns.
    """
    keys = {paper.id: deque(keys_of(paper)) for paper in papers}
    answers: dict[int, Answer] = {}
    while turn := _next_turn(papers, keys, answers):
        try:
            answers_of_turn = await ask(turn)
        except SourceStopped as stopped:
            final = {id_: answer for id_, answer in answers.items() if _is_final(answer)}
            return LookupResult(final, stopped)
        for (paper, _), answer in zip(turn, answers_of_turn, strict=True):
            _keep_better(answers, paper.id, answer)
    return LookupResult(answers)


def _next_turn(
    papers: Sequence[Paper], keys: Mapping[int, deque[K]], answers: Mapping[int, Answer]
) -> list[tuple[Paper, K]]:
    """Return the unmatched papers that have keys left, and remove the next key of each.

    A failure or candidates for review are not final: another key may lead to the paper itself.
    """
    waiting = [paper for paper in papers if not _is_final(answers.get(paper.id))]
    return [(paper, keys[paper.id].popleft()) for paper in waiting if keys[paper.id]]


def _keep_better(answers: dict[int, Answer], paper_id: int, answer: Answer) -> None:
    """Keep the more informative answer for a paper; if equal, the earlier one."""
    if answer.outcome is Outcome.NOT_FOUND:
        return
    earlier = answers.get(paper_id, answer)
    answers[paper_id] = min(earlier, answer, key=_rank_of_outcome)


def _rank_of_outcome(answer: Answer) -> int:
    return _BEST_FIRST.index(answer.outcome)


def _is_final(answer: Answer | None) -> bool:
    return answer is not None and answer.outcome is Outcome.ENRICHED


def decide(
    paper: Paper, scheme: str, found: Iterable[Record | Unreadable], *, trusted: bool = True
) -> Answer:
    """Return the answer for a paper whose identifier led to these records.

    Several works can share one identifier; the choice among them depends on their content only,
    never on their order in the answer. A record with a wholly different title is kept for review;
    if the identifier itself is not ``trusted``, the record is ignored.
    """
    records, unreadable = _sorted_out(found)
    checked = _checked(paper, records, scheme, trusted=trusted)
    if not checked:
        return unreadable or Answer.not_found()
    verdict, match, record = checked[0]
    if verdict is Verdict.MATCH:
        return Answer.found(record, match)
    candidates = tuple(Candidate(record=r, match=m) for _, m, r in checked[:MOST_CANDIDATES])
    return Answer.ambiguous(candidates, f"{scheme} leads to {_contradiction(match, record)}")


def _checked(
    paper: Paper, records: Iterable[Record], scheme: str, *, trusted: bool
) -> list[tuple[Verdict, Match, Record]]:
    """Return the records with their verdicts, best first; see :func:`decide`."""
    checked = [(*check_identifier(paper, record, scheme), record) for record in records]
    if not trusted:
        checked = [entry for entry in checked if entry[0] is not Verdict.NO_MATCH]
    return sorted(checked, key=_rank)


def _contradiction(match: Match, record: Record) -> str:
    """Return how a record differs from the paper with the same identifier."""
    if "title-differs" in match.reasons:
        return f"a different title: {record.title[:120]!r}"
    return "different authors"


def _rank(checked: tuple[Verdict, Match, Record]) -> tuple[int, float, int, str]:
    verdict, match, record = checked
    return _ORDER.index(verdict), -match.score, -(record.citations or 0), record.id


def decide_by_title(paper: Paper, found: Iterable[Record | Unreadable]) -> Answer:
    """Return the answer for a paper whose title led to these records."""
    records, unreadable = _sorted_out(found)
    answer = choose(paper, records)
    if answer.outcome is Outcome.NOT_FOUND and unreadable:
        return unreadable
    return answer


def _sorted_out(found: Iterable[Record | Unreadable]) -> tuple[list[Record], Answer | None]:
    """Return the distinct records, and a failed answer if any record is unreadable.

    Neither depends on the order of the source's answer.
    """
    records: dict[str, Record] = {}
    reasons: set[str] = set()
    for entry in found:
        if isinstance(entry, Record):
            records[entry.id] = entry
        else:
            reasons.add(str(entry))
    in_order = [records[record_id] for record_id in sorted(records)]
    return in_order, Answer.failed(min(reasons)) if reasons else None
