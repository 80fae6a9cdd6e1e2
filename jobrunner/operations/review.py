"""Review: ambiguous papers written to a file, a person's answers read back and committed.

The file is JSON Lines: one line a paper and source, with the candidates and ``answer``, which is to
be the id of the candidate that is the paper, or "none". An answer can be changed later.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct, structs

from jobrunner import clock
from jobrunner.decoding import json_fault
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
"""Stands among the reasons of a match that a person decided."""


class Shown(Struct, frozen=True, kw_only=True):
    """A candidate as a person needs it to decide."""

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
    """Write the ambiguous papers of a session, with those ``answered`` if asked; return how many.

    Raises FileError, and Refused if the file is there: it may hold answers.
    """
    if exists(path):
        raise Refused(
            f"{path} is there already, and may hold answers",
            hint=f"read them back with `jobrunner review --answers {path}`, or name another file",
        )
    found = list(iter_ambiguous(database, session_id))
    if answered:
        found += iter_ambiguous(database, session_id, decided=True)
    questions = [_question(one) for one in sorted(found, key=lambda one: one.position)]
    write_whole(path, (msgspec.json.encode(question) + b"\n" for question in questions))
    return len(questions)


def _question(one: Ambiguous) -> Question:
    return Question(
        position=one.position,
        source=one.source,
        key=one.key,
        title=one.title,
        authors=one.authors,
        year=one.year,
        reason=one.reason,
        candidates=[_shown(candidate) for candidate in one.candidates],
        answer=one.answer,
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
    """Commit the answers in a file; return how many there were, and how many were left open.

    All answers of a source are one batch. An answer that was given before is changed, or left as it
    is. Raises InputError for a line that is none, an answer to what was never asked or that is no
    candidate, or two answers about one paper; then nothing is committed.
    """
    questions = list(_read(path))
    asked = {
        (one.position, one.source): one
        for decided in (False, True)
        for one in iter_ambiguous(database, lease.session_id, decided=decided)
    }
    left = {key for key, one in asked.items() if one.answer is None}
    said: dict[str, dict[int, Answer | None]] = {}
    for number, question in questions:
        if question.answer is None:
            continue
        where = f"{path}:{number}"
        one = asked.get((question.position, question.source))
        if one is None:
            raise InputError(
                f"{where}: there is no such question: paper {question.position} of"
                f" {question.source}",
                hint="`jobrunner review -o FILE` writes the questions of a session, with"
                " --answered those that have an answer too",
            )
        if question.answer == one.answer:
            continue
        answers = said.setdefault(one.source, {})
        if one.paper_id in answers:
            raise InputError(
                f"{where}: paper {one.position} has an answer already", hint="leave one of them"
            )
        answers[one.paper_id] = _answer(one, question.answer, where)
        left.discard((one.position, one.source))
    if said:
        _commit(database, lease, said)
    return sum(len(answers) for answers in said.values()), len(left)


def _commit(database: Database, lease: Lease, said: dict[str, dict[int, Answer | None]]) -> None:
    session_id = lease.session_id
    sources = {row.name: row for row in list_sources(database, session_id)}
    start_run(database, lease, asks=False)
    for name, answers in said.items():
        batch = Batch(kind=BatchKind.REVIEW, answers=answers, started_at=clock.now())
        commit_batch(database, lease, sources[name], batch)
    left = any(source.pending for source in read_progress(database, session_id).active)
    ending = RunEnding.INTERRUPTED if left else RunEnding.COMPLETED
    end_run(database, lease, ending=ending, reason="answers of a review are committed")


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
                raise InputError(f"{path}:{number}: {why}", hint="see `review --help`") from error


def _answer(one: Ambiguous, answer: str, where: str) -> Answer:
    if answer == NONE:
        return Answer.not_found()
    for candidate in one.candidates:
        if candidate.record.id == answer:
            match = candidate.match
            reasons = (*match.reasons, _BY_A_PERSON)
            return Answer(
                outcome=Outcome.ENRICHED,
                record=candidate.record,
                match=structs.replace(match, reasons=reasons),
            )
    ids = ", ".join(candidate.record.id for candidate in one.candidates)
    raise InputError(f"{where}: {answer!r} is no candidate", hint=f"one of: {ids}, {NONE}")
