"""Queries bring every pending paper once, whatever is committed meanwhile, a window at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from jobrunner.engine.batch_queue import WINDOWS, BatchQueue
from jobrunner.models import Answer, BatchKind, Identifiers, InputPaper, Match, Paper, Record
from jobrunner.store import pending
from jobrunner.store.batches import Batch, commit_batch
from jobrunner.store.database import Database, open_database
from jobrunner.store.lease import Lease, take_lease
from jobrunner.store.papers import INPUT, add_papers
from jobrunner.store.pending import PendingQuery, load_papers, scans_of
from jobrunner.store.rows import Options, SourceRow
from jobrunner.store.run_lifecycle import start_run
from jobrunner.store.sessions import create_session, new_id, seal_session
from jobrunner.store.source_states import list_sources

EARLIER, LATER = "openalex", "crossref"
SCHEMES = ("doi",)
"""What the later source looks up by; papers of other identifiers are searched."""

DOI: Identifiers = {"doi": ("10.5555/1",)}
ARXIV: Identifiers = {"arxiv": ("2611.00001",)}
MOMENT = "2026-11-24T01:30:00.000Z"
SMALL = 3
"""Papers, or batches, of a window here: so that few of them make many windows."""

Answers = dict[int, Answer | None]


@pytest.fixture(autouse=True, scope="module")
def _small_windows() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pending, "POSITIONS", SMALL)
        patch.setattr(pending, "BATCHES", SMALL)
        yield


def given_paper(position: int, identifiers: Identifiers, unusable: str | None = None) -> InputPaper:
    return InputPaper(
        position=position,
        given="{}",
        key=f"p{position}",
        title=f"Study {position}",
        authors=("Ada Almeida",),
        year=2001,
        venue="Studies",
        identifiers=identifiers,
        unusable=unusable,
    )


class Desk:
    """A session of two sources with a run at work."""

    def __init__(self, database: Database, papers: Sequence[InputPaper]) -> None:
        self.database = database
        self.session = new_id() + f"-{id(self)}"
        options = Options(sources=(EARLIER, LATER), rules=1)
        create_session(database, self.session, input_path=None, options=options, output=None)
        seal_session(database, self.session, input_format="json", sha256="0", other={})
        self.lease: Lease = take_lease(database, self.session)
        start_run(database, self.lease)
        self.sources: dict[str, SourceRow] = {
            row.name: row for row in list_sources(database, self.session)
        }
        self.count = 0
        self.add(papers)

    def add(self, papers: Sequence[InputPaper]) -> list[int]:
        """Add papers; return their ids."""
        add_papers(self.database, self.session, papers, first=self.count)
        self.count += len(papers)
        with self.database.read() as connection:
            rows = connection.exec_driver_sql(
                "SELECT id FROM paper WHERE session_id = ? AND position >= ? ORDER BY position",
                (self.session, self.count - len(papers)),
            )
            return [row.id for row in rows]

    def commit(self, source: str, answers: Answers) -> None:
        batch = Batch(kind=BatchKind.LOOKUP, answers=answers, started_at=MOMENT)
        commit_batch(self.database, self.lease, self.sources[source], batch)

    def query(self, kind: BatchKind, *, waits: bool = False) -> PendingQuery:
        return PendingQuery(
            session_id=self.session,
            source_id=self.sources[LATER].id,
            kind=kind,
            schemes=SCHEMES,
            origins=(INPUT, EARLIER),
            waits=(self.sources[EARLIER].id,) if waits else (),
        )

    def queue(self, kind: BatchKind, *, waits: bool = False, size: int = 2) -> BatchQueue:
        return BatchQueue(self.database, self.query(kind, waits=waits), size)


@pytest.fixture
def desk(database: Database) -> Iterator[Desk]:
    opened = Desk(database, [])
    with opened.lease:
        yield opened


def found(**identifiers: str) -> Answer:
    return Answer.found(Record(id="W1", identifiers=identifiers), Match(by="doi", score=1.0))


def taken(queue: BatchQueue) -> list[int]:
    """Take everything that a queue has by now."""
    ids: list[int] = []
    while True:
        papers = queue.take(more_may_come=False)
        ids += [paper.id for paper in papers]
        if not papers and not queue.is_scanning:
            return ids


# ---- which papers a query brings


def test_a_paper_with_an_identifier_is_looked_up_and_any_other_is_searched(desk: Desk) -> None:
    by_doi, by_arxiv, by_title = desk.add(
        [given_paper(0, DOI), given_paper(1, ARXIV), given_paper(2, {})]
    )
    assert taken(desk.queue(BatchKind.LOOKUP)) == [by_doi]
    assert taken(desk.queue(BatchKind.SEARCH)) == [by_arxiv, by_title]


def test_a_paper_that_the_lookup_missed_is_searched(desk: Desk) -> None:
    first, second = desk.add([given_paper(0, DOI), given_paper(1, DOI)])
    lookup, search = desk.queue(BatchKind.LOOKUP), desk.queue(BatchKind.SEARCH)
    assert taken(lookup) == [first, second]
    assert taken(search) == []
    desk.commit(LATER, {first: None, second: found()})
    assert taken(search) == [first]
    assert taken(lookup) == []


def test_a_paper_with_a_record_is_not_taken_again(desk: Desk) -> None:
    first, second = desk.add([given_paper(0, DOI), given_paper(1, {})])
    desk.commit(LATER, {first: found(), second: Answer.failed("its record is broken")})
    assert taken(desk.queue(BatchKind.LOOKUP)) == taken(desk.queue(BatchKind.SEARCH)) == []


def test_a_paper_that_cannot_be_used_is_never_taken(desk: Desk) -> None:
    desk.add([given_paper(0, DOI, "no title"), given_paper(1, {}, "no title")])
    assert taken(desk.queue(BatchKind.LOOKUP)) == taken(desk.queue(BatchKind.SEARCH)) == []


def test_papers_of_another_session_are_not_taken(database: Database, desk: Desk) -> None:
    own = desk.add([given_paper(0, DOI)])
    other = Desk(database, [given_paper(0, DOI)])
    with other.lease:
        assert taken(desk.queue(BatchKind.LOOKUP)) == own


def test_papers_that_are_added_later_are_taken_too(desk: Desk) -> None:
    queue = desk.queue(BatchKind.LOOKUP)
    first = desk.add([given_paper(0, DOI)])
    assert taken(queue) == first
    second = desk.add([given_paper(1, DOI)])
    assert taken(queue) == second


# ---- papers that wait for another source


def test_a_paper_waits_until_the_earlier_source_has_answered_it(desk: Desk) -> None:
    first, second = desk.add([given_paper(0, DOI), given_paper(1, DOI)])
    queue = desk.queue(BatchKind.LOOKUP, waits=True)
    assert taken(queue) == []
    desk.commit(EARLIER, {second: Answer.not_found()})
    assert taken(queue) == [second]
    desk.commit(EARLIER, {first: None})
    assert taken(queue) == []
    desk.commit(EARLIER, {first: Answer.not_found()})
    assert taken(queue) == [first]


def test_an_identifier_that_the_earlier_source_found_makes_a_lookup_of_a_search(
    desk: Desk,
) -> None:
    with_doi, without = desk.add([given_paper(0, {}), given_paper(1, {})])
    lookup, search = (
        desk.queue(BatchKind.LOOKUP, waits=True),
        desk.queue(BatchKind.SEARCH, waits=True),
    )
    desk.commit(EARLIER, {with_doi: found(doi="10.5555/1"), without: found(openalex="W1")})
    assert taken(lookup) == [with_doi]
    assert taken(search) == [without]


def test_when_the_earlier_source_stops_nobody_waits_for_it(desk: Desk) -> None:
    first, second = desk.add([given_paper(0, DOI), given_paper(1, DOI)])
    queue = desk.queue(BatchKind.LOOKUP, waits=True)
    desk.commit(EARLIER, {second: Answer.not_found()})
    assert taken(queue) == [second]
    queue.wait_for(())
    assert taken(queue) == [first]


def test_of_two_earlier_sources_both_must_have_answered(desk: Desk) -> None:
    [paper] = desk.add([given_paper(0, DOI)])
    with desk.database.write() as connection:
        connection.exec_driver_sql(
            "INSERT INTO source_state (session_id, name, ordinal, status, updated_at)"
            " VALUES (?, 'another', 2, 'active', ?)",
            (desk.session, MOMENT),
        )
    another = list_sources(desk.database, desk.session)[2]
    queue = desk.queue(BatchKind.LOOKUP)
    queue.wait_for((desk.sources[EARLIER].id, another.id))
    desk.commit(EARLIER, {paper: Answer.not_found()})
    assert taken(queue) == []
    batch = Batch(kind=BatchKind.LOOKUP, answers={paper: found()}, started_at=MOMENT)
    commit_batch(desk.database, desk.lease, another, batch)
    assert taken(queue) == [paper]


# ---- in which order and how many at a time


def test_papers_come_in_the_order_of_the_input_in_batches_of_the_size(desk: Desk) -> None:
    ids = desk.add([given_paper(position, DOI) for position in range(5)])
    queue = desk.queue(BatchKind.LOOKUP, size=2)
    batches = [queue.take(more_may_come=False) for _ in range(3)]
    assert [[paper.id for paper in papers] for papers in batches] == [ids[:2], ids[2:4], ids[4:]]


def test_a_batch_that_is_not_full_waits_while_more_may_come(desk: Desk) -> None:
    [first] = desk.add([given_paper(0, DOI)])
    queue = desk.queue(BatchKind.LOOKUP, size=2)
    assert queue.take(more_may_come=True) == []
    [second] = desk.add([given_paper(1, DOI)])
    assert [paper.id for paper in queue.take(more_may_come=True)] == [first, second]


def test_one_window_is_bounded_however_many_papers_there_are(desk: Desk) -> None:
    ids = desk.add([given_paper(position, DOI) for position in range(8)])
    [scan] = scans_of(desk.query(BatchKind.LOOKUP))
    with desk.database.read() as connection:
        windows = [scan.next_window(connection) for _ in range(4)]
    assert windows == [ids[:3], ids[3:6], ids[6:], None]


def test_a_scan_begins_where_the_source_came_to_last_and_what_lies_before_comes_later(
    desk: Desk,
) -> None:
    ids = desk.add([given_paper(position, DOI) for position in range(9)])
    desk.commit(LATER, dict.fromkeys((ids[0], *ids[2:4]), found()))
    [scan] = scans_of(desk.query(BatchKind.LOOKUP))
    with desk.database.read() as connection:
        windows = [scan.next_window(connection) for _ in range(5)]
    assert windows == [ids[4:7], ids[7:], [ids[1]], [], None]


def test_one_that_waits_begins_where_it_came_to_in_the_batches_of_the_other(desk: Desk) -> None:
    ids = desk.add([given_paper(position, DOI) for position in range(9)])
    for paper_id in ids[:8]:
        desk.commit(EARLIER, {paper_id: found()})
    desk.commit(LATER, dict.fromkeys((ids[0], *ids[2:5]), found()))
    [scan] = scans_of(desk.query(BatchKind.LOOKUP, waits=True))
    with desk.database.read() as connection:
        windows = [scan.next_window(connection) for _ in range(4)]
        assert windows == [ids[5:8], [ids[1]], [], None]
    desk.commit(EARLIER, {ids[8]: found()})
    with desk.database.read() as connection:
        assert scan.next_window(connection) == [ids[8]]


def test_a_long_scan_without_a_find_is_broken_off_to_let_others_work(desk: Desk) -> None:
    positions = range(SMALL * WINDOWS + 1)
    ids = desk.add([given_paper(p, DOI if p == positions[-1] else {}) for p in positions])
    queue = desk.queue(BatchKind.LOOKUP)
    assert queue.take(more_may_come=False) == []
    assert queue.is_scanning
    assert [paper.id for paper in queue.take(more_may_come=False)] == ids[-1:]


def test_a_batch_waits_to_become_full_while_the_scan_goes_on(desk: Desk) -> None:
    positions = range(SMALL * WINDOWS + 1)
    ends = (positions[0], positions[-1])
    ids = desk.add([given_paper(p, DOI if p in ends else {}) for p in positions])
    queue = desk.queue(BatchKind.LOOKUP)
    assert queue.take(more_may_come=False) == []
    assert [paper.id for paper in queue.take(more_may_come=False)] == [ids[0], ids[-1]]


# ---- what is read of a paper


def test_a_paper_is_read_as_it_was_given(desk: Desk) -> None:
    ids = desk.add([given_paper(0, DOI)])
    assert load_papers(desk.database, ids, (INPUT,)) == [
        Paper(
            id=ids[0],
            position=0,
            key="p0",
            title="Study 0",
            authors=("Ada Almeida",),
            year=2001,
            venue="Studies",
            identifiers=DOI,
        )
    ]


def test_papers_are_read_in_the_order_that_they_are_asked_for(desk: Desk) -> None:
    ids = desk.add([given_paper(position, DOI) for position in range(3)])
    asked = [ids[2], ids[0], ids[1]]
    assert [paper.id for paper in load_papers(desk.database, asked, (INPUT,))] == asked


def identifiers(desk: Desk, *origins: str) -> Identifiers:
    """Return those of a paper whose input and whose two sources name a DOI each, from origins."""
    [paper] = desk.add([given_paper(0, {"doi": ("10.5555/b", "10.5555/a")})])
    desk.commit(EARLIER, {paper: found(doi="10.5555/earlier", arxiv="2611.00001")})
    desk.commit(LATER, {paper: found(doi="10.5555/a")})
    return load_papers(desk.database, [paper], origins)[0].identifiers


def test_identifiers_come_only_from_the_origins_that_are_allowed(desk: Desk) -> None:
    assert identifiers(desk, EARLIER) == {"doi": ("10.5555/earlier",), "arxiv": ("2611.00001",)}


def test_identifiers_of_the_first_origin_come_first_as_it_trusts_them(desk: Desk) -> None:
    expected = ("10.5555/b", "10.5555/a", "10.5555/earlier")
    assert identifiers(desk, INPUT, EARLIER)["doi"] == expected


def test_an_identifier_that_two_origins_name_is_there_once(desk: Desk) -> None:
    assert identifiers(desk, LATER, INPUT)["doi"] == ("10.5555/a", "10.5555/b")


# ---- whatever is committed meanwhile


KINDS = (BatchKind.LOOKUP, BatchKind.SEARCH)
given_papers = st.lists(
    st.tuples(st.sampled_from([DOI, ARXIV, {}]), st.sampled_from([None, None, None, "no title"])),
    min_size=1,
    max_size=2 * SMALL + 1,
)
some = st.lists(st.integers(0, 1000), min_size=1, max_size=4)
said = st.sampled_from(["found", "found with a doi", "not found", "missed"])
ANSWERS: dict[str, Answer | None] = {
    "found": found(openalex="W1"),
    "found with a doi": found(doi="10.5555/found"),
    "not found": Answer.not_found(),
    "missed": None,
}


class Queues(RuleBasedStateMachine):
    """The later source's two queues against sets of paper ids, while both sources commit."""

    database: Database

    def __init__(self) -> None:
        super().__init__()
        self.usable: set[int] = set()
        self.identified: set[int] = set()
        self.missed: set[int] = set()
        self.answered: dict[str, set[int]] = {EARLIER: set(), LATER: set()}
        self.in_flight: dict[str, list[int]] = {BatchKind.LOOKUP: [], BatchKind.SEARCH: []}
        self.waits = False

    @initialize(papers=given_papers, waits=st.booleans())
    def begin(self, papers: list[tuple[Identifiers, str | None]], *, waits: bool) -> None:
        self.desk = Desk(self.database, [])
        self.waits = waits
        self.start_queues()
        self.add(papers)

    def start_queues(self) -> None:
        self.in_flight = {BatchKind.LOOKUP: [], BatchKind.SEARCH: []}
        self.queues = {kind: self.desk.queue(kind, waits=self.waits) for kind in KINDS}

    def pending(self, kind: BatchKind) -> set[int]:
        """The papers that a queue should hand out, or has handed out and not committed."""
        ready = self.usable - self.answered[LATER]
        if self.waits:
            ready &= self.answered[EARLIER]
        by_lookup = ready & self.identified - self.missed
        return by_lookup if kind == BatchKind.LOOKUP else ready - by_lookup

    @rule(papers=given_papers)
    def add(self, papers: list[tuple[Identifiers, str | None]]) -> None:
        first = self.desk.count
        listed = [given_paper(first + n, ids, why) for n, (ids, why) in enumerate(papers)]
        for paper_id, (known, unusable) in zip(self.desk.add(listed), papers, strict=True):
            if unusable is None:
                self.usable.add(paper_id)
            if "doi" in known:
                self.identified.add(paper_id)

    @precondition(lambda self: self.waits)
    @rule(some=some, said=said)
    def the_earlier_source_commits(self, some: list[int], said: str) -> None:
        pending = sorted(self.usable - self.answered[EARLIER])
        chosen = {pending[number % len(pending)] for number in some} if pending else set()
        self.desk.commit(EARLIER, dict.fromkeys(chosen, ANSWERS[said] or Answer.not_found()))
        self.answered[EARLIER] |= chosen
        if said == "found with a doi":
            self.identified |= chosen

    @precondition(lambda self: self.waits)
    @rule()
    def the_earlier_source_stops(self) -> None:
        self.waits = False
        for queue in self.queues.values():
            queue.wait_for(())

    @rule(kinds=st.sampled_from([KINDS, KINDS[:1], KINDS[1:]]))
    def take(self, kinds: Sequence[BatchKind]) -> None:
        for kind in kinds:
            ids = [paper.id for paper in self.queues[kind].take(more_may_come=False)]
            assert len(ids) == len(set(ids)) <= 2
            assert set(ids) <= self.pending(kind) - set(self.in_flight[kind])
            self.in_flight[kind] += ids

    @rule(kind=st.sampled_from(KINDS), count=st.integers(1, 4), said=said)
    def commit(self, kind: BatchKind, count: int, said: str) -> None:
        done, self.in_flight[kind] = self.in_flight[kind][:count], self.in_flight[kind][count:]
        answer = ANSWERS[said]
        if kind == BatchKind.SEARCH and answer is None:
            answer = Answer.not_found()
        self.desk.commit(LATER, dict.fromkeys(done, answer))
        self.queues[kind].settle(load_papers(self.database, done, (INPUT,)))
        (self.missed if answer is None else self.answered[LATER]).update(done)

    @rule()
    def the_lookup_misses_all(self) -> None:
        self.commit(BatchKind.LOOKUP, len(self.in_flight[BatchKind.LOOKUP]), "missed")

    @rule()
    def crash(self) -> None:
        self.start_queues()

    @invariant()
    def no_paper_is_in_flight_twice(self) -> None:
        both = self.in_flight[BatchKind.LOOKUP] + self.in_flight[BatchKind.SEARCH]
        assert len(both) == len(set(both))

    def teardown(self) -> None:
        if hasattr(self, "desk"):
            for kind in KINDS:
                rest = taken(self.queues[kind])
                assert sorted(rest + self.in_flight[kind]) == sorted(self.pending(kind))
            self.desk.lease.release()


def test_every_pending_paper_is_handed_out_once_whatever_is_committed_meanwhile(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = tmp_path_factory.mktemp("queues") / "state.db"
    with closing(open_database(path, create=True)) as database:
        Queues.database = database
        examples = settings(
            max_examples=60, stateful_step_count=25, deadline=None, derandomize=True
        )
        run_state_machine_as_test(Queues, settings=examples)
