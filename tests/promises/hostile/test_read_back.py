"""Files that are read back, changed by somebody: taken, or refused in one line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import strategies as st

from jobrunner.demo.openalex import OpenAlex
from jobrunner.demo.server import LocalServer
from jobrunner.errors import JobrunnerError
from jobrunner.files.atomic import write_sidecar
from jobrunner.files.checksums import sha256_of
from jobrunner.operations.restore import examine, restore
from jobrunner.operations.review import commit_answers
from jobrunner.store.database import Database
from jobrunner.store.lease import take_lease
from jobrunner.store.sessions import delete_session, list_sessions, loading_sessions
from tests.promises.hostile.hostile_json import each, spoilt, tried
from tests.promises.hostile.memory_databases import in_memory
from tests.support import made_up_papers
from tests.support.program import Program

PAPERS = [
    made_up_papers.by_doi(1),
    made_up_papers.by_title(2),
    made_up_papers.by_doi(70),
    {"note": "unusable"},
]


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The lines of a snapshot with all sorts of papers."""
    with LocalServer(OpenAlex(made_up_papers.works(5))) as server:
        program = Program(tmp_path_factory.mktemp("whole") / "work", server.base_url)
        program.input({"papers": PAPERS, "made": "by hand"})
        program.call("run", "papers.json", "-o", "out.json")
        program.call("retry", program.query("SELECT id FROM session")[0][0], "--not-found")
    return (program.directory / "out.json").read_text(encoding="utf-8").splitlines()


@pytest.fixture(scope="module")
def databases() -> Iterator[tuple[Database, Database]]:
    yield from in_memory()


@tried(few=25, many=800)
def test_any_change_of_a_snapshot_is_restored_or_refused(
    examples: int, snapshot: list[str], databases: tuple[Database, Database]
) -> None:
    database, path = databases[0], databases[0].path.parent / "evil.json"
    values = [number for number, line in enumerate(snapshot) if line.startswith("{")]

    def check(data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(values))
        line = snapshot[number].removesuffix(",")
        whole = json.loads(f"{line}}}" if number == 0 else line)
        changed = data.draw(spoilt(whole)).replace(b"\n", b" ")
        if number == 0:
            changed = changed.removesuffix(b"}")
        comma = b"," * snapshot[number].endswith(",")
        lines = [one.encode() for one in snapshot]
        lines[number] = changed + comma
        path.write_bytes(b"\n".join(lines) + b"\n")
        write_sidecar(path, sha256_of(path))
        try:
            session, _ = restore(database, examine(path))
        except JobrunnerError as error:
            said.add(str(error))
        else:
            delete_session(database, session.id)
        assert list_sessions(database) == []
        assert loading_sessions(database) == []

    said: set[str] = set()
    each(examples, check)
    assert len(said) > 3


QUESTION = {"position": 0, "source": "openalex", "key": "p1", "title": "A", "authors": ["B"],
            "year": 2000, "reason": "two", "candidates": [], "answer": "none"}  # fmt: skip


@tried(few=25, many=800)
def test_any_answer_to_a_review_is_taken_or_refused(
    examples: int, snapshot: list[str], databases: tuple[Database, Database]
) -> None:
    database, path = databases[1], databases[1].path.parent / "whole.json"
    path.write_text("\n".join(snapshot) + "\n", encoding="utf-8")
    write_sidecar(path, sha256_of(path))
    session, _ = restore(database, examine(path))
    answers = Path(path.parent / "answers.jsonl")

    def check(data: st.DataObject) -> None:
        lines = data.draw(st.lists(spoilt(QUESTION), min_size=1, max_size=3))
        answers.write_bytes(b"\n".join(lines))
        with take_lease(database, session.id) as lease:
            try:
                committed, _ = commit_answers(database, lease, answers)
            except JobrunnerError:
                return
        assert committed == 0

    each(examples, check)


def test_a_paper_with_very_many_authors_goes_all_the_way(tmp_path: Path) -> None:
    names = [f"Ada Brandt {number}" for number in range(100_000)]
    work = made_up_papers.work(1)
    work["authorships"] = [
        {"author": {"id": f"https://openalex.org/A{n}", "display_name": name}, "institutions": []}
        for n, name in enumerate(names)
    ]
    with LocalServer(OpenAlex([work])) as server:
        program = Program(tmp_path / "work", server.base_url)
        program.input([{**made_up_papers.by_doi(1), "authors": names}])
        program.call("run", "papers.json", "-o", "out.json")
    program.call("verify")
    program.call("explain", "0", "authors")
    [paper] = json.loads((program.directory / "out.json").read_bytes())["papers"]
    assert paper["records"]["openalex"]["outcome"] == "enriched"
    assert len(paper["given"]["authors"]) == 100_000
