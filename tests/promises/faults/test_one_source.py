"""Whatever a service does wrong for a while, the papers end as if it had not."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from msgspec.structs import replace

from jobrunner.demo.messages import Fault, Plan, Reply, Request
from jobrunner.demo.openalex import OpenAlex
from jobrunner.demo.server import LocalServer
from tests.support import made_up_papers
from tests.support.program import Program, papers_of
from tests.support.servers.faults import (
    always,
    dead,
    doubled,
    dropped,
    emptied,
    page,
    rate_limited,
    reordered,
    slow,
    status,
    timed_out,
    torn,
    trickling,
    truncated,
    where,
    wrong_types,
)

CULPRIT = 5
"""Of eight papers that are looked up by DOI, the one that is the trouble."""

LIMITS: dict[str, Fault] = {"429": rate_limited(), "429 with Retry-After": rate_limited(1)}


def cut_short(reply: Reply) -> Reply:
    """Give the answer of a search that ran out of time, with the count of what it had by then."""
    answer = json.loads(timed_out(reply).body)
    answer["meta"]["count"] = len(answer["results"])
    return replace(reply, body=json.dumps(answer).encode())


UNANSWERED: dict[str, Fault] = {
    "500": status(500),
    "502 with a web page": page(502),
    "503": status(503),
    "a connection that is cut": dropped(),
    "a body that is cut": torn,
    "half of the JSON": truncated,
    "a web page with status 200": page(200),
    "a search that timed out": cut_short,
    "fewer results than their count": emptied,
}
ANSWERED: dict[str, Fault] = {"a slow answer": slow(1.0), "a trickling body": trickling(1.0)}
"""Faults that are an answer all the same, and need no other request."""

FAULTS = LIMITS | UNANSWERED | ANSWERED
NUMBERS = {name: (number, 40 + number) for number, name in enumerate(FAULTS)}
"""The papers that meet each fault: one that is looked up by its DOI, one that is searched."""


def asked_about(request: Request) -> int:
    """Return the number of the paper that a request for one alone is about."""
    found = re.search(r"study\.(\d+)|number (\d+)", request.get("filter") or "")
    assert found, request.query
    return int(found[1] or found[2])


def each_its_own(names: Iterable[str]) -> Plan:
    """Let the first request for each paper meet the paper's own fault."""
    left = {number: FAULTS[name] for name in names for number in NUMBERS[name]}
    return lambda request, _number: left.pop(asked_about(request), None)


class Met(NamedTuple):
    """A run that met some faults: its papers by number, and how often each was asked for."""

    code: int
    papers: dict[int, dict[str, Any]]
    asked: Counter[int]


def enrich(directory: Path, names: Collection[str], plan: Plan | None, batch_size: int) -> Met:
    looked_up, searched = zip(*(NUMBERS[name] for name in names), strict=True)
    with LocalServer(OpenAlex(made_up_papers.works()), faults=plan) as server:
        program = Program(directory, server.base_url)
        program.input(
            [*map(made_up_papers.by_doi, looked_up), *map(made_up_papers.by_title, searched)]
        )
        command = ("run", "papers.json", "-o", "out.json", "--batch-size", batch_size)
        code = program.run(*command, code=None).returncode
    papers = papers_of(directory / "out.json")
    for paper in papers:
        del paper["position"]
    ids = [name for request in server.requests for name in request.ids]
    asked = Counter(int(number) for name in ids for number in re.findall(r"\d+$", name))
    return Met(code, dict(zip((*looked_up, *searched), papers, strict=True)), asked)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Met]]:
    """Runs at the same time: without any fault, told to slow down, and with the other faults."""
    others = UNANSWERED | ANSWERED
    with ThreadPoolExecutor() as pool:
        place = tmp_path_factory.mktemp
        started = {
            "clean": pool.submit(enrich, place("clean"), FAULTS, None, 100),
            "slowed": pool.submit(enrich, place("slowed"), LIMITS, each_its_own(LIMITS), 1),
            "troubled": pool.submit(enrich, place("troubled"), others, each_its_own(others), 1),
        }
        yield {name: run.result() for name, run in started.items()}


@pytest.fixture
def clean(runs: dict[str, Met]) -> Met:
    return runs["clean"]


@pytest.fixture
def met(name: str, runs: dict[str, Met]) -> Met:
    return runs["slowed" if name in LIMITS else "troubled"]


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("kind", ["lookup", "search"])
def test_a_fault_that_passes_changes_nothing(kind: str, name: str, met: Met, clean: Met) -> None:
    number = NUMBERS[name][kind == "search"]
    assert met.papers[number] == clean.papers[number]
    assert met.papers[number]["records"]["openalex"]["outcome"] == "enriched"


@pytest.mark.parametrize("name", LIMITS | UNANSWERED)
def test_a_request_that_was_not_answered_is_made_again(name: str, met: Met) -> None:
    assert [met.asked[number] for number in NUMBERS[name]] == [2, 2]


@pytest.mark.parametrize("name", ANSWERED)
def test_a_request_that_was_answered_is_not_made_again(name: str, met: Met) -> None:
    assert [met.asked[number] for number in NUMBERS[name]] == [1, 1]


def test_a_run_that_got_over_all_faults_ends_well(runs: dict[str, Met]) -> None:
    assert [run.code for run in runs.values()] == [0, 0, 0]


def test_results_may_come_in_any_order_and_more_than_once(tmp_path: Path, clean: Met) -> None:
    plan = always(lambda reply: doubled(reordered(reply)))
    assert enrich(tmp_path, FAULTS, plan, 100) == clean


# ---- faults that stay


def outcomes_of(program: Program) -> list[str]:
    """Return what was said of each paper, by position."""
    sql = "SELECT r.outcome FROM record r JOIN paper p ON p.id = r.paper_id ORDER BY p.position"
    return [outcome for (outcome,) in program.query(sql)]


def all_but_the_culprit(outcome: str) -> list[str]:
    return ["enriched" if number != CULPRIT else outcome for number in range(8)]


def asks_for_the_culprit(request: Request) -> bool:
    return made_up_papers.doi(CULPRIT) in re.split("[:|]", request.get("filter") or "")


@pytest.fixture
def listed(program: Program) -> Program:
    program.input([made_up_papers.by_doi(number) for number in range(8)])
    return program


def test_a_record_of_wrong_types_fails_its_paper_only(listed: Program, server: LocalServer) -> None:
    server.faults = where(asks_for_the_culprit, always(wrong_types))
    said = listed.run("run", "papers.json", "--batch-size", 1, code=3).stderr
    assert outcomes_of(listed) == all_but_the_culprit("failed")
    assert "next: jobrunner retry " in said


def test_a_paper_that_a_service_refuses_is_singled_out_by_halving_its_batch(
    listed: Program, server: LocalServer
) -> None:
    server.faults = where(asks_for_the_culprit, always(status(400, "I do not like this one")))
    listed.run("run", "papers.json", code=3)
    assert outcomes_of(listed) == all_but_the_culprit("failed")
    refused = [len(request.ids) for request in server.requests if request.faulty]
    assert refused == [8, 4, 2, 1]
    (error,) = listed.query("SELECT error FROM record WHERE outcome = 'failed'")[0]
    assert error.startswith("openalex: HTTP 400: I do not like this one")


def test_where_there_is_no_such_service_no_paper_counts_as_not_found(
    listed: Program, server: LocalServer
) -> None:
    server.faults = always(page(404, "Not Found"))
    said = listed.run("run", "papers.json", code=75).stderr
    assert outcomes_of(listed) == []
    assert f"openalex: HTTP 404 from {server.base_url}/works" in said


def test_a_page_of_another_service_is_no_not_found_of_a_single_work(
    program: Program, server: LocalServer
) -> None:
    program.input([{"doi": "10.1000/odd,and-so-looked-up-alone"}])
    server.faults = always(page(404, "Not Found"))
    said = program.run("run", "papers.json", code=75).stderr
    assert outcomes_of(program) == []
    assert "check the base URL" in said


@pytest.mark.torture
@pytest.mark.parametrize("fault", [status(500), page(200)])
def test_a_paper_that_breaks_every_answer_is_singled_out(
    listed: Program, server: LocalServer, fault: Fault
) -> None:
    server.faults = where(asks_for_the_culprit, always(fault))
    listed.run("run", "papers.json", code=3)
    assert outcomes_of(listed) == all_but_the_culprit("failed")
    broken = Counter(len(request.ids) for request in server.requests if request.faulty)
    assert broken == {8: 7, 4: 2, 2: 2, 1: 2}


@pytest.mark.torture
@pytest.mark.parametrize("fault", [status(500), page(200)])
def test_a_service_that_answers_nothing_usable_is_down_and_its_papers_stay_open(
    program: Program, server: LocalServer, fault: Fault
) -> None:
    program.input([made_up_papers.by_doi(number) for number in range(40)])
    server.faults = always(fault)
    said = program.run("run", "papers.json", "-o", "out.json", code=75).stderr
    assert "10 times in a row" in said
    assert outcomes_of(program) == []
    server.faults = None
    program.run("resume")
    assert outcomes_of(program) == ["enriched"] * 40


@pytest.mark.torture
def test_a_service_that_is_down_for_good_loses_nothing(
    listed: Program, server: LocalServer
) -> None:
    server.faults = dead()
    said = listed.run("run", "papers.json", code=75).stderr
    assert outcomes_of(listed) == []
    assert "next: jobrunner resume " in said
    server.faults = None
    listed.run("resume")
    assert outcomes_of(listed) == ["enriched"] * 8
