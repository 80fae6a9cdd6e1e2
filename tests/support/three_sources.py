"""Three local services, a library that all of them know, and the program pointed at them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from jobrunner.demo.messages import Api
from jobrunner.demo.openalex import OpenAlex
from jobrunner.demo.server import LocalServer, Served
from tests.support import made_up_papers
from tests.support.program import KEY, Program, finish, papers_of
from tests.support.servers.crossref import Crossref
from tests.support.servers.semantic_scholar import SemanticScholar

NAMES = OPENALEX, SEMANTIC_SCHOLAR, CROSSREF = "openalex", "semantic_scholar", "crossref"
BEYOND = (SEMANTIC_SCHOLAR, CROSSREF)
"""The sources that want identifiers of OpenAlex first."""

EMAIL = "somebody@example.org"

Fields = dict[str, Any]
Question = tuple[str, str, int]
"""A source, 'lookup' or 'search', and the number of the paper that was asked for."""


def sources(*names: str) -> list[str]:
    """Return the options that choose sources, all three if none is named."""
    return [part for name in names or NAMES for part in ("--source", name)]


RUN = ("run", "papers.json", "-o", "out.json", *sources())


class Trio:
    """The three services, by name."""

    def __init__(self, servers: dict[str, LocalServer]) -> None:
        self.servers = servers

    def __getitem__(self, name: str) -> LocalServer:
        return self.servers[name]

    def program(self, directory: Path, papers: object = None) -> Program:
        """Return a program that asks these services, with a key for two and an e-mail address."""
        program = Program(directory, self[OPENALEX].base_url)
        self.take(program)
        program.environment["JOBRUNNER_SEMANTIC_SCHOLAR_API_KEY"] = KEY
        program.environment["JOBRUNNER_EMAIL"] = EMAIL
        if papers is not None:
            program.input(papers)
        return program

    def take(self, program: Program) -> None:
        """Point a program at these services, whatever services its session was made with."""
        for name, server in self.servers.items():
            program.environment[f"JOBRUNNER_{name.upper()}_BASE_URL"] = server.base_url

    def requests(self) -> dict[str, int]:
        """Count the requests that each service has seen."""
        return {name: len(server.requests) for name, server in self.servers.items()}

    def logs(self) -> dict[str, list[Served]]:
        """Return the requests that each service has seen until now."""
        return {name: list(server.requests) for name, server in self.servers.items()}

    def questions(self) -> Counter[Question]:
        """Count the questions about papers of the library."""
        return Counter(q for name, log in self.logs().items() for q in questions_in(name, log))


def questions_in(name: str, log: Iterable[Served]) -> Iterator[Question]:
    """Yield what a service was asked for, by the numbers of the library."""
    for served in log:
        for asked in served.ids:
            found = re.search(r"study\.(\d+)$|number (\d+)", asked)
            assert found, asked
            yield name, "lookup" if found[1] else "search", int(found[1] or found[2])


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


@contextmanager
def serving(*apis: Api, **latency: float) -> Iterator[Trio]:
    """Serve the three APIs; ``latency`` is in seconds, by their names."""
    with ExitStack() as stack:
        yield Trio(
            {
                api.name: stack.enter_context(LocalServer(api, latency=latency.get(api.name, 0.0)))
                for api in apis
            }
        )


@contextmanager
def serving_library(
    numbers: Mapping[str, Sequence[int]] | None = None,
    *,
    budget_usd: float | None = None,
    **latency: float,
) -> Iterator[Trio]:
    """Serve the made-up library; ``numbers`` are those that a service holds, by its name."""
    held = numbers or {}
    usual = range(130)
    works = [made_up_papers.work(number) for number in held.get(OPENALEX, usual)]
    papers = [paper(number) for number in held.get(SEMANTIC_SCHOLAR, usual)]
    items = [item(number) for number in held.get(CROSSREF, usual)]
    apis = (OpenAlex(works, budget_usd=budget_usd), SemanticScholar(papers), Crossref(items))
    with serving(*apis, **latency) as trio:
        yield trio


def paper(number: int) -> Fields:
    """A paper of Semantic Scholar's shape."""
    name = made_up_papers.NAMES[number % 7]
    return {
        "paperId": f"{number:040x}",
        "corpusId": number,
        "externalIds": {"DOI": made_up_papers.doi(number).upper(), "CorpusId": number},
        "url": f"https://www.semanticscholar.org/paper/{number:040x}",
        "title": made_up_papers.title(number),
        "abstract": f"What Semantic Scholar says of study {number}.",
        "venue": "Studies",
        "year": 2000 + number % 25,
        "citationCount": number * 2,
        "influentialCitationCount": number,
        "authors": [{"authorId": str(number), "name": f"Ada {name}"}],
    }


def item(number: int) -> Fields:
    """A work of Crossref's shape."""
    return {
        "DOI": made_up_papers.doi(number),
        "title": [made_up_papers.title(number)],
        "author": [{"given": "Ada", "family": made_up_papers.NAMES[number % 7], "affiliation": []}],
        "issued": {"date-parts": [[2000 + number % 25]]},
        "container-title": ["Studies"],
        "publisher": "Society of Studies",
        "type": "journal-article",
        "is-referenced-by-count": number * 4,
    }


def run_at_once(*programs: Program, command: Sequence[object] = RUN) -> list[tuple[int, str]]:
    """Run programs side by side; return the exit code of each, and what it said."""
    children = [program.start(*command) for program in programs]
    ended = [finish(child) for child in children]
    return [(one.returncode, one.stderr) for one in ended]


def outcomes(papers: Sequence[Fields], name: str) -> list[str | None]:
    """Return what a source said of each paper of an output, None where it said nothing."""
    return [paper.get("records", {}).get(name, {}).get("outcome") for paper in papers]


def counts(program: Program) -> dict[str, dict[str, int]]:
    """Count the outcomes of each source, from the rows."""
    found: dict[str, dict[str, int]] = {}
    sql = (
        "SELECT s.name, r.outcome, count(*) FROM record r JOIN source_state s ON s.id = r.source_id"
        " GROUP BY s.name, r.outcome"
    )
    for name, outcome, count in program.query(sql):
        found.setdefault(name, {})[outcome] = count
    return found


def session_of(program: Program) -> str:
    return str(program.query("SELECT id FROM session")[0][0])
