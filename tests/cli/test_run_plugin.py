"""A source in a package of its own: the example of the documentation, installed and run."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from jobrunner.demo.openalex import OpenAlex
from jobrunner.demo.server import LocalServer
from tests.support import made_up_papers
from tests.support.catalogue import EXAMPLE, KEY, MODULE, CatalogueApi, changed, install, item, use
from tests.support.program import Program, adopt, load, papers_of, rows_of, was_killed

DOCUMENT = EXAMPLE.parent / "how-to" / "add-a-source.md"
BOTH = ("--source", "openalex", "--source", "catalogue")

BY_DOI, BY_TITLE, UNKNOWN_TO_OPENALEX, UNKNOWN = range(6), range(6, 10), (21, 22), 30
"""Numbers of papers; OpenAlex tells the DOIs of those that are searched there by title."""


def papers() -> list[dict[str, Any]]:
    listed = [made_up_papers.by_doi(number) for number in BY_DOI]
    listed += [made_up_papers.by_title(number) for number in (*BY_TITLE, *UNKNOWN_TO_OPENALEX)]
    return [*listed, made_up_papers.by_title(UNKNOWN)]


def items() -> list[dict[str, Any]]:
    return [item(number) for number in range(25)]


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory into which the example is installed."""
    return install(tmp_path_factory.mktemp("plugin"))


class Both(NamedTuple):
    """The two services, and the packages of programs that ask them."""

    openalex: LocalServer
    catalogue: LocalServer
    packages: Path

    def program(self, directory: Path, packages: Path | None = None) -> Program:
        program = Program(directory, self.openalex.base_url)
        program.input(papers())
        use(program, packages or self.packages, self.catalogue.base_url)
        return program


@contextmanager
def serving(packages: Path, items: Iterable[dict[str, Any]]) -> Iterator[Both]:
    with (
        LocalServer(OpenAlex(made_up_papers.works(20))) as openalex,
        LocalServer(CatalogueApi(items)) as catalogue,
    ):
        yield Both(openalex, catalogue, packages)


@pytest.fixture
def both(packages: Path) -> Iterator[Both]:
    with serving(packages, items()) as both:
        yield both


class Ended(NamedTuple):
    """A run with the plug-in that has ended, and the services that it asked."""

    program: Program
    both: Both
    said: str

    @property
    def papers(self) -> list[dict[str, Any]]:
        return papers_of(self.program.directory / "out.json")

    @property
    def searched(self) -> list[str]:
        """The titles that the catalogue was searched for."""
        asked = self.both.catalogue.requests
        return [name for one in asked if one.path == "/search" for name in one.ids]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, packages: Path) -> Iterator[Ended]:
    with serving(packages, items()) as both:
        program = both.program(tmp_path_factory.mktemp("finished"))
        program.environment["JOBRUNNER_CATALOGUE_API_KEY"] = KEY
        said = program.run("run", "papers.json", "-o", "out.json", *BOTH)
        yield Ended(program, both, said.stdout + said.stderr)


def outcomes_of(program: Program, source: str = "catalogue") -> list[str]:
    """Return what a source said of each paper, by position."""
    sql = (
        "SELECT r.outcome FROM record r JOIN paper p ON p.id = r.paper_id"
        " JOIN source_state s ON s.id = r.source_id WHERE s.name = ? ORDER BY p.position"
    )
    return [outcome for (outcome,) in program.query(sql, source)]


def printed(program: Program, *arguments: object) -> Any:
    """Run a command with --json, in a process that finds the plug-in; return what it prints."""
    return json.loads(program.run(*arguments, "--json").stdout)


# ---- what the documentation says


@pytest.mark.parametrize(
    ("language", "name"), [("toml", "pyproject.toml"), ("python", f"{MODULE}/__init__.py")]
)
def test_the_documentation_shows_the_example_as_it_is(language: str, name: str) -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    (shown,) = re.findall(rf"`{re.escape(name)}`:\n\n```{language}\n(.*?)```", text, re.DOTALL)
    assert shown == (EXAMPLE / name).read_text(encoding="utf-8")


def test_the_links_of_the_documentation_lead_somewhere() -> None:
    linked = re.findall(r"\]\(([^)#:]+)\)", DOCUMENT.read_text(encoding="utf-8"))
    assert linked
    assert [name for name in linked if not (DOCUMENT.parent / name).exists()] == []


def test_an_installed_source_is_listed_with_its_limits_and_settings(finished: Ended) -> None:
    (source,) = [one for one in printed(finished.program, "sources") if one["name"] == "catalogue"]
    assert source["base_url"] == finished.both.catalogue.base_url
    assert source["key_variable"] == "JOBRUNNER_CATALOGUE_API_KEY"
    assert (source["requests_per_second"], source["concurrency"]) == (20.0, 2)
    assert (source["schemes"], source["lookup_size"]) == (["doi"], 20)


# ---- a run


def test_each_paper_has_its_outcome(finished: Ended) -> None:
    found = len(papers()) - 1
    assert outcomes_of(finished.program) == ["enriched"] * found + ["not_found"]


def test_its_records_take_part_in_the_view(finished: Ended) -> None:
    view = finished.papers[0]["consolidated"]
    assert view["topics"] == {"value": [made_up_papers.SUBJECTS[0]], "source": "catalogue"}


def test_papers_are_looked_up_by_the_identifiers_of_the_source_that_it_waits_for(
    finished: Ended,
) -> None:
    asked = [one.ids for one in finished.both.catalogue.requests if one.path == "/lookup"]
    assert {doi for ids in asked for doi in ids} == {
        f"doi:{made_up_papers.doi(number)}" for number in (*BY_DOI, *BY_TITLE)
    }


def test_only_what_has_no_identifier_is_searched(finished: Ended) -> None:
    titles = [f"title:{made_up_papers.title(number)}" for number in (*UNKNOWN_TO_OPENALEX, UNKNOWN)]
    assert sorted(finished.searched) == sorted(titles)


def test_its_limits_are_kept(finished: Ended) -> None:
    assert finished.both.catalogue.violations == []


def test_its_key_is_sent_and_written_nowhere(finished: Ended) -> None:
    api = finished.both.catalogue.api
    assert isinstance(api, CatalogueApi)
    assert api.keys == {KEY}
    assert KEY not in finished.said
    files = [path for path in finished.program.directory.rglob("*") if path.is_file()]
    assert [path for path in files if KEY.encode() in path.read_bytes()] == []


def test_its_prices_are_counted(finished: Ended) -> None:
    counted = "SELECT sum(b.cost_micros) FROM batch b JOIN source_state s ON s.id = b.source_id"
    ((micros,),) = finished.program.query(f"{counted} WHERE s.name = 'catalogue'")
    assert micros == 3 * 2_000


def test_its_prices_are_planned_with(finished: Ended) -> None:
    (plan,) = printed(finished.program, "plan", "papers.json", *BOTH[2:])["sources"]
    assert plan["least"]["cost_micros"] == (len(papers()) - len(BY_DOI)) * 2_000


def test_what_it_says_is_explained_with_its_name(finished: Ended) -> None:
    said = finished.program.run("explain", "0", "topics").stdout
    assert f'topics: ["{made_up_papers.SUBJECTS[0]}"] (catalogue)' in said
    assert "the first value in the order openalex, semantic_scholar, crossref, catalogue" in said


def test_a_policy_may_name_it_in_a_session_that_never_asked_it(both: Both, tmp_path: Path) -> None:
    program = both.program(tmp_path)
    load(program, papers())
    program.run("snapshot", "-o", "copy.json", "--policy", naming_it(program))
    assert len(papers_of(tmp_path / "copy.json")) == len(papers())


def test_a_policy_may_name_it_where_it_is_gone_and_its_records_stay(
    finished: Ended, tmp_path: Path
) -> None:
    program = Program(tmp_path)
    adopt(program, finished.program)
    explained = printed(program, "explain", "0", "topics", "--policy", naming_it(program))
    assert explained["fields"][0]["rule"].startswith("the first value in the order catalogue, ")


def naming_it(program: Program) -> Path:
    """Write a policy that trusts the source most."""
    path = program.directory / "policy.toml"
    path.write_text('priority = ["catalogue"]', encoding="utf-8")
    return path


def test_a_budget_holds_it_back(both: Both, tmp_path: Path) -> None:
    program = both.program(tmp_path / "work")
    said = program.run("run", "papers.json", *BOTH, "--budget", "catalogue=0.004usd", code=1)
    assert "catalogue: $0.0040 of the $0.004 budget is spent" in said.stderr
    assert len(Ended(program, both, said.stderr).searched) == 2


# ---- without the source that it waits for, and with an item that cannot be read


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory, packages: Path) -> Iterator[Ended]:
    broken = [one | ({"shelfmark": None} if n == 2 else {}) for n, one in enumerate(items())]
    with serving(packages, broken) as both:
        program = both.program(tmp_path_factory.mktemp("alone"))
        said = program.run("run", "papers.json", "--source", "catalogue", code=3)
        yield Ended(program, both, said.stderr)


def test_it_waits_for_no_source_that_is_not_there(alone: Ended) -> None:
    assert len(outcomes_of(alone.program)) == len(papers())
    assert alone.both.openalex.requests == []


def test_an_item_that_cannot_be_read_is_a_failure_and_its_neighbours_are_enriched(
    alone: Ended,
) -> None:
    expected = ["enriched", "enriched", "failed", "enriched", "enriched", "enriched"]
    assert outcomes_of(alone.program)[: len(BY_DOI)] == expected


# ---- killed


@pytest.fixture
def killed(both: Both, tmp_path: Path) -> Program:
    program = both.program(tmp_path / "work")
    command = ("run", "papers.json", "-o", "out.json", *BOTH, "--batch-size", 4)
    assert was_killed(program.run(*command, fault="commit.after:6", code=None).returncode)
    return program


def test_a_killed_run_with_it_is_resumed_and_ends_the_same(
    killed: Program, both: Both, finished: Ended
) -> None:
    committed = killed.query(
        "SELECT DISTINCT i.value FROM record r JOIN source_state s ON s.id = r.source_id"
        " JOIN identifier i ON i.paper_id = r.paper_id"
        " WHERE s.name = 'catalogue' AND i.scheme = 'doi'"
    )
    assert committed
    before = len(both.catalogue.requests)
    killed.run("resume")
    killed.run("verify")
    again = {name for request in both.catalogue.requests[before:] for name in request.ids}
    assert again.isdisjoint(f"doi:{doi}" for (doi,) in committed)
    assert papers_of(killed.directory / "out.json") == finished.papers


def test_a_session_whose_source_is_gone_is_told_so_and_left_as_it_is(killed: Program) -> None:
    rows = rows_of(killed)
    killed.environment.pop("PYTHONPATH")
    said = killed.run("resume", code=2)
    assert "unknown source 'catalogue'; known: crossref, openalex, semantic_scholar" in said.stderr
    assert rows_of(killed) == rows


# ---- a source with a bug

BUG = ("        dois = {", '        raise TypeError("a bug of the plug-in")\n        dois = {')


@pytest.fixture(scope="module")
def buggy(packages: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ended]:
    """A run with a plug-in whose lookup raises a TypeError."""
    place = tmp_path_factory.mktemp("buggy")
    with serving(changed(packages, place / "packages", BUG), items()) as both:
        program = both.program(place / "work")
        said = program.run("run", "papers.json", "-o", "out.json", *BOTH, code=1)
        yield Ended(program, both, said.stderr)


def test_a_bug_stops_the_source_alone(buggy: Ended) -> None:
    assert len(outcomes_of(buggy.program, "openalex")) == len(papers())
    assert outcomes_of(buggy.program) == []
    assert buggy.program.query("SELECT status FROM session") == [("interrupted",)]
    assert len(buggy.papers) == len(papers())


def test_a_bug_is_told_with_the_place_of_its_traceback(buggy: Ended) -> None:
    assert "interrupted: catalogue: unexpected TypeError: a bug of the plug-in" in buggy.said
    assert "the traceback is in run.log of the session" in buggy.said
    (log,) = buggy.program.directory.rglob("run.log")
    assert "raise TypeError" in log.read_text(encoding="utf-8")


def test_when_the_bug_is_corrected_a_resume_finishes(
    buggy: Ended, both: Both, tmp_path: Path, finished: Ended
) -> None:
    program = both.program(tmp_path / "work")
    adopt(program, buggy.program)
    program.run("resume", "-o", "out.json")
    assert both.openalex.requests == []
    assert papers_of(program.directory / "out.json") == finished.papers


def test_a_source_that_lacks_an_attribute_is_refused_before_anything_is_begun(
    both: Both, packages: Path, tmp_path: Path
) -> None:
    lacking = changed(packages, tmp_path / "packages", ("    search_size = 5\n", ""))
    program = both.program(tmp_path / "work", lacking)
    said = program.run("run", "papers.json", *BOTH, code=2)
    assert f"source 'catalogue' ({MODULE}:Catalogue) lacks search_size" in said.stderr
    assert not program.database.exists()
    assert both.openalex.requests == []
