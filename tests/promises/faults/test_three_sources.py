"""Whatever goes wrong with a source: its papers end honestly, and the other sources finish."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

from jobrunner.demo.messages import Fault, Plan, Request
from jobrunner.demo.openalex import OpenAlex
from jobrunner.demo.server import LocalServer
from tests.support import made_up_papers
from tests.support.program import KEY, Program, finish, papers_of
from tests.support.servers.faults import (
    after,
    always,
    doubled,
    dropped,
    emptied,
    first,
    key_refused,
    page,
    rate_limited,
    redirect,
    reordered,
    slow,
    status,
    torn,
    trickling,
    truncated,
    where,
    wrong_types,
)
from tests.support.three_sources import (
    CROSSREF,
    NAMES,
    OPENALEX,
    RUN,
    SEMANTIC_SCHOLAR,
    Fields,
    Trio,
    outcomes,
    run_at_once,
    serving_library,
    session_of,
)

pytestmark = pytest.mark.torture
"""Waiting in retries is real time: a minute in all, which the default suite does not have."""

LOOKED_UP = range(6)
SEARCHED = 200
"""The number of a paper that OpenAlex does not hold, so that the others search it by title."""

PAPERS = [
    *(made_up_papers.by_doi(number) for number in LOOKED_UP),
    made_up_papers.by_title(SEARCHED),
]
HELD = {
    OPENALEX: LOOKED_UP,
    SEMANTIC_SCHOLAR: [*LOOKED_UP, SEARCHED],
    CROSSREF: [*LOOKED_UP, SEARCHED],
}
NOT_HELD = {OPENALEX: "not_found"}
"""What a source says of the searched paper, if it is not 'enriched'."""


def is_search(request: Request) -> bool:
    return (
        "title.search:" in (request.get("filter") or "")
        or request.path.endswith("/match")
        or request.get("query.bibliographic") is not None
    )


def is_lookup(request: Request) -> bool:
    return not is_search(request)


TRANSIENT: dict[str, Fault] = {
    "429": rate_limited(),
    "502": page(502),
    "503": status(503),
    "cut connection": dropped(),
    "cut body": torn,
}
"""Faults after which the source is asked again, and is down at last."""

FAULTY: dict[str, Fault] = {
    "500": status(500),
    "web page with status 200": page(200),
    "half of the JSON": truncated,
}
"""Faults after which the source is asked again, and papers that meet them have failed at last."""

PASSING: dict[str, Fault] = {
    **TRANSIENT,
    **FAULTY,
    "429 with seconds": rate_limited(1),
    "429 with a date": rate_limited(1, as_date=True),
    "empty list": emptied,
    "slow answer": slow(1.0),
    "another order": reordered,
    "slow body": trickling(1.0),
    "everything twice": doubled,
}
"""Faults that only cost time if they pass."""

UNNOTICED = {"slow answer", "slow body"}
"""Faults that are answers all the same."""

UNNOTICED_IN_LISTS = {"another order", "everything twice"}
"""Those that are answers where papers are not told apart by their place."""

UNNOTICED_IN_SEARCHES = {*UNNOTICED_IN_LISTS, "empty list"}

PAIRS = {f"{name}, then {other}": (name, other) for name, other in pairwise([*PASSING, "429"])}
"""What the first lookup meets, and what the first search: each fault comes once as either."""


def at_first(lookup: str, search: str) -> Plan:
    """Let the first lookup and the first search meet a fault."""
    lookups = where(is_lookup, first(1, PASSING[lookup]))
    searches = where(is_search, first(1, PASSING[search]))

    def plan(request: Request, number: int) -> Fault | None:
        if not is_search(request):
            return lookups(request, number)
        # Where titles are matched, an empty list is how a service says that it has none.
        return None if search == "empty list" else searches(request, number)

    return plan


class Met(NamedTuple):
    """A run in which services met a fault."""

    trio: Trio
    program: Program
    code: int
    said: str

    @property
    def papers(self) -> list[Fields]:
        return papers_of(self.program.directory / "out.json")

    def said_by(self, name: str) -> list[Fields | None]:
        """Return all that a source has said of each paper."""
        return [paper.get("records", {}).get(name) for paper in self.papers]


Faults = Mapping[str, Plan]
"""What services meet, by their names."""


def run_with(
    cases: Mapping[str, Faults],
    place: Path,
    stack: ExitStack,
    *options: object,
    papers: Sequence[Fields] = PAPERS,
) -> dict[str, Met]:
    """Run the papers side by side, each time with other faults."""
    trios = {name: stack.enter_context(serving_library(HELD)) for name in cases}
    programs = {name: trio.program(place / name, papers) for name, trio in trios.items()}
    for name, faults in cases.items():
        for service, plan in faults.items():
            trios[name][service].faults = plan
    ended = run_at_once(*programs.values(), command=(*RUN, *options))
    return {
        name: Met(trios[name], programs[name], *end) for name, end in zip(cases, ended, strict=True)
    }


def usual(name: str) -> list[str]:
    """Return what a source says of the papers when nothing is wrong."""
    return ["enriched"] * len(LOOKED_UP) + [NOT_HELD.get(name, "enriched")]


# ---- faults that pass


def pass_by(names: Sequence[str], place: Path) -> Iterator[dict[str, Met]]:
    cases: dict[str, Faults] = {n: {one: at_first(*PAIRS[n]) for one in NAMES} for n in names}
    with ExitStack() as stack:
        yield run_with({"none": {}, **cases}, place, stack)


@pytest.fixture(scope="module")
def some(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Met]]:
    """Runs in which each service meets a pair of faults, and one run without any."""
    yield from pass_by([*PAIRS][::2], tmp_path_factory.mktemp("some"))


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Met]]:
    """The same with the pairs left out there."""
    yield from pass_by([*PAIRS][1::2], tmp_path_factory.mktemp("others"))


class Passed(NamedTuple):
    """A run that met a pair of faults, and one that met none."""

    pair: tuple[str, str]
    met: Met
    plain: Met


@pytest.fixture
def passed(request: pytest.FixtureRequest) -> Passed:
    name, fixture = request.param
    ran: dict[str, Met] = request.getfixturevalue(fixture)
    return Passed(PAIRS[name], ran[name], ran["none"])


each_pair = pytest.mark.parametrize(
    "passed",
    [
        *(pytest.param((name, "some"), id=name) for name in [*PAIRS][::2]),
        *(
            pytest.param((name, "others"), id=name, marks=pytest.mark.torture)
            for name in [*PAIRS][1::2]
        ),
    ],
    indirect=True,
)


@each_pair
@pytest.mark.parametrize("name", NAMES)
def test_faults_that_pass_change_nothing(name: str, passed: Passed) -> None:
    assert passed.met.said_by(name) == passed.plain.said_by(name)
    assert outcomes(passed.met.papers, name) == usual(name)


@each_pair
def test_a_run_that_got_over_its_faults_ends_well(passed: Passed) -> None:
    assert passed.met.code == 0, passed.met.said


@each_pair
@pytest.mark.parametrize("name", NAMES)
def test_a_request_without_a_whole_answer_is_made_once_more(name: str, passed: Passed) -> None:
    met, plain = (len(one.trio[name].requests) for one in (passed.met, passed.plain))
    lookup, search = passed.pair
    in_vain = lookup not in {*UNNOTICED, *(UNNOTICED_IN_LISTS if name != SEMANTIC_SCHOLAR else ())}
    assert met == plain + in_vain + (search not in UNNOTICED | UNNOTICED_IN_SEARCHES)


# ---- faults that stay, and stop a source at once

FAR = {"Retry-After": "7200"}
STAYING: dict[str, tuple[int, str, Callable[[], Plan]]] = {
    "key refused midway": (1, "HTTP 401", lambda: after(1, key_refused(401))),
    "service closed for hours": (75, "HTTP 503", lambda: always(status(503, "closed", FAR))),
    "no such service": (75, "HTTP 404", lambda: always(page(404, "Not Found"))),
}
"""The exit code, what is said, and what the service does."""


@pytest.fixture(scope="module")
def staying(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Met]]:
    """Runs in which one service has a fault that stays."""
    cases: dict[str, Faults] = {
        f"{name}: {fault}": {name: plan()}
        for name in NAMES
        for fault, (_, _, plan) in STAYING.items()
    }
    with ExitStack() as stack:
        place = tmp_path_factory.mktemp("staying")
        yield run_with(cases, place, stack, "--batch-size", 3)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("fault", STAYING)
def test_a_source_with_a_fault_that_stays_stops_and_says_so(
    fault: str, name: str, staying: dict[str, Met]
) -> None:
    code, message, _ = STAYING[fault]
    met = staying[f"{name}: {fault}"]
    assert met.code == code
    assert f"interrupted: {name}: {message}" in met.said
    assert f"{name} " in met.said
    assert "next: jobrunner resume " in met.said
    assert KEY not in met.said


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("fault", STAYING)
def test_the_others_finish_and_its_papers_stay_open(
    fault: str, name: str, staying: dict[str, Met]
) -> None:
    met = staying[f"{name}: {fault}"]
    for other in NAMES:
        said = outcomes(met.papers, other)
        if other != name:
            assert said == usual(other)
        else:
            answered = [outcome for outcome in said if outcome]
            assert answered == usual(name)[: len(answered)]
            assert len(answered) == (3 if fault == "key refused midway" else 0)


# ---- records of a wrong shape


@pytest.fixture(scope="module")
def misshapen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Met]:
    cases: dict[str, Faults] = {"all": {name: always(wrong_types) for name in NAMES}}
    with ExitStack() as stack:
        yield run_with(cases, tmp_path_factory.mktemp("misshapen"), stack)["all"]


@pytest.mark.parametrize("name", NAMES)
def test_papers_whose_records_cannot_be_read_have_failed(name: str, misshapen: Met) -> None:
    wanted = ["failed" if one == "enriched" else one for one in usual(name)]
    assert outcomes(misshapen.papers, name) == wanted
    errors = [answer["error"] for answer in misshapen.said_by(name) if answer and "error" in answer]
    assert all(error.startswith(f"{name}: unreadable record: ") for error in errors)


def test_a_run_in_which_papers_have_failed_says_how_to_try_again(misshapen: Met) -> None:
    assert misshapen.code == 3
    assert "next: jobrunner retry " in misshapen.said


# ---- a redirect to somebody else


def test_nothing_is_sent_to_where_a_service_redirects(tmp_path: Path) -> None:
    with LocalServer(OpenAlex([])) as stranger, serving_library(HELD) as trio:
        for server in trio.servers.values():
            server.faults = always(redirect(f"{stranger.base_url}/elsewhere"))
        program = trio.program(tmp_path, PAPERS)
        said = program.run(*RUN, code=75).stderr
    assert stranger.requests == []
    for name in NAMES:
        assert f"{name}: redirect to {stranger.base_url} not followed" in said
        assert outcomes(papers_of(tmp_path / "out.json"), name) == [None] * len(PAPERS)


# ---- faults that stay, however often it is tried


TWO = [PAPERS[0], PAPERS[-1]]


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Met]]:
    """Runs in which one service gives no answer, or none that can be read, however long."""
    cases: dict[str, Faults] = {
        f"{name}: {fault}": {name: always(reply)}
        for name in NAMES
        for fault, reply in (TRANSIENT | FAULTY).items()
    }
    with ExitStack() as stack:
        yield run_with(cases, tmp_path_factory.mktemp("lasting"), stack, papers=TWO)


def of_two(name: str) -> list[str]:
    return [usual(name)[0], usual(name)[-1]]


@pytest.mark.torture
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("fault", TRANSIENT)
def test_a_source_that_is_down_for_good_stops_alone(
    fault: str, name: str, lasting: dict[str, Met]
) -> None:
    met = lasting[f"{name}: {fault}"]
    assert met.code == 75
    assert f"interrupted: {name}: " in met.said
    for other in NAMES:
        assert outcomes(met.papers, other) == ([None] * 2 if other == name else of_two(other))


@pytest.mark.torture
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("fault", FAULTY)
def test_papers_about_which_nothing_can_be_read_have_failed(
    fault: str, name: str, lasting: dict[str, Met]
) -> None:
    met = lasting[f"{name}: {fault}"]
    assert met.code == 3
    for other in NAMES:
        assert outcomes(met.papers, other) == (["failed"] * 2 if other == name else of_two(other))


@pytest.mark.torture
def test_when_a_service_is_well_again_nothing_is_lost(lasting: dict[str, Met]) -> None:
    for met in lasting.values():
        for server in met.trio.servers.values():
            server.faults = None
    down = [met.program for name, met in lasting.items() if name.split(": ")[1] in TRANSIENT]
    failed = [met.program for name, met in lasting.items() if name.split(": ")[1] in FAULTY]
    run_at_once(*down, command=("resume",))
    again = [program.start("retry", session_of(program), "--failed") for program in failed]
    assert {finish(child).returncode for child in again} == {0}
    for met in lasting.values():
        assert [outcomes(met.papers, name) for name in NAMES] == [of_two(name) for name in NAMES]
