"""Paper lists as people have them: in any form, with any mistake."""

from __future__ import annotations

import gzip
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobrunner.demo.openalex import OpenAlex
from jobrunner.demo.server import LocalServer
from tests.support import made_up_papers
from tests.support.program import Program, feed

PAPERS = [made_up_papers.by_doi(1), made_up_papers.by_doi(2)]
LIST = json.dumps(PAPERS).encode()
LINES = b"".join(json.dumps(paper).encode() + b"\n" for paper in PAPERS)
OBJECT = json.dumps({"venue": "A conference", "papers": PAPERS, "edition": 1.50}).encode()


def outcomes_of(program: Program) -> list[str | None]:
    """Return what was said of each paper, by position."""
    sql = "SELECT r.outcome FROM paper p LEFT JOIN record r ON r.paper_id = p.id"
    return [outcome for (outcome,) in program.query(f"{sql} ORDER BY p.position")]


def document_of(printed: str | bytes) -> Any:
    """Return the snapshot whose path a run has printed."""
    path = printed if isinstance(printed, str) else printed.decode()
    return json.loads(Path(path.rstrip("\n")).read_bytes())


# ---- forms


@pytest.mark.parametrize(
    ("name", "content", "form"),
    [
        ("list.jsonl", LIST, "json"),
        ("lines.json", LINES, "jsonl"),
        ("packed.json", gzip.compress(LINES), "jsonl"),
    ],
)
def test_the_content_tells_the_form_not_the_name(
    name: str, content: bytes, form: str, program: Program
) -> None:
    (program.directory / name).write_bytes(content)
    program.run("run", name)
    assert outcomes_of(program) == ["enriched", "enriched"]
    assert program.query("SELECT input_format FROM session") == [(form,)]


def test_a_list_can_come_from_standard_input(program: Program) -> None:
    ended = feed(program, LIST, "run", "-")
    assert ended.returncode == 0, ended.stderr
    assert [paper["given"] for paper in document_of(ended.stdout)["papers"]] == PAPERS
    assert b"2 papers from standard input" in ended.stderr


def test_what_stands_beside_the_papers_is_kept(program: Program) -> None:
    (program.directory / "object.txt").write_bytes(OBJECT)
    document = document_of(program.run("run", "object.txt").stdout)
    assert [paper["given"] for paper in document["papers"]] == PAPERS
    assert document["input"]["other"] == {"venue": "A conference", "edition": 1.5}


# ---- papers


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[subprocess.CompletedProcess[str]]:
    """A run with papers under all kinds of identifiers, some twice, some that are no papers."""
    works = made_up_papers.works(4)
    works[2] |= {"doi": None, "ids": {"pmid": "https://pubmed.ncbi.nlm.nih.gov/12345678"}}
    works[3]["doi"] = "https://doi.org/10.48550/arxiv.2101.00001"
    papers = [
        {"url": "HTTPS://DX.DOI.ORG/10.5555/STUDY.1"},
        {"arxiv_id": "arXiv:2101.00001v3"},
        {"id": "https://openalex.org/W1000"},
        {"pmid": 12345678},
        {"doi": "10.5555/study.1"},
        "not an object",
        {"doi": "10.5555/study.1"},
        {"title": "  ", "authors": []},
    ]
    with LocalServer(OpenAlex(works)) as server:
        program = Program(tmp_path_factory.mktemp("mixed"), server.base_url)
        program.input(papers)
        yield program.run("run", "papers.json")


def found_by(ended: subprocess.CompletedProcess[str], position: int) -> tuple[str, str]:
    """Return the work that was found for a paper, and by what."""
    entry = document_of(ended.stdout)["papers"][position]["records"]["openalex"]
    return entry["record"]["id"], entry["match"]["by"]


def test_a_doi_in_a_url_in_capitals_finds_its_work(
    mixed: subprocess.CompletedProcess[str],
) -> None:
    assert found_by(mixed, 0) == ("W1001", "doi")


def test_an_arxiv_id_with_a_version_finds_its_work(
    mixed: subprocess.CompletedProcess[str],
) -> None:
    assert found_by(mixed, 1)[0] == "W1003"


def test_an_openalex_id_finds_its_work(mixed: subprocess.CompletedProcess[str]) -> None:
    assert found_by(mixed, 2) == ("W1000", "openalex")


def test_a_pubmed_id_finds_its_work(mixed: subprocess.CompletedProcess[str]) -> None:
    assert found_by(mixed, 3) == ("W1002", "pmid")


def test_duplicates_stay_papers_of_their_own(mixed: subprocess.CompletedProcess[str]) -> None:
    papers = document_of(mixed.stdout)["papers"]
    assert papers[4]["given"] == papers[6]["given"]
    assert found_by(mixed, 4) == found_by(mixed, 6) == ("W1001", "doi")


def test_papers_that_cannot_be_used_are_told_with_position_and_reason(
    mixed: subprocess.CompletedProcess[str],
) -> None:
    assert "2 unusable papers, kept unchanged:" in mixed.stderr
    assert "paper 5: not an object but a string\n" in mixed.stderr
    assert "paper 7: no title and no identifier\n" in mixed.stderr


def test_papers_that_cannot_be_used_keep_their_place_in_the_output(
    mixed: subprocess.CompletedProcess[str],
) -> None:
    paper = document_of(mixed.stdout)["papers"][5]
    assert paper["given"] == "not an object"
    assert paper["unusable"] == "not an object but a string"


# ---- lists that are refused


def assert_nothing_is_left(program: Program) -> None:
    """No session, and no directory of one; perhaps not even a database."""
    if not program.database.exists():
        return
    assert program.query("SELECT id FROM session") == []
    assert program.query("SELECT id FROM paper") == []
    assert [path for path in program.database.parent.iterdir() if path.is_dir()] == []


def test_with_strict_one_unusable_paper_stops_the_run(
    program: Program, server: LocalServer
) -> None:
    program.input([*PAPERS, {"note": "no paper"}])
    said = program.run("run", "papers.json", "--strict", code=1).stderr
    assert "error: paper 2 cannot be used: no title and no identifier" in said
    assert server.requests == []
    assert_nothing_is_left(program)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"[]", "papers.json: contains no papers"),
        (b"title,doi\nA,10.1/x\n", "papers.json:1:1: not a list of papers that can be read"),
        (LIST[:-20], "the text is cut off after 1 complete paper"),
    ],
    ids=["an empty list", "no JSON", "half of it"],
)
def test_a_broken_list_is_one_clear_line_and_leaves_nothing(
    content: bytes, complaint: str, program: Program, server: LocalServer
) -> None:
    (program.directory / "papers.json").write_bytes(content)
    said = program.run("run", "papers.json", code=1).stderr.splitlines()
    assert said[0].startswith("error: papers.json")
    assert complaint in said[0]
    assert len(said) <= 2, "a line that says what is wrong and one that says what to do"
    assert server.requests == []
    assert_nothing_is_left(program)


@pytest.mark.parametrize(
    ("name", "complaint"), [("missing.json", "no such file"), ("place", "is a directory")]
)
def test_a_list_that_is_not_there_is_one_clear_line_and_leaves_nothing(
    name: str, complaint: str, program: Program
) -> None:
    (program.directory / "place").mkdir()
    said = program.run("run", name, code=1).stderr
    assert said.startswith(f"error: {name}: {complaint}\n")
    assert_nothing_is_left(program)
