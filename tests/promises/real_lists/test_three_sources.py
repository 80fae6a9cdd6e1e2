"""Real paper lists against real records of all three sources: coverage, precision, requests."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from jobrunner.demo.messages import Api
from jobrunner.demo.openalex import OpenAlex
from jobrunner.demo.record_files import load_records
from jobrunner.identifiers.schemes import normalise
from jobrunner.matching.title_normalisation import normalise_title
from tests.support.program import Program, finish, papers_of
from tests.support.real_data import DATA
from tests.support.servers.crossref import Crossref
from tests.support.servers.semantic_scholar import SemanticScholar
from tests.support.three_sources import (
    CROSSREF,
    NAMES,
    OPENALEX,
    SEMANTIC_SCHOLAR,
    Fields,
    Trio,
    serving,
    sources,
)

RECORDS = {
    OPENALEX: DATA / "records" / "openalex_works.jsonl.gz",
    SEMANTIC_SCHOLAR: DATA / "records" / "s2_papers.jsonl.gz",
    CROSSREF: DATA / "records" / "crossref_works.jsonl.gz",
}
LISTS = DATA / "inputs" / "from_records"

pytestmark = pytest.mark.skipif(
    not all(path.exists() for path in RECORDS.values()), reason=f"no real data in {DATA}"
)

SCHEMES = {"doi": "doi", "arxiv_id": "arxiv", "s2_paper_id": "s2", "openalex_id": "openalex"}
"""How the lists name identifiers."""

EXCEPTIONS = {
    "t654": "the records hold two works of this title, of one year and by the same authors",
    "t894": "the records hold two works of this title, of one year and by the same authors",
    "t1355": "the records hold two works of this title, of one year and by the same authors",
    "m816": "the records hold two works of this title, of one year and by the same authors",
    "t1961": "the record is of the reprint, five years later",
    "m6": "the record is of the reprint, 34 years later",
    "m225": "the record is of two years later, in another journal",
    "t57": "a volume of proceedings, without authors",
    "t344": "the record is without authors",
}
"""Papers that a record stands for, and that are for a person to decide all the same."""

Ids = frozenset[tuple[str, str]]


def ids_of(fields: Mapping[str, Any], names: Mapping[str, str]) -> Ids:
    found = {(scheme, normalise(scheme, str(fields.get(n) or ""))) for n, scheme in names.items()}
    return frozenset((scheme, value) for scheme, value in found if value)


class Library(NamedTuple):
    """The recorded services, the identifiers that each one holds, and what the papers are."""

    apis: tuple[Api, ...]
    held: dict[str, set[tuple[str, str]]]
    truth: list[Fields]
    by_title: dict[str, list[Fields]]

    def holders(self, ids: Ids) -> set[str]:
        return {name for name in NAMES if not ids.isdisjoint(self.held[name])}

    def ids_of(self, paper: Fields) -> Ids:
        """Return what a paper of a list is: what it says itself, or else what is known of it."""
        own = ids_of(paper, SCHEMES)
        if own or not paper["paper_id"].startswith(("t", "m")):
            return own
        if paper["paper_id"].startswith("t"):
            return ids_of(self.truth[int(paper["paper_id"][1:])], SCHEMES)
        known = self.by_title.get(paper["title"], [])
        return ids_of(known[0], SCHEMES) if len(known) == 1 else frozenset()


@pytest.fixture(scope="module")
def library() -> Library:
    works, papers, items = (load_records(RECORDS[name]) for name in NAMES)
    truth = json.loads((LISTS / "truth.json").read_text(encoding="utf-8"))["papers"]
    by_title: dict[str, list[Fields]] = {}
    for known in truth:
        by_title.setdefault(known.get("title") or "", []).append(known)
    external = {"DOI": "doi", "ArXiv": "arxiv"}
    held = {
        OPENALEX: {one for w in works for one in ids_of(w, {"doi": "doi", "id": "openalex"})},
        SEMANTIC_SCHOLAR: {
            one
            for p in papers
            if p.get("paperId")
            for one in ids_of(p, {"paperId": "s2"}) | ids_of(p.get("externalIds") or {}, external)
        },
        CROSSREF: {one for w in items for one in ids_of(w, {"DOI": "doi"})},
    }
    apis = (OpenAlex(works), SemanticScholar(papers), Crossref(items))
    return Library(apis, held, truth, by_title)


def part_of(name: str, count: int, missing: Mapping[str, int], library: Library) -> list[Fields]:
    """Return papers of a list that records stand for, those that most services hold first.

    ``missing`` is how many of them a service may lack: each costs a search at its slow pace.
    """
    papers = json.loads((LISTS / f"{name}.json").read_text(encoding="utf-8"))["papers"]
    holders = [(library.holders(library.ids_of(one)), one) for one in papers]
    left = dict(missing)
    chosen: list[Fields] = []
    for found, one in sorted(holders, key=lambda entry: -len(entry[0])):
        lacking = [name for name in left if name not in found]
        if found and all(left[name] for name in lacking) and len(chosen) < count:
            chosen.append(one)
            left.update({name: left[name] - 1 for name in lacking})
    return chosen


class Listed(NamedTuple):
    """A list that was run, and what the services saw of it."""

    name: str
    program: Program
    trio: Trio
    library: Library

    @property
    def papers(self) -> list[Fields]:
        return papers_of(self.program.directory / "out.json")

    def enriched(self, name: str) -> Iterator[tuple[Fields, Fields]]:
        """Yield the papers that a source knows, each with its record."""
        for paper in self.papers:
            answer = paper["records"].get(name, {})
            if answer.get("outcome") == "enriched":
                yield paper["given"], answer["record"]

    def per_paper(self) -> dict[str, float]:
        """Return the requests for a paper, by service."""
        count = len(self.papers)
        return {name: round(n / count, 3) for name, n in self.trio.requests().items() if n}


def run_lists(
    lists: Mapping[str, list[Fields]], chosen: Mapping[str, list[str]], library: Library, at: Path
) -> Iterator[dict[str, Listed]]:
    """Run lists side by side, each with services and sources of its own."""
    with ExitStack() as stack:
        ran = {}
        children = []
        for name, papers in lists.items():
            trio = stack.enter_context(serving(*library.apis))
            program = trio.program(at / name, papers)
            command = ("run", "papers.json", "-o", "out.json", *sources(*chosen.get(name, [])))
            children.append(program.start(*command))
            ran[name] = Listed(name, program, trio, library)
        ended = [finish(child) for child in children]
        assert [one.returncode for one in ended] == [0] * len(ended), [one.stderr for one in ended]
        yield ran


LOOKED_UP_BY = {
    OPENALEX: {"doi", "arxiv", "openalex"},
    SEMANTIC_SCHOLAR: {"doi", "arxiv", "s2"},
    CROSSREF: {"doi"},
}
LOOKUPS = 12
"""Requests for whole batches that these lists take at most: one for each kind of identifier."""

FEW = {SEMANTIC_SCHOLAR: 2, CROSSREF: 7}
MANY = {SEMANTIC_SCHOLAR: 12, CROSSREF: 60}
PARTS = ["with_ids", "mixed", "titles_only"]
ALONE = {f"{name} alone": [name] for name in NAMES}


@pytest.fixture(scope="module")
def small(
    library: Library, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Listed]]:
    lists = {name: part_of(name, 40, FEW, library) for name in PARTS}
    yield from run_lists(lists, {}, library, tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="module")
def large(
    library: Library, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Listed]]:
    """Longer parts and, for comparison, the titles with each source alone."""
    lists = {name: part_of(name, 90, MANY, library) for name in PARTS}
    lists |= dict.fromkeys(ALONE, part_of("titles_only", 70, FEW, library))
    lists["titles together"] = lists[f"{OPENALEX} alone"]
    yield from run_lists(lists, ALONE, library, tmp_path_factory.mktemp("large"))


@pytest.fixture
def listed(request: pytest.FixtureRequest) -> Listed:
    size, name = request.param
    ran: dict[str, Listed] = request.getfixturevalue(size)
    return ran[name]


every_part = pytest.mark.parametrize(
    "listed",
    [
        *(pytest.param(("small", name), id=name) for name in PARTS),
        *(pytest.param(("large", n), id=f"large-{n}", marks=pytest.mark.torture) for n in PARTS),
    ],
    indirect=True,
)


def tell(line: str) -> None:
    """Show a figure; pytest hides it unless asked with -s or -rP."""
    sys.stdout.write(f"{line}\n")


@every_part
@pytest.mark.parametrize("name", NAMES)
def test_every_paper_that_a_service_holds_is_enriched_by_it(name: str, listed: Listed) -> None:
    found = {given["paper_id"] for given, _ in listed.enriched(name)}
    library = listed.library
    held = {
        paper["given"]["paper_id"]
        for paper in listed.papers
        if name in library.holders(library.ids_of(paper["given"]))
    }
    tell(f"{listed.name}, {name}: {len(held & found)} of {len(held)} papers that it holds")
    assert held - found - set(EXCEPTIONS) == set()
    assert len(held) > 15


@every_part
def test_hardly_a_paper_is_enriched_by_a_wrong_record(listed: Listed) -> None:
    pairs = [pair for name in NAMES for pair in listed.enriched(name)]
    right = [is_right(listed.library, *pair) for pair in pairs]
    tell(f"{listed.name}: precision {sum(right)} of {len(right)}")
    assert sum(right) >= 0.99 * len(right)


def is_right(library: Library, given: Fields, record: Fields) -> bool:
    """Tell whether a record is of a paper: one identifier, or the very same title."""
    same = not library.ids_of(given).isdisjoint(record.get("identifiers", {}).items())
    return same or normalise_title(given["title"]) == normalise_title(record.get("title", ""))


@every_part
def test_only_papers_that_cannot_be_looked_up_are_searched(listed: Listed) -> None:
    library = listed.library
    papers = [paper["given"] for paper in listed.papers]
    tell(f"{listed.name}: requests for a paper {listed.per_paper()} of {len(papers)} papers")
    for name, requests in listed.trio.requests().items():
        searches = sum(not can_be_looked_up(library, given, name) for given in papers)
        assert requests <= searches + LOOKUPS


def can_be_looked_up(library: Library, given: Fields, name: str) -> bool:
    """Tell whether a source holds a paper, and knows an identifier of it when it is asked."""
    ids = library.ids_of(given)
    holders = library.holders(ids)
    own = {scheme for scheme, _ in ids_of(given, SCHEMES)}
    told = name != OPENALEX and OPENALEX in holders
    return name in holders and (told or not own.isdisjoint(LOOKED_UP_BY[name]))


@pytest.mark.torture
def test_identifiers_from_openalex_spare_the_others_most_of_their_requests(
    large: dict[str, Listed],
) -> None:
    together = large["titles together"].per_paper()
    alone = {name: large[f"{name} alone"].per_paper()[name] for name in NAMES}
    tell(f"titles: requests for a paper {together} together, {alone} each source alone")
    assert together[OPENALEX] == alone[OPENALEX]
    for name in (SEMANTIC_SCHOLAR, CROSSREF):
        assert together[name] < alone[name] / 2
