"""``duplicates``: papers that turn out to be one work are told with the evidence, and kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from jobrunner.demo.openalex import OpenAlex
from jobrunner.demo.server import LocalServer
from jobrunner.operations.duplicates import Duplicates, find_duplicates
from tests.support import made_up_papers
from tests.support.program import Program, load, opened, papers_of

PAPERS = [
    made_up_papers.by_doi(0),
    made_up_papers.by_doi(1),
    {"title": made_up_papers.title(1), "doi": f"https://doi.org/{made_up_papers.doi(1).upper()}"},
    {"title": "On fields that nobody holds", "arxiv_id": "2001.00001v1"},
    made_up_papers.by_doi(2),
    {"title": "On fields that nobody holds", "url": "https://arxiv.org/abs/2001.00001v3"},
    made_up_papers.by_title(4),
    {"title": made_up_papers.title(4), "doi": made_up_papers.doi(4)},
    {"note": "neither title nor identifier"},
    {"note": "neither title nor identifier"},
    {"title": "An unknown one", "authors": ["N. Obody"]},
    {"title": "An unknown one", "authors": ["N. Obody"]},
]
SAME_DOI, SAME_ARXIV, SAME_RECORD = (1, 2), (3, 5), (6, 7)


class Reported(NamedTuple):
    """What ``duplicates`` said after a run, as JSON and as text."""

    program: Program
    groups: list[dict[str, Any]]
    lines: list[str]
    talk: str

    def evidence(self, positions: tuple[int, ...]) -> list[dict[str, Any]]:
        """Return the evidence for one group."""
        (group,) = [one for one in self.groups if tuple(one["positions"]) == positions]
        return list(group["evidence"])


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reported]:
    with LocalServer(OpenAlex(made_up_papers.works())) as server:
        program = Program(tmp_path_factory.mktemp("reported"), server.base_url)
        program.input(PAPERS)
        program.run("run", "papers.json", "-o", "out.json")
        asked = len(server.requests)
        shown = program.call("duplicates")
        yield Reported(program, program.json("duplicates"), shown.stdout.splitlines(), shown.stderr)
        assert len(server.requests) == asked


def test_only_papers_of_one_work_are_told_by_their_first_position(reported: Reported) -> None:
    assert [tuple(one["positions"]) for one in reported.groups] == [
        SAME_DOI,
        SAME_ARXIV,
        SAME_RECORD,
    ]


def test_a_doi_in_another_case_is_the_same(reported: Reported) -> None:
    (doi, record) = reported.evidence(SAME_DOI)
    assert (doi["scheme"], doi["value"]) == ("doi", made_up_papers.doi(1))
    assert doi["origins"] == ["input", "openalex"]
    assert (record["scheme"], record["value"]) == ("openalex", "W1001")


def test_another_version_of_an_arxiv_id_is_the_same(reported: Reported) -> None:
    evidence = {one["scheme"]: one for one in reported.evidence(SAME_ARXIV)}
    assert evidence["arxiv"]["value"] == "2001.00001"
    assert evidence["arxiv"]["origins"] == ["input"]


def test_what_was_found_by_its_title_is_the_same_as_what_has_the_identifier(
    reported: Reported,
) -> None:
    evidence = {one["scheme"]: one for one in reported.evidence(SAME_RECORD)}
    assert evidence["openalex"]["value"] == "W1004"
    assert evidence["openalex"]["origins"] == ["openalex"]
    assert evidence["doi"]["positions"] == list(SAME_RECORD)


def test_nothing_is_dropped(reported: Reported) -> None:
    papers = papers_of(reported.program.directory / "out.json")
    assert [paper["given"] for paper in papers] == PAPERS
    said = [paper.get("records", {}).get("openalex", {}) for paper in papers]
    enriched = [position for position, one in enumerate(said) if "record" in one]
    assert enriched == [0, 1, 2, 4, 6, 7]


def test_groups_and_evidence_are_shown_as_lines(reported: Reported) -> None:
    assert reported.lines[:3] == [
        "papers 1, 2:",
        f"  doi {made_up_papers.doi(1)} in 1, 2 (from input, openalex)",
        "  openalex W1001 in 1, 2 (from openalex)",
    ]
    assert reported.talk == "works listed more than once: 3\n"


def test_before_anything_is_asked_what_was_given_is_compared(program: Program) -> None:
    groups = found_in(program, PAPERS)
    assert [group.positions for group in groups] == [SAME_DOI, SAME_ARXIV]


def test_papers_that_share_one_identifier_each_with_a_third_are_one_group(
    program: Program,
) -> None:
    (group,) = found_in(
        program,
        [
            {"title": "One", "doi": "10.5555/a"},
            {"title": "Two", "doi": "10.5555/a", "pmid": "7"},
            {"title": "Other", "doi": "10.5555/b"},
            {"title": "Three", "pmid": 7},
        ],
    )
    assert group.positions == (0, 1, 3)
    assert [one.positions for one in group.evidence] == [(0, 1), (1, 3)]


def test_without_duplicates_nothing_is_told(program: Program) -> None:
    assert found_in(program, [made_up_papers.by_doi(1), made_up_papers.by_doi(2)]) == []


def found_in(program: Program, papers: object) -> list[Duplicates]:
    """Return the duplicates of a session that has not been run."""
    session = load(program, papers)
    with opened(program) as database:
        return find_duplicates(database, session)
