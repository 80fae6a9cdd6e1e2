"""``review``: ambiguous papers are asked about in a file, and a person's answers are committed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from jobrunner.demo.openalex import OpenAlex
from jobrunner.demo.server import LocalServer
from jobrunner.errors import InputError, Refused
from jobrunner.operations.review import commit_answers, write_questions
from jobrunner.store.lease import take_lease
from tests.support import made_up_papers
from tests.support.program import Program, adopt, change, opened, papers_of, rows_of

TWINS, NAMELESS, ELSEWHERE, CLEAR = 3, 60, 5, 1
PAPERS = [
    made_up_papers.by_doi(CLEAR),
    made_up_papers.by_title(TWINS),
    {"title": made_up_papers.title(NAMELESS)},
    {"title": "A wholly different thing", "doi": made_up_papers.doi(ELSEWHERE)},
]
"""Looked up; found twice; found without authors to go by; its DOI leads to another title."""


def works() -> list[dict[str, Any]]:
    twin = made_up_papers.work(TWINS) | {
        "id": "https://openalex.org/W2003",
        "doi": "https://doi.org/10.5555/twin.3",
        "ids": {"openalex": "https://openalex.org/W2003"},
        "cited_by_count": 1,
    }
    return [*made_up_papers.works(10), made_up_papers.work(NAMELESS), twin]


class Asked(NamedTuple):
    """A run that left three ambiguous papers, and the questions about them."""

    program: Program
    questions: list[dict[str, Any]]
    said: str
    said_before: str

    @property
    def session(self) -> str:
        ((session,),) = self.program.query("SELECT id FROM session")
        return str(session)


@pytest.fixture(scope="module")
def service() -> Iterator[LocalServer]:
    with LocalServer(OpenAlex(works())) as server:
        yield server


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory, service: LocalServer) -> Asked:
    program = Program(tmp_path_factory.mktemp("asked"), service.base_url)
    program.input(PAPERS)
    run = program.run("run", "papers.json", "-o", "out.json")
    said = program.call("review", "-o", "review.jsonl")
    lines = (program.directory / "review.jsonl").read_text(encoding="utf-8").splitlines()
    questions = [json.loads(line) for line in lines]
    return Asked(program, questions, said.stdout + said.stderr, run.stderr)


@pytest.fixture
def copied(tmp_path: Path, asked: Asked) -> Asked:
    """A copy, to be changed."""
    program = Program(tmp_path / "copy")
    adopt(program, asked.program)
    return asked._replace(
        program=program, questions=[dict(question) for question in asked.questions]
    )


def write(asked: Asked, *answers: str | None) -> Path:
    """Write the answers to the three questions, in order."""
    lines = [
        json.dumps(question | {"answer": answer})
        for question, answer in zip(asked.questions, answers, strict=True)
    ]
    path = asked.program.directory / "answers.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def answer(asked: Asked, path: Path) -> tuple[int, int]:
    """Commit the answers in a file."""
    with opened(asked.program) as database, take_lease(database, asked.session) as lease:
        return commit_answers(database, lease, path)


def outcomes_of(program: Program) -> list[str]:
    """Return what was said of each paper, by position."""
    sql = "SELECT r.outcome FROM record r JOIN paper p ON p.id = r.paper_id ORDER BY p.position"
    return [outcome for (outcome,) in program.query(sql)]


# ---- the questions


def test_a_run_that_leaves_ambiguous_papers_tells_how_to_write_the_questions(asked: Asked) -> None:
    assert asked.said_before.endswith(f"next: jobrunner review {asked.session} -o review.jsonl\n")


def test_each_ambiguous_paper_is_a_line_with_the_reason(asked: Asked) -> None:
    assert [(one["position"], one["source"], one["reason"]) for one in asked.questions] == [
        (1, "openalex", "2 different works match the title"),
        (2, "openalex", "the title alone does not decide (title, no-authors, no-year)"),
        (3, "openalex", f"doi leads to a different title: '{made_up_papers.title(ELSEWHERE)}'"),
    ]


def test_a_question_holds_what_is_needed_to_decide(asked: Asked) -> None:
    question = asked.questions[0]
    assert question["title"] == made_up_papers.title(TWINS)
    assert (question["authors"], question["year"]) == (["Ada Dufour"], 2003)
    assert [one["id"] for one in question["candidates"]] == ["W1003", "W2003"]
    candidate = question["candidates"][1]
    assert candidate["identifiers"] == {"doi": "10.5555/twin.3", "openalex": "W2003"}
    assert candidate["reasons"] == ["title", "authors", "year"]
    assert question["answer"] is None


def test_the_number_of_questions_and_the_file_are_told(asked: Asked) -> None:
    assert asked.said == "review.jsonl\n3 questions written\n"


def test_a_file_that_may_hold_answers_is_not_written_over(copied: Asked) -> None:
    path = write(copied, "W1003", None, None)
    before = path.read_bytes()
    with opened(copied.program) as database, pytest.raises(Refused, match="may hold answers"):
        write_questions(database, copied.session, path)
    assert path.read_bytes() == before


def test_questions_take_the_place_of_nothing_that_is_needed(copied: Asked) -> None:
    said = copied.program.call("review", "-o", ".jobrunner/state.db-wal", code=2).stderr
    assert "cannot write .jobrunner/state.db-wal: it belongs to the state database" in said


def test_without_ambiguous_papers_there_are_no_questions(copied: Asked) -> None:
    answer(copied, write(copied, "none", "none", "none"))
    path = copied.program.directory / "more.jsonl"
    with opened(copied.program) as database:
        assert write_questions(database, copied.session, path) == 0
    assert path.read_bytes() == b""


# ---- the answers


class Answered(NamedTuple):
    """The same after two answers and one "none", read back by the command."""

    program: Program
    said: str
    batches: int
    requests: int


@pytest.fixture(scope="module")
def answered(
    tmp_path_factory: pytest.TempPathFactory, asked: Asked, service: LocalServer
) -> Answered:
    program = Program(tmp_path_factory.mktemp("answered"), service.base_url)
    adopt(program, asked.program)
    copy = asked._replace(program=program)
    ((batches,),) = program.query("SELECT count(*) FROM batch")
    requests = len(service.requests)
    path = write(copy, "W2003", f"W{1000 + NAMELESS}", "none")
    said = program.call("review", "--answers", path.name)
    program.call("snapshot", "-o", "out.json")
    return Answered(program, said.stderr, batches, len(service.requests) - requests)


def test_all_answers_of_a_source_are_one_batch(answered: Answered) -> None:
    found = answered.program.query(
        "SELECT kind, papers, enriched, not_found, ambiguous, requests FROM batch"
        " ORDER BY id LIMIT -1 OFFSET ?",
        answered.batches,
    )
    assert found == [("review", 3, 2, 1, 0, 0)]
    assert answered.requests == 0


def test_the_count_and_the_next_command_are_told(answered: Answered) -> None:
    ((session,),) = answered.program.query("SELECT id FROM session")
    assert answered.said.splitlines() == [
        "3 answers committed, 0 papers ambiguous",
        f"next: jobrunner snapshot {session}",
    ]


def test_the_chosen_candidate_is_the_record(answered: Answered) -> None:
    _, twin, nameless, _ = papers_of(answered.program.directory / "out.json")
    assert twin["records"]["openalex"]["outcome"] == "enriched"
    assert twin["consolidated"]["identifiers"]["openalex"]["value"] == "W2003"
    assert twin["records"]["openalex"]["match"]["reasons"][-1] == "review"
    assert nameless["records"]["openalex"]["match"]["reasons"][-1] == "review"


def test_none_of_the_candidates_means_that_it_was_not_found(answered: Answered) -> None:
    paper = papers_of(answered.program.directory / "out.json")[3]
    assert paper["records"]["openalex"]["outcome"] == "not_found"
    assert "openalex" not in paper["consolidated"]["identifiers"]


def test_the_ambiguous_answers_are_kept_with_their_candidates(answered: Answered) -> None:
    papers = papers_of(answered.program.directory / "out.json")
    assert [[one["outcome"] for one in paper.get("retired", [])] for paper in papers] == [
        [],
        ["ambiguous"],
        ["ambiguous"],
        ["ambiguous"],
    ]
    assert len(papers[1]["retired"][0]["candidates"]) == 2


def test_what_is_known_of_a_chosen_record_is_an_identifier_of_the_paper(
    answered: Answered,
) -> None:
    found = answered.program.query(
        "SELECT i.value FROM identifier i JOIN paper p ON p.id = i.paper_id"
        " WHERE p.position = 1 AND i.scheme = 'doi'"
    )
    assert found == [("10.5555/twin.3",)]


def test_the_session_verifies_and_is_still_completed(answered: Answered) -> None:
    answered.program.call("verify")
    assert answered.program.query("SELECT status FROM session") == [("completed",)]


def test_the_same_answers_again_change_nothing(answered: Answered) -> None:
    before = rows_of(answered.program)
    said = answered.program.call("review", "--answers", "answers.jsonl")
    assert said.stderr.startswith("0 answers committed, 0 papers ambiguous\n")
    assert rows_of(answered.program) == before


def test_answers_outlive_a_restore(answered: Answered) -> None:
    program = answered.program
    program.call("restore", "out.json", "--db", "restored.db")
    program.call("verify", "--db", "restored.db")
    program.call("snapshot", "-o", "again.json", "--db", "restored.db")
    outputs = [papers_of(program.directory / name) for name in ("out.json", "again.json")]
    assert outputs[0] == outputs[1]


def test_what_is_not_answered_stays_ambiguous(copied: Asked) -> None:
    assert answer(copied, write(copied, None, "none", None)) == (1, 2)
    assert outcomes_of(copied.program) == ["enriched", "ambiguous", "not_found", "ambiguous"]


def test_answers_can_come_in_parts(copied: Asked) -> None:
    answer(copied, write(copied, "W1003", None, None))
    assert answer(copied, write(copied, "W1003", "none", "none")) == (2, 0)
    assert outcomes_of(copied.program) == ["enriched", "enriched", "not_found", "not_found"]


# ---- answers that were wrong


@pytest.fixture
def mistaken(copied: Asked) -> Asked:
    """A review whose first answer was the wrong twin."""
    answer(copied, write(copied, "W2003", None, "none"))
    return copied


def test_a_wrong_answer_is_changed_with_all_that_came_of_it(mistaken: Asked) -> None:
    assert answer(mistaken, write(mistaken, "W1003", None, "none")) == (1, 1)
    mistaken.program.call("snapshot", "-o", "out.json")
    paper = papers_of(mistaken.program.directory / "out.json")[1]
    assert paper["records"]["openalex"]["record"]["id"] == "W1003"
    assert paper["consolidated"]["identifiers"]["doi"]["value"] == made_up_papers.doi(TWINS)
    assert [one["outcome"] for one in paper["retired"]] == ["ambiguous", "enriched"]
    dois = mistaken.program.query("SELECT value FROM identifier WHERE value LIKE '%twin%'")
    assert dois == []
    mistaken.program.call("verify")


def test_an_answer_can_be_changed_to_none_and_back(mistaken: Asked) -> None:
    answer(mistaken, write(mistaken, "none", None, "none"))
    assert outcomes_of(mistaken.program)[1] == "not_found"
    answer(mistaken, write(mistaken, "W2003", None, "none"))
    assert outcomes_of(mistaken.program)[1] == "enriched"


def test_fields_of_an_answer_that_was_taken_back_are_not_counted(mistaken: Asked) -> None:
    before = mistaken.program.json("status")["sources"][0]
    assert (before["enriched"], before["fields"]["title"]) == (2, 2)
    answer(mistaken, write(mistaken, "none", None, "none"))
    after = mistaken.program.json("status")["sources"][0]
    assert (after["enriched"], after["fields"]["title"]) == (1, 1)


def test_what_was_answered_is_asked_again_if_wanted(mistaken: Asked) -> None:
    mistaken.program.call("review", "--answered", "-o", "again.jsonl")
    lines = (mistaken.program.directory / "again.jsonl").read_text(encoding="utf-8").splitlines()
    again = [json.loads(line) for line in lines]
    answers = ["W2003", None, "none"]
    assert again == [
        question | {"answer": said}
        for question, said in zip(mistaken.questions, answers, strict=True)
    ]


# ---- beside a source that has stopped


def test_answers_leave_a_stopped_source_as_it_is(copied: Asked) -> None:
    why = "openalex: the allowance is used up"
    change(copied.program, "DELETE FROM record WHERE outcome = 'enriched'")
    change(
        copied.program,
        "UPDATE source_state SET status = 'stopped', error = ?, not_before = ?",
        *(why, "2026-11-24T01:30:00.000Z"),
    )
    answer(copied, write(copied, "W1003", None, "none"))
    found = copied.program.json("status")
    assert (found["sources"][0]["status"], found["last_error"]) == ("stopped", why)


# ---- answers that are none


def test_a_wrong_candidate_is_an_error_with_its_line_and_nothing_is_committed(
    copied: Asked,
) -> None:
    write(copied, "W2003", "W99", "none")
    before = rows_of(copied.program)
    said = copied.program.call("review", "--answers", "answers.jsonl", code=1)
    assert said.stderr.splitlines() == [
        "error: answers.jsonl:2: 'W99' is not a candidate",
        f"  use one of: W{1000 + NAMELESS}, none",
    ]
    assert rows_of(copied.program) == before


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ('"position": 3', '"position": 99999', "paper 99999 of openalex"),
        ('"position": 3', f'"position": {CLEAR - 1}', f"paper {CLEAR - 1} of openalex"),
        ('"openalex", "key": "", "title": "A wh', '"nope", "title": "A wh', "paper 3 of nope"),
    ],
)
def test_an_answer_to_what_was_never_asked_is_an_error_with_its_line(
    old: str, new: str, what: str, copied: Asked
) -> None:
    path = write(copied, "W1003", None, "none")
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    before = rows_of(copied.program)
    said = copied.program.call("review", "--answers", "answers.jsonl", code=1)
    assert said.stderr.startswith(f"error: answers.jsonl:3: unknown question: {what}\n")
    assert rows_of(copied.program) == before


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"none"}\n', '"none"\n', r"answers.jsonl:2: it is not JSON \(column \d+\)$"),
        ('{"position": 1', "\n\nnonsense", r"answers.jsonl:3: it is not JSON \(column 1\)$"),
        ('"none"', "7", "answers.jsonl:2: `answer` has the wrong type$"),
        ('"position": 3', '"position": "x"', "answers.jsonl:3: `position` has the wrong type$"),
        ('"position": 3', '"position": 2', "answers.jsonl:3: paper 2 is answered twice"),
        ('"title": "A wh', '"title": "\udcff', r"answers.jsonl:3: byte \d+ is not UTF-8 text$"),
    ],
)
def test_a_line_that_is_none_is_an_error_with_its_number_and_nothing_is_committed(
    old: str, new: str, message: str, copied: Asked
) -> None:
    path = write(copied, None, "none", "none")
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_bytes(text.replace(old, new, 1).encode("utf-8", "surrogateescape"))
    before = rows_of(copied.program)
    with pytest.raises(InputError, match=message):
        answer(copied, path)
    assert rows_of(copied.program) == before


def test_a_file_that_is_not_there_is_an_error(copied: Asked) -> None:
    with pytest.raises(InputError, match=r"nosuch.jsonl: cannot be read"):
        answer(copied, Path("nosuch.jsonl"))


def test_beside_a_run_answers_are_refused(copied: Asked) -> None:
    write(copied, "W2003", "none", "none")
    before = rows_of(copied.program)
    with opened(copied.program) as database, take_lease(database, copied.session):
        said = copied.program.run("review", "--answers", "answers.jsonl", code=4)
    assert copied.session in said.stderr
    assert rows_of(copied.program) == before


@pytest.mark.parametrize("moment", ["commit.before", "commit.after"])
def test_a_kill_commits_all_answers_or_none(moment: str, copied: Asked) -> None:
    write(copied, "W2003", "none", "none")
    copied.program.run("review", "--answers", "answers.jsonl", fault=moment, code=None)
    left = 0 if moment == "commit.after" else 3
    assert outcomes_of(copied.program).count("ambiguous") == left
    assert answer(copied, copied.program.directory / "answers.jsonl") == (left, 0)
    copied.program.call("verify")


def test_a_line_without_an_answer_is_passed_over_whatever_it_asks(copied: Asked) -> None:
    path = write(copied, "W1003", None, None)
    text = path.read_text(encoding="utf-8").replace('"position": 3', '"position": 99999')
    path.write_text(text, encoding="utf-8")
    assert answer(copied, path) == (1, 2)


def test_what_questions_are_written_is_not_said_with_answers(copied: Asked) -> None:
    write(copied, "W1003", None, None)
    before = rows_of(copied.program)
    said = copied.program.call("review", "--answers", "answers.jsonl", "--answered", code=2)
    assert "error: --answered works only with --output" in said.stderr
    assert rows_of(copied.program) == before


def test_either_questions_or_answers_are_asked_for(asked: Asked) -> None:
    said = asked.program.call("review", "-o", "new.jsonl", "--answers", "review.jsonl", code=2)
    assert "use either --output or --answers" in said.stderr
    assert not (asked.program.directory / "new.jsonl").exists()
