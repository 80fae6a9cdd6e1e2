"""Three sources killed at any moment and resumed, with others or with fewer of them."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from tests.support import made_up_papers
from tests.support.events import Gate, eventually
from tests.support.program import Program, papers_of, was_killed
from tests.support.three_sources import (
    CROSSREF,
    OPENALEX,
    RUN,
    SEMANTIC_SCHOLAR,
    Fields,
    Question,
    Trio,
    counts,
    serving_library,
    session_of,
    sources,
)

ALL = range(16)
HELD = {
    OPENALEX: [n for n in ALL if n != 1],
    SEMANTIC_SCHOLAR: ALL,
    CROSSREF: [n for n in ALL if n not in (1, 7)],
}
"""What each service holds: some papers are unknown to one, some are searched in vain."""

MIXED = [made_up_papers.by_title(n) if n % 4 == 1 else made_up_papers.by_doi(n) for n in ALL]
MOST_REQUESTS = 6
"""Before a program is killed; to its end it needs more than twice as many."""

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
        """Kill a command after some requests, and a while; return whether it had ended before."""
        gate, enough = Gate(), self._chance.randrange(MOST_REQUESTS)
        for server in self.trio.servers.values():
            server.faults = gate.after(enough)
        child = self.program.start(*command)
        eventually(lambda: gate.asked >= enough or child.poll() is not None)
        time.sleep(self._chance.uniform(0.0, 0.5))
        child.kill()
        said = child.communicate()[1]
        gate.open()
        killed = was_killed(child.returncode)
        assert killed or child.returncode == 0, said
        self.kills += killed
        return not killed


@pytest.mark.parametrize(
    "seed", [20261124, *(pytest.param(n, marks=pytest.mark.torture) for n in range(2))]
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


@pytest.mark.torture
@pytest.mark.parametrize("seed", [1, 2, 3])
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


@pytest.mark.torture
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
