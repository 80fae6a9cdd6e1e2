"""The embedded sample, and the server as a program of its own."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

import httpx2
import pytest

from jobrunner.demo.openalex import OpenAlex
from jobrunner.demo.records import PAPERS, WORKS, load_records
from jobrunner.demo.server import read_log
from jobrunner.inputs.json_list import open_input
from jobrunner.models import Outcome, Paper
from jobrunner.sources.contract import SourceSettings
from jobrunner.sources.openalex.source import OpenAlex as Source
from tests.support.asking import look_up, search, unhurried, work
from tests.support.events import LIMIT_S
from tests.support.servers.__main__ import main
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
    asking = serve(OpenAlex(load_records(WORKS)))
    source = unhurried(Source(SourceSettings(base_url=asking.server.base_url)))
    papers, _ = sample_papers()
    answers = asyncio.run(look_up(source, [paper for paper in papers if paper.identifiers]))
    left = [paper for paper in papers if paper.id not in answers]
    searched = asyncio.run(search(source, left))
    outcomes = Counter(answer.outcome for answer in (*answers.values(), *searched))
    assert outcomes == {Outcome.ENRICHED: len(papers) - 2, Outcome.NOT_FOUND: 2}


# As a program --------------------------------------------------------------------------------


@contextmanager
def program(*arguments: object) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the server as a program; yield it and its address."""
    command = [sys.executable, "-m", "jobrunner.demo", *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, json.loads(process.stdout.readline())["base_url"]
        finally:
            process.kill()


def test_the_program_serves_the_sample_until_sigterm() -> None:
    with program() as (process, base_url):
        found = httpx2.get(f"{base_url}/works/doi:10.7717/peerj.4375", timeout=LIMIT_S).json()
        process.send_signal(signal.SIGTERM)
        assert process.wait(LIMIT_S) == 0
    assert found["id"] == "https://openalex.org/W2741809807"


def test_the_log_of_a_killed_program_has_all_its_requests(tmp_path: Path) -> None:
    log, records = tmp_path / "log.jsonl", tmp_path / "works.jsonl"
    records.write_text(json.dumps(work(11)) + "\n")
    with program("--records", records, "--log", log, "--budget-usd", "0.0002") as (process, url):
        codes = [httpx2.get(f"{url}/works", timeout=LIMIT_S).status_code for _ in range(3)]
        process.kill()
    assert codes == [200, 200, 429]
    assert [served.status for served in read_log(log)] == codes


@pytest.mark.parametrize(
    ("api", "record", "path"),
    [
        ("semantic_scholar", {"paperId": "a" * 40, "title": "T"}, "/graph/v1/paper/" + "a" * 40),
        ("crossref", {"DOI": "10.1/x", "title": ["T"]}, "/works/10.1%2Fx"),
    ],
)
def test_the_program_serves_the_other_services(
    api: str, record: dict[str, object], path: str, tmp_path: Path
) -> None:
    (tmp_path / "records.json").write_text(json.dumps([record]))
    with program("--api", api, "--records", tmp_path, "--latency", "0.01") as (_, base_url):
        assert httpx2.get(base_url + path, timeout=LIMIT_S).status_code == 200


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["--api", "crossref"], "--records is needed"),
        (["--records", "/no/such/file"], "cannot read the records"),
        (["--api", "other"], "--api"),
    ],
)
def test_the_program_refuses_arguments_that_make_no_sense(
    arguments: list[str], what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert what in capsys.readouterr().err
