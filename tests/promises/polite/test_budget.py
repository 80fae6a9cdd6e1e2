"""A source whose daily allowance is spent, or that does not take the key."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest

from jobrunner.demo.openalex import OpenAlex
from jobrunner.demo.server import LocalServer
from jobrunner.sources.openalex.service import WITH_KEY
from tests.support import made_up_papers
from tests.support.program import KEY, Program, adopt, committed, papers_of
from tests.support.servers.faults import always, in_order, rate_limited, status

LOOKUPS, SEARCHES = 4, 6
PAPERS = [
    *(made_up_papers.by_doi(number) for number in range(LOOKUPS)),
    *(made_up_papers.by_title(number) for number in range(LOOKUPS, LOOKUPS + SEARCHES)),
]
ENOUGH_FOR_THREE_SEARCHES = 0.0031
"""US dollars: the lookups take one request of $0.0001, a search costs $0.001."""

UNTIL_RESET = 3600


class Spent(NamedTuple):
    """A run that has ended because the allowance was spent."""

    program: Program
    api: OpenAlex
    said: subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def spent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spent]:
    api = OpenAlex(
        made_up_papers.works(), budget_usd=ENOUGH_FOR_THREE_SEARCHES, reset_after=UNTIL_RESET
    )
    with LocalServer(api) as server:
        program = Program(tmp_path_factory.mktemp("spent"), server.base_url)
        program.input(PAPERS)
        said = program.run("run", "papers.json", code=75)
        yield Spent(program, api, said)


def outcomes_of(program: Program) -> list[tuple[str, int]]:
    return program.query("SELECT outcome, count(*) FROM record GROUP BY outcome")


def test_a_spent_allowance_stops_the_source_and_says_so(spent: Spent) -> None:
    assert "interrupted: openalex: HTTP 429" in spent.said.stderr
    assert "Insufficient budget" in spent.said.stderr


def test_status_tells_when_the_source_can_go_on(spent: Spent) -> None:
    (source,) = spent.program.json("status")["sources"]
    assert source["status"] == "stopped"
    left = datetime.fromisoformat(source["not_before"]) - datetime.now(UTC)
    assert timedelta(seconds=UNTIL_RESET - 120) < left <= timedelta(seconds=UNTIL_RESET)


def test_the_next_command_is_told_with_the_time_from_which_it_helps(spent: Spent) -> None:
    last = spent.said.stderr.splitlines()[-1]
    assert last.startswith("next: jobrunner resume ")
    (not_before,) = spent.program.query("SELECT not_before FROM source_state")[0]
    assert not_before in last


def test_the_searches_of_a_batch_that_were_paid_for_are_kept(spent: Spent) -> None:
    assert outcomes_of(spent.program) == [("enriched", LOOKUPS + 3)]


def test_the_cost_is_what_the_server_charged(spent: Spent) -> None:
    ((micros,),) = spent.program.query("SELECT sum(cost_micros) FROM batch")
    assert micros == round(1e6 * spent.api.cost_usd) == round(1e6 * ENOUGH_FOR_THREE_SEARCHES)


def test_a_resume_too_early_stops_again_and_loses_nothing(spent: Spent, program: Program) -> None:
    adopt(program, spent.program)
    with LocalServer(spent.api) as server:
        program.run("resume", "--base-url", f"openalex={server.base_url}", code=75)
    assert outcomes_of(program) == [("enriched", LOOKUPS + 3)]


def test_when_the_allowance_is_new_a_resume_asks_for_the_rest_only(
    spent: Spent, program: Program, server: LocalServer
) -> None:
    adopt(program, spent.program)
    program.run("resume")
    assert outcomes_of(program) == [("enriched", len(PAPERS))]
    assert len(server.requests) == SEARCHES - 3


def test_a_long_retry_after_stops_the_source_instead_of_the_program(
    program: Program, server: LocalServer
) -> None:
    server.faults = always(rate_limited(7200))
    program.input(PAPERS[:1])
    program.run("run", "papers.json", code=75)
    (not_before,) = program.query("SELECT not_before FROM source_state")[0]
    left = datetime.fromisoformat(not_before) - datetime.now(UTC)
    assert timedelta(hours=1.9) < left <= timedelta(hours=2)
    assert committed(program) == 0


# ---- a key that is refused


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> Spent:
    api = OpenAlex(made_up_papers.works(), keys={"another-key"})
    with LocalServer(api) as server:
        program = Program(tmp_path_factory.mktemp("refused"), server.base_url)
        program.input(PAPERS)
        said = program.run("run", "papers.json", "-o", "out.json", code=1)
    return Spent(program, api, said)


def test_a_refused_key_is_an_error_that_tells_what_to_check(refused: Spent) -> None:
    assert "openalex: HTTP 401: Invalid or missing API key" in refused.said.stderr
    assert "check the key in JOBRUNNER_OPENALEX_API_KEY" in refused.said.stderr
    assert KEY not in refused.said.stderr


def test_with_a_refused_key_no_paper_counts_as_not_found(refused: Spent) -> None:
    assert committed(refused.program) == 0
    assert all("records" not in p for p in papers_of(refused.program.directory / "out.json"))


def test_with_the_right_key_a_resume_finishes(refused: Spent, program: Program) -> None:
    adopt(program, refused.program)
    program.run("resume")
    assert outcomes_of(program) == [("enriched", len(PAPERS))]


def test_once_the_allowance_is_spent_no_further_request_leaves(
    program: Program, server: LocalServer
) -> None:
    server.latency = 0.3
    server.faults = always(rate_limited(UNTIL_RESET))
    program.input([made_up_papers.by_title(number) for number in range(60)])
    program.call("run", "papers.json", code=75)
    assert len(server.requests) <= WITH_KEY.concurrency


def test_every_request_that_is_allowed_is_sent(program: Program, server: LocalServer) -> None:
    program.input([made_up_papers.by_doi(number) for number in range(20)])
    program.call(*("run", "papers.json", "--batch-size", 1, "--max-requests", "openalex=5"), code=1)
    assert len(server.requests) == 5
    assert outcomes_of(program) == [("enriched", 5)]


# ---- lookups that were paid for


UNKNOWN = {"title": "Nobody knows of it", "doi": "10.5555/unknown.1", "pmid": "12345"}
"""A paper that is looked up twice, for nothing."""


def asked_twice(server: LocalServer) -> set[str]:
    counts = Counter(name for request in server.requests for name in request.ids)
    return {name for name, count in counts.items() if count > 1}


def test_what_a_lookup_found_before_the_source_stopped_is_committed(
    program: Program, server: LocalServer
) -> None:
    known = [made_up_papers.by_doi(number) for number in range(9)]
    program.input([*known, UNKNOWN])
    program.call("run", "papers.json", "--max-requests", "openalex=1", code=1)
    assert outcomes_of(program) == [("enriched", 9)]
    program.call("resume", "--max-requests", "openalex=10")
    assert asked_twice(server) == {"doi:10.5555/unknown.1"}


def test_the_half_of_a_batch_that_was_answered_is_committed(
    program: Program, server: LocalServer
) -> None:
    program.input([made_up_papers.by_doi(number) for number in range(8)])
    server.faults = in_order(status(400, "Invalid query"), None, rate_limited(UNTIL_RESET))
    program.call("run", "papers.json", code=75)
    assert outcomes_of(program) == [("enriched", 4)]
    asked_before = len(server.requests)
    program.call("resume")
    assert [len(request.ids) for request in server.requests[asked_before:]] == [4]
