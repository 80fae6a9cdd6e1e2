"""``plan``: what a run would take, told before anything is sent."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from jobrunner.demo.openalex import OpenAlex
from jobrunner.demo.server import LocalServer
from tests.support import made_up_papers
from tests.support.program import Program, feed

LOOKUPS, SEARCHES = 150, 250
PAPERS = [
    *(made_up_papers.by_doi(number) for number in range(LOOKUPS)),
    *(made_up_papers.by_title(number) for number in range(LOOKUPS, LOOKUPS + SEARCHES)),
    {"title": "With an arXiv id", "arxiv_id": "2001.00001"},
    {"note": "neither title nor identifier"},
    {"doi": "10.1000/without-a-title"},
]
UNUSABLE = LOOKUPS + SEARCHES + 1
ALL = ("--source", "openalex", "--source", "semantic_scholar", "--source", "crossref")
LEAST, MOST = 2 + SEARCHES, 2 + LOOKUPS + SEARCHES + 1
"""Requests to OpenAlex: 152 papers are looked up, 100 at a time; one of them has no title."""

PLANS = {
    "keyless": "plan papers.json --json",
    "keyed": "plan papers.json --json --email me@example.org",
    "all": f"plan papers.json --json {' '.join(ALL)}",
    "in order": "plan papers.json --json --in-order --source crossref --source openalex",
    "anonymous": "plan papers.json --json --source crossref",
    "shown": f"plan papers.json {' '.join(ALL)}",
    "shown keyed": "plan papers.json --email me@example.org",
    "no such file": "plan nosuch.json",
    "no such source": "plan papers.json --source nosuch",
}
KEYED = ("keyed", "shown keyed")


class Planned(NamedTuple):
    """What ``plan`` said in each of these ways."""

    program: Program
    server: LocalServer
    said: dict[str, subprocess.CompletedProcess[str]]

    def json(self, name: str) -> Any:
        return json.loads(self.said[name].stdout)

    def source(self, name: str, source: str = "openalex") -> Any:
        return next(one for one in self.json(name)["sources"] if one["name"] == source)


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Planned]:
    with LocalServer(OpenAlex(made_up_papers.works())) as server:
        program = Program(tmp_path_factory.mktemp("planned"), server.base_url)
        program.input(PAPERS)
        key = program.environment["JOBRUNNER_OPENALEX_API_KEY"]
        said = {}
        for name, arguments in PLANS.items():
            program.environment["JOBRUNNER_OPENALEX_API_KEY"] = key if name in KEYED else ""
            said[name] = program.call(*arguments.split(), code=None)
        yield Planned(program, server, said)


def test_papers_are_counted_by_what_they_can_be_looked_up_by(planned: Planned) -> None:
    plan = planned.json("keyless")
    assert (plan["papers"], plan["unusable"]) == (len(PAPERS), 1)
    assert plan["schemes"] == {"doi": LOOKUPS + 2, "arxiv": 1}
    assert plan["titles_only"] == SEARCHES


def test_why_papers_cannot_be_used_is_told(planned: Planned) -> None:
    reason = {"position": UNUSABLE, "reason": "no title and no identifier"}
    assert planned.json("keyless")["reasons"] == [reason]


def test_of_many_papers_that_cannot_be_used_the_first_are_told_and_the_others_counted(
    program: Program,
) -> None:
    program.input([5] * 12)
    lines = program.call("plan", "papers.json").stdout.splitlines()
    assert lines[:2] == ["12 papers, 12 unusable", "  paper 0: not an object but a number"]
    assert lines[10:12] == ["  paper 9: not an object but a number", "  ... and 2 more"]


def test_requests_and_money_are_told_from_the_least_to_the_most(planned: Planned) -> None:
    source = planned.source("keyless")
    assert (source["least"]["requests"], source["most"]["requests"]) == (LEAST, MOST)
    assert source["least"]["cost_micros"] == 2 * 100 + SEARCHES * 1000
    assert source["most"]["cost_micros"] == 2 * 100 + (MOST - 2) * 1000


def test_without_a_key_the_allowance_of_each_day_is_waited_for(planned: Planned) -> None:
    source = planned.source("keyless")
    assert source["least"]["seconds"] == 2 * 86400
    assert source["most"]["seconds"] == 4 * 86400


def test_with_a_key_the_allowance_is_larger_and_only_the_pace_counts(planned: Planned) -> None:
    source = planned.source("keyed")
    assert source["least"]["seconds"] == pytest.approx(LEAST / 30)


def test_a_missing_key_is_advised_with_what_it_would_save(planned: Planned) -> None:
    settings = planned.json("keyless")["advice"]["settings"]
    assert settings == {"JOBRUNNER_OPENALEX_API_KEY": pytest.approx(4 * 86400 - MOST / 30)}


def test_where_nothing_is_missing_nothing_is_advised(planned: Planned) -> None:
    assert planned.json("keyed")["advice"]["settings"] == {}


def test_an_address_is_advised_where_it_would_help(planned: Planned) -> None:
    advice = planned.json("anonymous")["advice"]
    assert list(advice["settings"]) == ["JOBRUNNER_CROSSREF_API_KEY", "JOBRUNNER_EMAIL"]


def test_a_source_that_waits_for_another_may_be_spared_its_searches(planned: Planned) -> None:
    source = planned.source("all", "crossref")
    assert source["flowing"] == source["searches"] == SEARCHES
    assert source["least"]["requests"] == 9
    assert source["most"]["requests"] == 9 + LOOKUPS + SEARCHES + 1


def test_the_cheapest_order_lets_a_free_source_find_the_identifiers(planned: Planned) -> None:
    advice = planned.json("all")["advice"]
    assert advice["order"].index("openalex") > 0
    assert advice["order_cost_micros"] == 5 * 100


def test_in_order_the_sources_wait_as_they_are_named(planned: Planned) -> None:
    assert planned.source("in order", "crossref")["flowing"] == 0
    assert planned.source("in order")["flowing"] == SEARCHES


def test_what_is_shown_is_the_same(planned: Planned) -> None:
    lines = planned.said["shown"].stdout.splitlines()
    assert lines[0] == f"{len(PAPERS)} papers, 1 unusable"
    assert lines.pop(1) == f"  paper {UNUSABLE}: no title and no identifier"
    assert lines[1] == f"with identifiers: 152 by doi, 1 by arxiv; with a title only: {SEARCHES}"
    cells = re.split(r" {2,}", lines[3])
    assert cells == [
        *("openalex", "152", "250"),
        *(f"{LEAST} to {MOST}", "$0.2502 to $0.4012", "2 days to 4 days"),
    ]
    assert "crossref" in lines[5]
    assert "0-250" in lines[5]
    assert lines[6] == "total time: 2 days to 4 days"
    assert lines[7].startswith("setting JOBRUNNER_OPENALEX_API_KEY would save up to 4 days")
    assert lines[8].startswith("cheapest order with --in-order: ")
    assert lines[8].endswith("openalex, crossref (from $0.0005)")


def test_one_source_has_no_order_and_short_times_are_hours(planned: Planned) -> None:
    lines = planned.said["shown keyed"].stdout.splitlines()
    assert lines[-1] == "total time: 0:00:08 to 0:00:13"


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        ("no such file", 1, "error: nosuch.json: no such file"),
        ("no such source", 2, "error: unknown source 'nosuch'; known: crossref, openalex"),
    ],
)
def test_what_cannot_be_planned_is_an_error(
    name: str, code: int, message: str, planned: Planned
) -> None:
    said = planned.said[name]
    assert said.returncode == code
    assert message in said.stderr
    assert said.stdout == ""


def test_a_list_on_standard_input_is_planned_too(planned: Planned) -> None:
    listed = "\n".join(json.dumps(paper) for paper in PAPERS)
    said = feed(planned.program, listed.encode(), "plan", "-", "--json")
    assert said.returncode == 0, said.stderr
    assert json.loads(said.stdout)["titles_only"] == SEARCHES


def test_nothing_is_sent_and_nothing_is_left(planned: Planned) -> None:
    assert planned.server.requests == []
    assert [path.name for path in planned.program.directory.iterdir()] == ["papers.json"]


def test_a_run_takes_what_was_planned_and_one_search_for_a_lookup_in_vain(
    program: Program, server: LocalServer
) -> None:
    listed = made_up_papers.papers(lookups=40, searches=6)
    program.input(listed)
    (source,) = program.json("plan", "papers.json")["sources"]
    program.run("run", "papers.json")
    assert source["least"]["requests"] < len(server.requests) < source["most"]["requests"]
    assert len(server.requests) == source["least"]["requests"] + 1
    assert isinstance(server.api, OpenAlex)
    cost = round(server.api.cost_usd * 1e6)
    assert source["least"]["cost_micros"] < cost < source["most"]["cost_micros"]
