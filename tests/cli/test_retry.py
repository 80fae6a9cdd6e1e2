"""``retry``: papers that failed or were not found are asked about again."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from jobrunner.demo.openalex import OpenAlex
from jobrunner.demo.server import LocalServer
from tests.support import made_up_papers
from tests.support.program import Program, adopt, rows_of


class Finished(NamedTuple):
    """A run that has ended, and what it said."""

    program: Program
    said: subprocess.CompletedProcess[str]


def session_of(program: Program) -> str:
    [(session,)] = program.query("SELECT id FROM session")
    return str(session)


@pytest.fixture(scope="module")
def quarantined(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """Four papers: two are known, one is in a work that cannot be read, one is in none."""
    works = made_up_papers.works(4)
    works[2] |= {"title": 17, "display_name": 17}
    with LocalServer(OpenAlex(works[:3])) as server:
        program = Program(tmp_path_factory.mktemp("quarantined"), server.base_url)
        program.input([made_up_papers.by_doi(number) for number in range(4)])
        said = program.run("run", "papers.json", code=3)
    return Finished(program, said)


@pytest.fixture
def to_retry(program: Program, quarantined: Finished) -> Program:
    """The same, with a server that knows all four now."""
    adopt(program, quarantined.program)
    return program


def outcomes_of(program: Program) -> list[str]:
    """Return what was said of each paper, by position."""
    sql = "SELECT r.outcome FROM record r JOIN paper p ON p.id = r.paper_id ORDER BY p.position"
    return [outcome for (outcome,) in program.query(sql)]


def test_a_failed_paper_does_not_keep_the_others_from_being_enriched(
    quarantined: Finished,
) -> None:
    expected = ["enriched", "enriched", "failed", "not_found"]
    assert outcomes_of(quarantined.program) == expected


def test_a_run_with_failed_papers_tells_how_to_retry_them(quarantined: Finished) -> None:
    session = session_of(quarantined.program)
    assert f"next: jobrunner retry {session} --failed\n" in quarantined.said.stderr


def test_retry_asks_again_about_the_failed_papers_only(
    to_retry: Program, server: LocalServer
) -> None:
    said = to_retry.run("retry", session_of(to_retry), "--failed")
    assert outcomes_of(to_retry) == ["enriched", "enriched", "enriched", "not_found"]
    assert [request.ids for request in server.requests] == [("doi:10.5555/study.2",)]
    paper = json.loads(Path(said.stdout.rstrip()).read_bytes())["papers"][2]
    assert [entry["outcome"] for entry in paper["retired"]] == ["failed"], "it is kept"


def test_retry_asks_again_about_the_papers_that_were_not_found_only(
    to_retry: Program, server: LocalServer
) -> None:
    to_retry.run("retry", session_of(to_retry), "--not-found", code=3)
    assert outcomes_of(to_retry) == ["enriched", "enriched", "failed", "enriched"]
    assert [request.ids for request in server.requests] == [("doi:10.5555/study.3",)]


def test_a_dry_run_of_retry_tells_how_many_and_changes_nothing(
    to_retry: Program, server: LocalServer
) -> None:
    before = rows_of(to_retry)
    session = session_of(to_retry)
    said = to_retry.run("retry", session, "--failed", "--not-found", "--dry-run").stdout
    assert "openalex: would retry 1 paper (failed)" in said
    assert "openalex: would retry 1 paper (not found)" in said
    assert rows_of(to_retry) == before
    assert server.requests == []


def test_a_dry_run_of_retry_tells_it_as_json_too(to_retry: Program) -> None:
    assert to_retry.json("retry", session_of(to_retry), "--not-found", "--dry-run") == [
        {"source": "openalex", "outcome": "not_found", "papers": 1}
    ]
