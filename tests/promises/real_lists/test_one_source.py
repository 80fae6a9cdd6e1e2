"""Real paper lists against real works, killed at random moments and not."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path
from typing import Any

import pytest

from jobrunner.demo.openalex import OpenAlex
from jobrunner.demo.record_files import load_records
from jobrunner.demo.server import LocalServer
from jobrunner.identifiers.schemes import normalise
from tests.support.events import Gate, eventually
from tests.support.program import Program, papers_of, was_killed
from tests.support.real_data import DATA

WORKS = DATA / "records" / "openalex_works.jsonl.gz"
LISTS = DATA / "inputs"
MOST_REQUESTS = 6
"""Fewer are answered before a program is killed."""

pytestmark = pytest.mark.skipif(not WORKS.exists(), reason=f"no real data in {DATA}")


@pytest.fixture(scope="module")
def works() -> list[dict[str, Any]]:
    return load_records(WORKS)


def part_of(name: str, count: int) -> list[Any]:
    document = json.loads((LISTS / name).read_text(encoding="utf-8"))
    papers: list[Any] = document["papers"] if isinstance(document, dict) else document
    return papers[:count]


def kill(
    program: Program, server: LocalServer, chance: random.Random, command: tuple[object, ...]
) -> bool:
    """Kill a command after some of its requests are answered; False if it ended before."""
    gate, answered = Gate(), chance.randrange(1, MOST_REQUESTS)
    server.faults = gate.after(answered)
    child = program.start(*command, "--checkpoint-interval", 0.005)
    eventually(lambda: gate.asked > answered or child.poll() is not None)
    time.sleep(chance.uniform(0.0, 0.2))
    child.kill()
    gate.open()
    out, err = child.communicate()
    killed = was_killed(child.returncode)
    assert killed or child.returncode == 0, out + err
    return killed


def finish(program: Program, server: LocalServer, chance: random.Random, most: int) -> int:
    """Run the list to its end, killing it some times before; return the number of kills."""
    command: tuple[object, ...] = ("run", "papers.json", "-o", "out.json")
    for kills in range(most):
        if not kill(program, server, chance, command):
            return kills
        if program.has_started():
            command = ("resume",)
            if program.json("status")["state"] == "completed":
                return kills + 1
    server.faults = None
    program.run(*command)
    return most


@pytest.mark.parametrize(
    ("name", "count", "most"),
    [
        ("from_records/mixed.json", 60, 3),
        pytest.param("from_records/mixed.json", 3000, 40, marks=pytest.mark.torture),
        pytest.param("paperlists/iclr2017.json", 490, 15, marks=pytest.mark.torture),
        pytest.param(
            "compute-forecast/raw_collected_papers.json", 804, 20, marks=pytest.mark.torture
        ),
    ],
)
def test_killed_at_random_it_ends_as_if_it_never_was(
    name: str, count: int, most: int, works: list[dict[str, Any]], tmp_path: Path
) -> None:
    papers = part_of(name, count)
    with LocalServer(OpenAlex(works)) as server:
        whole = Program(tmp_path / "whole", server.base_url)
        whole.input(papers)
        whole.run("run", "papers.json", "-o", "out.json")
    with LocalServer(OpenAlex(works)) as server:
        killed = Program(tmp_path / "killed", server.base_url)
        killed.input(papers)
        assert finish(killed, server, random.Random(count), most) > 0
    killed.run("verify")
    assert papers_of(killed.directory / "out.json") == papers_of(whole.directory / "out.json")


def test_papers_with_a_doi_that_the_works_have_are_found_and_none_wrongly(
    works: list[dict[str, Any]], tmp_path: Path
) -> None:
    known = {normalise("doi", work["doi"]) for work in works if work.get("doi")}
    papers = [
        paper
        for paper in part_of("from_records/with_ids.json", 5000)
        if normalise("doi", paper.get("doi") or "") in known
    ][:1000]
    with LocalServer(OpenAlex(works)) as server:
        program = Program(tmp_path, server.base_url)
        program.input(papers)
        program.run("run", "papers.json", "-o", "out.json")
        requests = len(server.requests)
    enriched = [p for p in papers_of(tmp_path / "out.json") if is_enriched(p)]
    assert len(enriched) >= 0.99 * len(papers)
    assert requests <= len(papers) / 10
    for paper in enriched:
        record = paper["records"]["openalex"]["record"]
        assert record["identifiers"]["doi"] == normalise("doi", paper["given"]["doi"])


def is_enriched(paper: dict[str, Any]) -> bool:
    return bool(paper["records"]["openalex"]["outcome"] == "enriched")
