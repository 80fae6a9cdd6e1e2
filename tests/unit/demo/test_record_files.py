"""The papers and works that come with the package."""

from __future__ import annotations

import asyncio
import gzip
from collections import Counter
from importlib import resources
from pathlib import Path

import pytest

from jobrunner.demo.openalex import OpenAlex
from jobrunner.demo.record_files import PAPERS, WORKS, load_records
from jobrunner.inputs.formats import open_input
from jobrunner.models import Outcome, Paper
from jobrunner.sources.contract import SourceSettings
from jobrunner.sources.openalex.source import OpenAlex as Source
from tests.support.server_client import look_up, search, unhurried
from tests.unit.conftest import Serve


def sample_papers() -> tuple[list[Paper], int]:
    """Return the papers of the sample and how many of its entries are unusable."""
    with open_input(PAPERS) as source:
        entries = list(source.papers())
    papers = [
        Paper(
            id=entry.position,
            position=entry.position,
            key=entry.key,
            title=entry.title,
            authors=entry.authors,
            year=entry.year,
            identifiers=entry.identifiers,
        )
        for entry in entries
        if not entry.unusable
    ]
    return papers, len(entries) - len(papers)


def test_the_sample_comes_with_the_package() -> None:
    package = resources.files("jobrunner.demo")
    assert package.joinpath("papers.json").is_file()
    assert package.joinpath("works.json").is_file()
    assert PAPERS.parent == WORKS.parent == Path(str(package))


def test_the_works_are_small_and_hold_short_facts_only() -> None:
    assert WORKS.stat().st_size < 250_000
    for record in load_records(WORKS):
        assert not {"abstract_inverted_index", "referenced_works"} & record.keys()
        for authorship in record["authorships"]:
            assert set(authorship) == {"author", "institutions"}


def test_every_work_is_there_once() -> None:
    works = load_records(WORKS)
    assert len({record["id"] for record in works}) == len(works) > 100


def test_the_papers_are_given_in_many_ways() -> None:
    papers, unusable = sample_papers()
    schemes = Counter(scheme for paper in papers for scheme in paper.identifiers)
    without = sum(not paper.identifiers for paper in papers)
    assert unusable == 1
    assert schemes["doi"] > 80
    assert schemes["arxiv"] >= 7
    assert schemes["pmid"] >= 2
    assert without >= 15
    given = [record.get("doi", "") for record in load_records(PAPERS)]
    assert any(doi.startswith("https://doi.org/") for doi in given)
    assert any(doi.startswith("10.") and doi != doi.lower() for doi in given)


def test_all_but_two_papers_are_found(serve: Serve) -> None:
    service = serve(OpenAlex(load_records(WORKS)))
    source = unhurried(Source(SourceSettings(base_url=service.server.base_url)))
    papers, _ = sample_papers()
    answers = asyncio.run(look_up(source, [paper for paper in papers if paper.identifiers]))
    left = [paper for paper in papers if paper.id not in answers]
    searched = asyncio.run(search(source, left))
    outcomes = Counter(answer.outcome for answer in (*answers.values(), *searched))
    assert outcomes == {Outcome.ENRICHED: len(papers) - 2, Outcome.NOT_FOUND: 2}


def test_records_are_read_from_all_files_of_a_directory(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"id": 1}\n\n{"id": 2}\n')
    (tmp_path / "b.json").write_text('{"results": [{"id": 3}]}')
    (tmp_path / "c.json").write_text('[{"id": 4}]')
    (tmp_path / "d.json").write_text('{"id": 5}')
    (tmp_path / "e.jsonl.gz").write_bytes(gzip.compress(b'{"id": 6}\n'))
    (tmp_path / "notes.txt").write_text("no records")
    assert [record["id"] for record in load_records(tmp_path)] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
@pytest.mark.parametrize(
    ("text", "reason"), [("[1, 2]", "not a list of records"), ("{", "not JSON")]
)
def test_a_file_without_records_is_refused(
    tmp_path: Path, name: str, text: str, reason: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=reason):
        load_records(tmp_path / name)
