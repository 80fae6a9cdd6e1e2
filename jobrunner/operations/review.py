"""Writes ambiguous papers to a file, and commits a person's answers from it.

The file is JSON Lines, with one line per paper and source. Each line holds the candidates and
``answer``: the id of the right candidate, or "none". An answer can be changed later.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import msgspec
from msgspec import Struct, structs

from jobrunner import clock
from jobrunner.decode_errors import json_fault
from jobrunner.errors import InputError, Refused
from jobrunner.files.atomic import write_whole
from jobrunner.files.path_queries import exists
from jobrunner.models import Answer, BatchKind, Candidate, Outcome, RunEnding
from jobrunner.store.batches import Batch, commit_batch
from jobrunner.store.database import Database
from jobrunner.store.lease import Lease
from jobrunner.store.progress import read_progress
from jobrunner.store.review_questions import NONE, Ambiguous, iter_ambiguous
from jobrunner.store.run_lifecycle import end_run, start_run
from jobrunner.store.source_states import list_sources

SHOWN_AUTHORS = 5

_BY_A_PERSON = "review"
"""Added to the reasons of a match that a person decided."""


Questions = dict[tuple[int, str], Ambiguous]
"""Questions by position of the paper and source."""

Answers = dict[str, dict[int, Answer | None]]
"""A person's decisions by source and paper id."""


class Shown(Struct, frozen=True, kw_only=True):
    """A candidate, with the fields that a person needs to decide."""

    id: str
    title: str
    authors: list[str]
    year: int | None
    venue: str | None
    identifiers: dict[str, str]
    score: float
    reasons: tuple[str, ...]


class Question(Struct, frozen=True, kw_only=True):
    """One line of the file."""

    position: int
    source: str
    key: str = ""
    title: str = ""
    authors: tuple[str, ...] = ()
    year: int | None = None
    reason: str | None = None
    candidates: list[Shown] = []
    answer: str | None = None


def write_questions(
    database: Database, session_id: str, path: Path, *, answered: bool = False
) -> int:
    """Write the ambiguous papers of a session, with ``answered`` ones too; return how many.

    Raises FileError, or Refused if the file exists, because it may hold answers.
    """
    if exists(path):
        raise Refused(
            f"{path} already exists and may hold answers",
            hint=f"read them with `jobrunner review --answers {path}`, or name another file",
        )
    ambiguous = list(iter_ambiguous(database, session_id))
    if answered:
        ambiguous += iter_ambiguous(database, session_id, decided=True)
    ambiguous.sort(key=lambda paper: paper.position)
    write_whole(path, (msgspec.json.encode(_question(paper)) + b"\n" for paper in ambiguous))
    return len(ambiguous)


def _question(paper: Ambiguous) -> Question:
    return Question(
        position=paper.position,
        source=paper.source,
        key=paper.key,
        title=paper.title,
        authors=paper.authors,
        year=paper.year,
        reason=paper.reason,
        candidates=[_shown(candidate) for candidate in paper.candidates],
        answer=paper.answer,
    )


def _shown(candidate: Candidate) -> Shown:
    record = candidate.record
    return Shown(
        id=record.id,
        title=record.title,
        authors=[author.name for author in record.authors[:SHOWN_AUTHORS]],
        year=record.year,
        venue=record.venue,
        identifiers=record.identifiers,
        score=candidate.match.score,
        reasons=candidate.match.reasons,
    )


def commit_answers(database: Database, lease: Lease, path: Path) -> tuple[int, int]:
    """Commit the answers in a file; return how many were committed and how many stay open.

    All answers for one source form one batch. A new answer replaces an earlier one. Raises
    InputError, and commits nothing, for a malformed line, an unknown question, an answer that is no
    candidate, or two answers for one paper.
    """
    lines = list(_read(path))
    questions = _questions(database, lease.session_id)
    answers = _answers(path, lines, questions)
    if answers:
        _commit(database, lease, answers)
    still_open = [q for q in questions.values() if q.answer is None and not _is_in(answers, q)]
    return sum(map(len, answers.values())), len(still_open)


def _questions(database: Database, session_id: str) -> Questions:
    """Return all questions of a session, answered or not."""
    undecided = iter_ambiguous(database, session_id)
    decided = iter_ambiguous(database, session_id, decided=True)
    return {(q.position, q.source): q for q in chain(undecided, decided)}


def _answers(path: Path, lines: list[tuple[int, Question]], questions: Questions) -> Answers:
    """Return the new and changed answers in a file."""
    answers: Answers = {}
    for number, line in lines:
        if line.answer is None:
            continue
        place = f"{path}:{number}"
        question = questions.get((line.position, line.source))
        if question is None:
            raise _never_asked(line, place)
        if line.answer == question.answer:
            continue
        if _is_in(answers, question):
            raise InputError(
                f"{place}: paper {line.position} is answered twice", hint="keep one of the answers"
            )
        of_source = answers.setdefault(question.source, {})
        of_source[question.paper_id] = _answer(question, line.answer, place)
    return answers


def _is_in(answers: Answers, question: Ambiguous) -> bool:
    return question.paper_id in answers.get(question.source, {})


def _never_asked(line: Question, place: str) -> InputError:
    return InputError(
        f"{place}: unknown question: paper {line.position} of {line.source}",
        hint="write the session's questions with `jobrunner review -o FILE`, and with --answered"
        " the answered ones too",
    )


def _commit(database: Database, lease: Lease, answers: Answers) -> None:
    session_id = lease.session_id
    sources = {row.name: row for row in list_sources(database, session_id)}
    start_run(database, lease, asks=False)
    for name, of_source in answers.items():
        batch = Batch(kind=BatchKind.REVIEW, answers=of_source, started_at=clock.now())
        commit_batch(database, lease, sources[name], batch)
    pending = read_progress(database, session_id).pending
    ending = RunEnding.INTERRUPTED if pending else RunEnding.COMPLETED
    end_run(database, lease, ending=ending, reason="review answers committed")


def _read(path: Path) -> Iterator[tuple[int, Question]]:
    decoder = msgspec.json.Decoder(Question)
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        why = f"cannot be read: {error.strerror}"
        raise InputError(f"{path}: {why}", hint="check the path") from error
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                yield number, decoder.decode(line)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                why = json_fault(line, Question)
                raise InputError(
                    f"{path}:{number}: {why}", hint="see `jobrunner review --help`"
                ) from error


def _answer(question: Ambiguous, answer: str, place: str) -> Answer:
    if answer == NONE:
        return Answer.not_found()
    for candidate in question.candidates:
        if candidate.record.id == answer:
            match = candidate.match
            reasons = (*match.reasons, _BY_A_PERSON)
            return Answer(
                outcome=Outcome.ENRICHED,
                record=candidate.record,
                match=structs.replace(match, reasons=reasons),
            )
    ids = ", ".join(candidate.record.id for candidate in question.candidates)
    raise InputError(f"{place}: {answer!r} is not a candidate", hint=f"use one of: {ids}, {NONE}")
