"""Three sources at once: what one finds the next one uses, and each one stops alone."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from jobrunner.demo.messages import Allowed, Reply, Request
from jobrunner.demo.openalex import OpenAlex
from jobrunner.demo.server import Served
from jobrunner.engine.batch_queue import FILL_S
from jobrunner.http.client import Client
from jobrunner.http.rate_limit import Start
from tests.support import made_up_papers
from tests.support.events import LIMIT_S, eventually
from tests.support.program import KEY, adopt
from tests.support.servers.faults import always, first, key_refused, slow, status
from tests.support.three_sources import (
    BEYOND,
    CROSSREF,
    NAMES,
    OPENALEX,
    RUN,
    SEMANTIC_SCHOLAR,
    Ran,
    Trio,
    counts,
    outcomes,
    run_at_once,
    serving_library,
    sources,
)

TITLES = range(20)
DOIS = range(120)
IN_SMALL_BATCHES = range(40)
UNKNOWN_TO_OPENALEX = range(200, 203)


class Flow(NamedTuple):
    """Runs that were made side by side."""

    by_title: Ran
    by_doi: Ran
    overlapping: Ran
    in_order: Ran


@pytest.fixture(scope="module")
def flow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flow]:
    place = tmp_path_factory.mktemp("flow")
    found_late = {SEMANTIC_SCHOLAR: UNKNOWN_TO_OPENALEX, CROSSREF: UNKNOWN_TO_OPENALEX}
    with ExitStack() as stack:
        trios = [
            stack.enter_context(serving_library()),
            stack.enter_context(serving_library()),
            stack.enter_context(serving_library()),
            stack.enter_context(serving_library(found_late)),
        ]
        overlap(trios[2])
        lists = [
            [made_up_papers.by_title(number) for number in TITLES],
            [made_up_papers.by_doi(number) for number in DOIS],
            [made_up_papers.by_title(number) for number in IN_SMALL_BATCHES],
            [made_up_papers.by_title(number) for number in UNKNOWN_TO_OPENALEX],
        ]
        options: list[list[object]] = [[], [], ["--batch-size", 10], ["--in-order"]]
        programs = [t.program(place / str(n), lists[n]) for n, t in enumerate(trios)]
        programs[0].environment["PYTHONPATH"] = str(patient(place / "patient"))
        children = [p.start(*RUN, *o) for p, o in zip(programs, options, strict=True)]
        said = [child.communicate(timeout=LIMIT_S)[1] for child in children]
        codes = [child.returncode for child in children]
        yield Flow(*map(Ran, programs, trios, codes, said))


def patient(place: Path) -> Path:
    """Return where Python finds that lookups wait for ever to be filled."""
    place.mkdir()
    change = """
import jobrunner.engine.batch_queue
import jobrunner.engine.worker
jobrunner.engine.batch_queue.FILL_S = jobrunner.engine.worker.FILL_S = 10_000.0
"""
    (place / "sitecustomize.py").write_text(change, encoding="utf-8")
    return place


def overlap(trio: Trio) -> None:
    """Let OpenAlex wait halfway for the others to begin, and one of these for the rest to end."""
    asked = {name: threading.Event() for name in BEYOND}

    def halfway(_request: Request, number: int) -> Callable[[Reply], Reply] | None:
        def wait(reply: Reply) -> Reply:
            assert all(event.wait(LIMIT_S) for event in asked.values())
            return reply

        return wait if number > len(IN_SMALL_BATCHES) // 2 else None

    def at_last(_request: Request, _number: int) -> Callable[[Reply], Reply]:
        def wait(reply: Reply) -> Reply:
            eventually(lambda: all(answers(trio, name) == len(IN_SMALL_BATCHES) for name in soon))
            return reply

        asked[SEMANTIC_SCHOLAR].set()
        return wait

    def at_once(_request: Request, _number: int) -> None:
        asked[CROSSREF].set()

    soon = (OPENALEX, CROSSREF)
    for name, plan in ((OPENALEX, halfway), (SEMANTIC_SCHOLAR, at_last), (CROSSREF, at_once)):
        trio[name].faults = plan


def answers(trio: Trio, name: str) -> int:
    """Count the papers that a service has been asked for, and has answered."""
    return sum(len(served.ids) for served in trio[name].requests)


def begin(log: list[Served]) -> float:
    return min(served.started for served in log)


def end(log: list[Served]) -> float:
    return max(served.ended for served in log)


# ---- identifiers flow


@pytest.mark.parametrize("name", BEYOND)
def test_what_one_source_finds_by_title_the_others_look_up_by_doi(name: str, flow: Flow) -> None:
    assert flow.by_title.kinds[OPENALEX] == {"search"}
    assert flow.by_title.kinds[name] == {"lookup"}
    assert outcomes(flow.by_title.papers, name) == ["enriched"] * len(TITLES)


def test_no_request_is_made_that_could_be_spared(flow: Flow) -> None:
    assert flow.by_title.trio.requests() == {OPENALEX: 20, SEMANTIC_SCHOLAR: 1, CROSSREF: 1}
    assert flow.by_doi.trio.requests() == {OPENALEX: 2, SEMANTIC_SCHOLAR: 1, CROSSREF: 3}


@pytest.mark.parametrize(
    ("name", "sizes"), [(OPENALEX, [100, 20]), (SEMANTIC_SCHOLAR, [120]), (CROSSREF, [50, 50, 20])]
)
def test_lookups_are_filled_before_they_go(name: str, sizes: list[int], flow: Flow) -> None:
    log = flow.by_doi.trio.logs()[name]
    assert sorted((len(served.ids) for served in log), reverse=True) == sizes


@pytest.mark.parametrize("name", BEYOND)
def test_a_lookup_to_which_nothing_more_can_come_goes_at_once(name: str, flow: Flow) -> None:
    assert flow.by_title.code == 0  # it had to wait for ever for more
    [served] = flow.by_title.trio.logs()[name]
    assert len(served.ids) == len(TITLES)


@pytest.mark.parametrize("name", BEYOND)
def test_papers_move_on_before_the_source_before_is_done(name: str, flow: Flow) -> None:
    logs = flow.overlapping.trio.logs()
    assert begin(logs[name]) < max(served.started for served in logs[OPENALEX])


@pytest.mark.parametrize("name", BEYOND)
def test_no_paper_is_asked_for_before_the_source_before_has_answered_it(
    name: str, flow: Flow
) -> None:
    logs = flow.overlapping.trio.logs()
    answered = {number: served.ended for number, served in by_number(logs[OPENALEX])}
    for number, served in by_number(logs[name]):
        assert answered[number] < served.started


def by_number(log: list[Served]) -> Iterator[tuple[int, Served]]:
    for served in log:
        for asked in served.ids:
            yield int(asked.rsplit(".", 1)[-1].rsplit(" ", 1)[-1]), served


@pytest.mark.parametrize("name", [OPENALEX, CROSSREF])
def test_a_slow_source_does_not_hold_up_the_others(name: str, flow: Flow) -> None:
    logs = flow.overlapping.trio.logs()
    assert end(logs[name]) < min(served.ended for served in logs[SEMANTIC_SCHOLAR])


def test_the_sources_together_take_hardly_longer_than_the_slowest_one(flow: Flow) -> None:
    logs = flow.overlapping.trio.logs()
    whole = max(map(end, logs.values())) - begin(logs[OPENALEX])
    alone = {name: end(log) - begin(log) for name, log in logs.items()}
    assert whole < alone[SEMANTIC_SCHOLAR] + alone[OPENALEX]


def test_in_order_the_last_source_uses_what_the_second_has_found(flow: Flow) -> None:
    assert flow.in_order.kinds == {
        OPENALEX: {"search"},
        SEMANTIC_SCHOLAR: {"search"},
        CROSSREF: {"lookup"},
    }
    assert outcomes(flow.in_order.papers, CROSSREF) == ["enriched"] * len(UNKNOWN_TO_OPENALEX)


def test_runs_that_find_everything_end_well(flow: Flow) -> None:
    assert [ran.code for ran in flow] == [0, 0, 0, 0], [ran.said for ran in flow]


# ---- a source stops alone

STOPPING = [
    *(made_up_papers.by_doi(number) for number in range(3)),
    *(made_up_papers.by_title(number) for number in range(3, 7)),
]
ENOUGH_FOR_TWO_SEARCHES = 0.0021
"""US dollars: the lookups take one request of $0.0001, a search costs $0.001."""

STOPS = {
    OPENALEX: (75, "openalex: HTTP 429: Rate limit exceeded - Insufficient budget"),
    SEMANTIC_SCHOLAR: (1, "semantic_scholar: HTTP 403: Forbidden"),
    CROSSREF: (75, "crossref: HTTP 503: closed for the night"),
}
"""The source that stops, for want of money, a good key or a service: exit code and message."""


class Stopped(NamedTuple):
    """A run in which one source has stopped, and the resume after that, when it serves again."""

    ran: Ran
    resumed: Ran


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Stopped]]:
    place = tmp_path_factory.mktemp("stopped")
    with ExitStack() as stack:
        budget = {OPENALEX: ENOUGH_FOR_TWO_SEARCHES}
        before = [stack.enter_context(serving_library(budget_usd=budget.get(n))) for n in NAMES]
        before[1][SEMANTIC_SCHOLAR].faults = always(key_refused(403))
        closed = status(503, "closed for the night", {"Retry-After": "7200"})
        before[2][CROSSREF].faults = always(closed)
        programs = [t.program(place / n, STOPPING) for n, t in zip(NAMES, before, strict=True)]
        ended = run_at_once(*programs)
        after = [stack.enter_context(serving_library()) for _ in NAMES]
        resumed = [
            trio.program(place / f"{n}-resumed") for n, trio in zip(NAMES, after, strict=True)
        ]
        for new, old in zip(resumed, programs, strict=True):
            adopt(new, old)
        again = run_at_once(*resumed, command=("resume", "-o", "out.json"))
        yield {
            name: Stopped(
                Ran(programs[n], before[n], *ended[n]), Ran(resumed[n], after[n], *again[n])
            )
            for n, name in enumerate(NAMES)
        }


@pytest.mark.parametrize("name", NAMES)
def test_a_source_that_stops_says_why(name: str, stopped: dict[str, Stopped]) -> None:
    code, message = STOPS[name]
    ran = stopped[name].ran
    assert ran.code == code
    assert f"interrupted: {message}" in ran.said
    assert KEY not in ran.said


@pytest.mark.parametrize("name", NAMES)
def test_the_other_sources_finish_without_it(name: str, stopped: dict[str, Stopped]) -> None:
    done = {one: sum(found.values()) for one, found in counts(stopped[name].ran.program).items()}
    others = {one: len(STOPPING) for one in NAMES if one != name}
    assert {one: done[one] for one in others} == others


@pytest.mark.parametrize("name", NAMES)
def test_what_a_stopped_source_has_not_answered_stays_open(
    name: str, stopped: dict[str, Stopped]
) -> None:
    answered = 5 if name == OPENALEX else 0
    said = outcomes(stopped[name].ran.papers, name)
    assert sorted(said, key=str) == [None] * (len(STOPPING) - answered) + ["enriched"] * answered


@pytest.mark.parametrize("name", BEYOND)
def test_papers_that_a_stopped_source_has_not_identified_are_searched(
    name: str, stopped: dict[str, Stopped]
) -> None:
    asked = stopped[OPENALEX].ran.trio.questions()
    kinds = [kind for one, kind, _ in asked if one == name]
    assert sorted(kinds) == ["lookup"] * 5 + ["search"] * 2


@pytest.mark.parametrize("name", NAMES)
def test_when_it_serves_again_only_what_is_missing_is_asked_for(
    name: str, stopped: dict[str, Stopped]
) -> None:
    ran, resumed = stopped[name]
    answered = {n for n, said in enumerate(outcomes(ran.papers, name)) if said}
    assert resumed.code == 0
    assert {one for one, _, _ in resumed.trio.questions()} == {name}
    assert {n for _, _, n in resumed.trio.questions()} == set(range(len(STOPPING))) - answered
    assert outcomes(resumed.papers, name) == ["enriched"] * len(STOPPING)


# ---- what a source may be asked, and what it may cost

TWO_TURNS = {"title": made_up_papers.title(3), "doi": "10.5555/alias.3", "openalex_id": "W1003"}
"""A paper whose own DOI nobody knows: the others ask by it first, then by what OpenAlex says."""

LIMITED = [TWO_TURNS, *(made_up_papers.by_title(number) for number in range(4, 10))]
MOST = {OPENALEX: 5, SEMANTIC_SCHOLAR: 1, CROSSREF: 1}
BUDGET_USD = 0.0045
MORE = {OPENALEX: 20, SEMANTIC_SCHOLAR: 20, CROSSREF: 20}


def limits(**most: int) -> list[object]:
    return [part for name, n in most.items() for part in ("--max-requests", f"{name}={n}")]


def test_no_service_ever_sees_more_requests_than_are_allowed(tmp_path: Path) -> None:
    with serving_library() as trio:
        program = trio.program(tmp_path, LIMITED)
        said = program.run(*RUN, *limits(**MOST), code=1).stderr
        for name, most in MOST.items():
            assert f"{name}: all {most} allowed requests are used" in said
        assert trio.requests() == MOST
        program.run("resume", code=1)
        assert trio.requests() == MOST
        program.run("resume", *limits(**MORE))
    assert counts(program) == {name: {"enriched": len(LIMITED)} for name in NAMES}


def test_a_source_never_costs_more_than_its_budget(tmp_path: Path) -> None:
    with serving_library() as trio:
        api = trio[OPENALEX].api
        assert isinstance(api, OpenAlex)
        program = trio.program(tmp_path, LIMITED)
        command = ("run", "papers.json", *sources(OPENALEX))
        said = program.run(*command, "--budget", f"openalex={BUDGET_USD}usd", code=1).stderr
        assert "openalex: $0.0042 of the $0.0045 budget is spent" in said
        program.run("resume", code=1)
        assert api.cost_usd <= BUDGET_USD
        program.run("resume", "--budget", "openalex=1usd")
    assert counts(program) == {OPENALEX: {"enriched": len(LIMITED)}}


# ---- what was planned, and what is counted


@pytest.mark.parametrize("which", ["by_title", "by_doi", "in_order"])
def test_what_a_run_took_lies_within_its_plan(which: str, flow: Flow) -> None:
    ran: Ran = getattr(flow, which)
    options = ["--in-order"] if which == "in_order" else []
    plans = ran.program.json("plan", "papers.json", *sources(), *options)["sources"]
    assert [plan["name"] for plan in plans] == list(NAMES)
    for plan in plans:
        requests, cost = used(ran, plan["name"])
        assert plan["least"]["requests"] <= requests <= plan["most"]["requests"]
        assert plan["least"]["cost_micros"] <= cost <= plan["most"]["cost_micros"]


def used(ran: Ran, name: str) -> tuple[int, int]:
    """Return the requests that a service has seen, and what the run says that they cost."""
    sql = (
        "SELECT sum(b.cost_micros) FROM batch b JOIN source_state s ON s.id = b.source_id"
        " WHERE s.name = ?"
    )
    return len(ran.trio[name].requests), ran.program.query(sql, name)[0][0]


@pytest.mark.parametrize("which", Flow._fields)
def test_a_run_counts_the_requests_that_the_services_have_seen(which: str, flow: Flow) -> None:
    ran: Ran = getattr(flow, which)
    sql = (
        "SELECT s.name, sum(b.requests) FROM batch b JOIN source_state s ON s.id = b.source_id"
        " GROUP BY s.name"
    )
    assert dict(ran.program.query(sql)) == ran.trio.requests()


def test_no_service_is_asked_more_than_it_allows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests count from when they left: a busy machine delays what arrives."""
    left: dict[str, list[Start]] = defaultdict(list)
    rates: dict[str, set[float]] = defaultdict(set)
    trace = Client._trace

    def traced(client: Client, start: Start) -> Any:
        left[client.service.name].append(start)
        return trace(client, start)

    def noted(name: str, allowed: Callable[[Request], Allowed], request: Request) -> Allowed:
        rates[name].add(allowed(request).per_second)
        return allowed(request)

    monkeypatch.setattr(Client, "_trace", traced)
    papers = [
        *(made_up_papers.by_doi(n) for n in range(12)),
        *(made_up_papers.by_title(n) for n in range(12, 60)),
    ]
    with serving_library() as trio:
        for name, server in trio.servers.items():
            monkeypatch.setattr(server.api, "allowed", partial(noted, name, server.api.allowed))
        trio.program(tmp_path, papers).call(*RUN, "--batch-size", 15)
        assert {name: len(starts) for name, starts in left.items()} == trio.requests()
        at_once = [
            violation
            for server in trio.servers.values()
            for violation in server.violations
            if violation.kind == "at_once"
        ]
    assert at_once == []
    for name, starts in left.items():
        assert most_in_a_second([start.at for start in starts]) <= min(rates[name])


def most_in_a_second(times: list[float]) -> int:
    return max(sum(1 for time in times if begin <= time < begin + 1.0) for begin in times)


@pytest.mark.torture
def test_a_lookup_that_does_not_fill_goes_when_it_has_waited_long_enough(tmp_path: Path) -> None:
    with serving_library() as trio:
        # The first hundred are answered after all patience, the twenty others at once.
        trio[OPENALEX].faults = first(1, slow(FILL_S + 7))
        program = trio.program(tmp_path, [made_up_papers.by_doi(number) for number in DOIS])
        program.run(*RUN)
        logs = trio.logs()
    soon = min(served.ended for served in logs[OPENALEX])
    for name in BEYOND:
        early = min(logs[name], key=lambda served: served.started)
        assert len(early.ids) == 20
        assert FILL_S - 1 < early.started - soon < FILL_S + 3
