"""Three sources at once: what one finds the next one uses, and each one stops alone."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from jobrunner.lanes import FILL_S
from jobrunner.sample import OpenAlex, Served
from jobrunner.sample.faults import always, key_refused, status

from . import library
from .running import KEY, Program, adopt, eventually, papers_of, was_killed
from .trio import (
    CROSSREF,
    NAMES,
    OPENALEX,
    RUN,
    SEMANTIC_SCHOLAR,
    Fields,
    Question,
    Trio,
    counts,
    outcomes,
    run_at_once,
    serving_library,
    sources,
)

BEYOND = (SEMANTIC_SCHOLAR, CROSSREF)
"""The sources that want identifiers of OpenAlex first."""

TITLES = range(20)
DOIS = range(120)
IN_SMALL_BATCHES = range(40)
UNKNOWN_TO_OPENALEX = range(200, 203)


class Ran(NamedTuple):
    """A run that has ended, and the services that it asked."""

    program: Program
    trio: Trio
    code: int
    said: str

    @property
    def papers(self) -> list[Fields]:
        return papers_of(self.program.directory / "out.json")

    @property
    def kinds(self) -> dict[str, set[str]]:
        """Whether each service was asked by identifier or by title."""
        asked = self.trio.questions()
        return {name: {kind for one, kind, _ in asked if one == name} for name in NAMES}


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
            stack.enter_context(serving_library(openalex=0.3, semantic_scholar=1.5)),
            stack.enter_context(serving_library(found_late)),
        ]
        lists = [
            [library.by_title(number) for number in TITLES],
            [library.by_doi(number) for number in DOIS],
            [library.by_title(number) for number in IN_SMALL_BATCHES],
            [library.by_title(number) for number in UNKNOWN_TO_OPENALEX],
        ]
        options: list[list[object]] = [[], [], ["--batch-size", 10], ["--in-order"]]
        programs = [t.program(place / str(n), lists[n]) for n, t in enumerate(trios)]
        children = [p.start(*RUN, *o) for p, o in zip(programs, options, strict=True)]
        said = [child.communicate(timeout=60)[1] for child in children]
        codes = [child.returncode for child in children]
        yield Flow(*map(Ran, programs, trios, codes, said))


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
    logs = flow.by_title.trio.logs()
    assert begin(logs[name]) - end(logs[OPENALEX]) < FILL_S / 3


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
    assert end(logs[name]) < max(served.started for served in logs[SEMANTIC_SCHOLAR])


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
    *(library.by_doi(number) for number in range(3)),
    *(library.by_title(number) for number in range(3, 7)),
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
        resumed = [trio.program(place / f"{n}-resumed") for n, trio in zip(NAMES, after, strict=True)]
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


# ---- killed at any moment

ALL = range(16)
HELD = {
    OPENALEX: [n for n in ALL if n != 1],
    SEMANTIC_SCHOLAR: [n for n in ALL if n != 5],
    CROSSREF: [n for n in ALL if n not in (1, 7)],
}
"""What each service holds: some papers are unknown to one, some are searched in vain."""

MIXED = [library.by_title(n) if n % 4 == 1 else library.by_doi(n) for n in ALL]
SHORT = ("--batch-size", 8, "--checkpoint-interval", 0.002)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> list[Fields]:
    with serving_library(HELD) as trio:
        program = trio.program(tmp_path_factory.mktemp("uninterrupted"), MIXED)
        program.run(*RUN, *SHORT)
        return papers_of(program.directory / "out.json")


def committed(program: Program) -> set[Question]:
    """Return the questions whose answers are committed; papers stand by their number."""
    sql = (
        "SELECT s.name, b.kind, p.position FROM record r JOIN batch b ON b.id = r.batch_id"
        " JOIN source_state s ON s.id = r.source_id JOIN paper p ON p.id = r.paper_id"
        " UNION SELECT s.name, 'lookup', p.position FROM lookup_miss m"
        " JOIN source_state s ON s.id = m.source_id JOIN paper p ON p.id = m.paper_id"
    )
    return {(name, kind, position) for name, kind, position in program.query(sql)}


def assert_counters_are_the_rows(program: Program) -> None:
    """Counted by hand from the rows, and as the program shows it."""
    rows = counts(program)
    summed = program.query(
        "SELECT s.name, sum(b.enriched), sum(b.not_found), sum(b.ambiguous), sum(b.failed)"
        " FROM batch b JOIN source_state s ON s.id = b.source_id GROUP BY s.name"
    )
    names = ("enriched", "not_found", "ambiguous", "failed")
    shown = {source["name"]: source for source in program.json("status")["sources"]}
    for source, *totals in summed:
        assert totals == [rows.get(source, {}).get(name, 0) for name in names]
        assert totals == [shown[source][name] for name in names]


class Killer:
    """Starts a program again and again, and kills it each time at a random moment."""

    def __init__(self, program: Program, trio: Trio, seed: int) -> None:
        self.program = program
        self.trio = trio
        self.kills = 0
        self._chance = random.Random(seed)

    def begin(self, *options: object) -> None:
        """Run and kill the program until there is a session that was run."""
        while not self.program.has_started():
            self._kill("run", "papers.json", "--resume", "-o", "out.json", *SHORT, *options)

    def resume(self, *options: object) -> bool:
        """Resume and kill the program; return whether it had ended before."""
        before, asked = committed(self.program), self.trio.questions()
        ended = self._kill("resume", session_of(self.program), *options)
        assert before.isdisjoint(self.trio.questions() - asked)
        assert_counters_are_the_rows(self.program)
        return ended

    def _kill(self, *command: object) -> bool:
        asked = self.trio.requests()
        child = self.program.start(*command)
        if self._chance.random() < 0.8:
            eventually(lambda: self.trio.requests() != asked or child.poll() is not None)
        time.sleep(self._chance.uniform(0.0, 2.0))
        child.kill()
        said = child.communicate()[1]
        killed = was_killed(child.returncode)
        assert killed or child.returncode == 0, said
        self.kills += killed
        return not killed


def session_of(program: Program) -> str:
    return str(program.query("SELECT id FROM session")[0][0])


@pytest.mark.parametrize(
    "seed", [20261124, *(pytest.param(n, marks=pytest.mark.torture) for n in range(5))]
)
def test_killed_at_random_moments_they_end_as_if_nothing_had_happened(
    seed: int, tmp_path: Path, uninterrupted: list[Fields]
) -> None:
    with serving_library(HELD, openalex=0.05, semantic_scholar=0.05, crossref=0.05) as trio:
        killer = Killer(trio.program(tmp_path, MIXED), trio, seed)
        killer.begin(*sources())
        while not killer.resume():
            pass
    assert killer.kills > 1
    killer.program.run("verify")
    assert papers_of(tmp_path / "out.json") == uninterrupted


@pytest.mark.parametrize(
    "seed", [1, *(pytest.param(n, marks=pytest.mark.torture) for n in range(2, 6))]
)
def test_a_source_may_come_later_and_one_may_be_dropped(
    seed: int, tmp_path: Path, uninterrupted: list[Fields]
) -> None:
    with serving_library(HELD) as trio:
        killer = Killer(trio.program(tmp_path, MIXED), trio, seed)
        killer.begin(*sources(OPENALEX, SEMANTIC_SCHOLAR))
        killer.resume(*sources())
        while not killer.resume(*sources(OPENALEX, CROSSREF)):
            pass
    assert killer.kills > 0
    killer.program.run("verify")
    for found, whole in zip(papers_of(tmp_path / "out.json"), uninterrupted, strict=True):
        for name in (OPENALEX, CROSSREF):
            assert found["records"][name] == whole["records"][name]
        kept = found["records"].get(SEMANTIC_SCHOLAR)
        assert kept is None or kept == whole["records"][SEMANTIC_SCHOLAR]


def test_a_source_that_is_added_at_the_end_makes_the_same_ending(
    tmp_path: Path, uninterrupted: list[Fields]
) -> None:
    with serving_library(HELD) as trio:
        program = trio.program(tmp_path, MIXED)
        program.run("run", "papers.json", "-o", "out.json", *sources(OPENALEX, CROSSREF))
        done = trio.requests()
        program.run("resume", session_of(program), *sources())
        assert trio.requests() == {**done, SEMANTIC_SCHOLAR: trio.requests()[SEMANTIC_SCHOLAR]}
    assert papers_of(tmp_path / "out.json") == uninterrupted


# ---- what a source may be asked, and what it may cost

TWO_TURNS = {"title": library.title(3), "doi": "10.5555/alias.3", "openalex_id": "W1003"}
"""A paper whose own DOI nobody knows: the others ask by it first, then by what OpenAlex says."""

LIMITED = [TWO_TURNS, *(library.by_title(number) for number in range(4, 10))]
MOST = {OPENALEX: 5, SEMANTIC_SCHOLAR: 1, CROSSREF: 1}
BUDGET_USD = 0.0045


def limits(**most: int) -> list[object]:
    return [part for name, n in most.items() for part in ("--max-requests", f"{name}={n}")]


def test_no_service_ever_sees_more_requests_than_are_allowed(tmp_path: Path) -> None:
    with serving_library() as trio:
        program = trio.program(tmp_path, LIMITED)
        said = program.run(*RUN, *limits(**MOST), code=1).stderr
        for name, most in MOST.items():
            assert f"{name}: the {most} requests allowed are used" in said
        for _ in range(2):
            program.run("resume", code=1)
            assert trio.requests() == MOST
        program.run("resume", *limits(crossref=4), code=1)
        assert trio.requests()[CROSSREF] <= 4
        program.run("resume", *limits(openalex=20, semantic_scholar=20, crossref=20))
    assert counts(program) == {name: {"enriched": len(LIMITED)} for name in NAMES}


def test_a_source_never_costs_more_than_its_budget(tmp_path: Path) -> None:
    with serving_library() as trio:
        api = trio[OPENALEX].api
        assert isinstance(api, OpenAlex)
        program = trio.program(tmp_path, LIMITED)
        said = program.run(*RUN, "--budget", f"openalex={BUDGET_USD}usd", code=1).stderr
        assert "openalex: of the budget of $0.0045 $0.0042 are spent" in said
        for _ in range(2):
            program.run("resume", code=1)
            assert api.cost_usd <= BUDGET_USD
        program.run("resume", "--budget", "openalex=1usd")
    assert counts(program)[OPENALEX] == {"enriched": len(LIMITED)}
