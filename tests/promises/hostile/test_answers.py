"""Whatever a source answers: its papers end honestly, are stored, and can be written and read."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from urllib.parse import parse_qsl

import httpx2
import pytest
from hypothesis import strategies as st

from jobrunner import clock
from jobrunner.consolidation.policy import DEFAULT
from jobrunner.demo.messages import Api, Request
from jobrunner.demo.openalex import OpenAlex
from jobrunner.engine.source_calls import Answers, ask_lookup, ask_search
from jobrunner.errors import SourceBroken, SourceError
from jobrunner.http.batch_requests import Requests
from jobrunner.http.client import Client
from jobrunner.http.retry import RetryBudget
from jobrunner.http.service import user_agent
from jobrunner.matching.decide import RULES
from jobrunner.models import BatchKind, Outcome, Paper
from jobrunner.operations.explain import explain_paper
from jobrunner.operations.load import load_session
from jobrunner.operations.restore import examine, restore
from jobrunner.operations.verify import verify_file, verify_session
from jobrunner.snapshots.write import write_copy
from jobrunner.sources.contract import Source, SourceSettings
from jobrunner.sources.crossref.source import Crossref as CrossrefSource
from jobrunner.sources.openalex.source import OpenAlex as OpenAlexSource
from jobrunner.sources.semantic_scholar.source import SemanticScholar as SemanticScholarSource
from jobrunner.store.batches import Batch, commit_batch
from jobrunner.store.database import Database
from jobrunner.store.rows import Options
from jobrunner.store.run_lifecycle import start_run
from jobrunner.store.source_states import list_sources
from tests.promises.hostile.hostile_json import each, spoilt, tried
from tests.promises.hostile.memory_databases import in_memory
from tests.support import made_up_papers, three_sources
from tests.support.servers.crossref import Crossref
from tests.support.servers.semantic_scholar import SemanticScholar

NUMBERS = (1, 2, 3)
SEARCHED = 4

PAPERS = [
    Paper(
        id=number,
        position=number - 1,
        key=f"p{number}",
        title=made_up_papers.title(number),
        authors=(f"Ada {made_up_papers.NAMES[number % 7]}",),
        year=2000 + number % 25,
        identifiers={} if number == SEARCHED else {"doi": (made_up_papers.doi(number),)},
    )
    for number in (*NUMBERS, SEARCHED)
]

SETTINGS = SourceSettings(base_url="http://api.test", email="a@b.org")
SERVICES: dict[str, tuple[Source, Api]] = {
    "openalex": (
        OpenAlexSource(SETTINGS),
        OpenAlex([made_up_papers.work(number) for number in (*NUMBERS, SEARCHED)]),
    ),
    "semantic_scholar": (
        SemanticScholarSource(SETTINGS),
        SemanticScholar([three_sources.paper(number) for number in (*NUMBERS, SEARCHED)]),
    ),
    "crossref": (
        CrossrefSource(SETTINGS),
        Crossref([three_sources.item(number) for number in (*NUMBERS, SEARCHED)]),
    ),
}

HEADERS = (
    "retry-after", "date", "x-ratelimit-limit", "x-ratelimit-interval", "x-ratelimit-remaining",
    "x-ratelimit-reset", "x-rate-limit-limit", "x-rate-limit-interval", "x-concurrency-limit",
    "x-ratelimit-cost-usd", "content-type", "x-amzn-errortype",
)  # fmt: skip
VALUES = st.sampled_from(
    ("", "0", "-1", "1e999", "nan", "inf", "1" * 400, "0s", "1s", "-5s", "soon", "\xff", "9e15",
     "Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "text/html; charset=x")
)  # fmt: skip
STATUSES = (200,) * 8 + (201, 204, 207, 299, 400, 401, 403, 404, 404, 409, 414, 429, 500, 503, 599)

Handler = Callable[[httpx2.Request], httpx2.Response]


def asked_of(api: Api, request: httpx2.Request) -> bytes:
    """Return what a service would answer."""
    split = request.url.raw_path.decode().partition("?")
    return api.answer(
        Request(
            method=request.method,
            path=split[0],
            raw_query=split[2],
            query=tuple(parse_qsl(split[2], keep_blank_values=True)),
            headers={name.lower(): value for name, value in request.headers.items()},
            body=request.content,
        )
    ).body


def answering(api: Api, data: st.DataObject) -> Handler:
    """Answer as a service does, with something in each answer changed."""

    def handler(request: httpx2.Request) -> httpx2.Response:
        true = json.loads(asked_of(api, request))
        headers = data.draw(st.dictionaries(st.sampled_from(HEADERS), VALUES, max_size=2))
        return httpx2.Response(
            data.draw(st.sampled_from(STATUSES)),
            headers=[(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
            content=data.draw(spoilt(true)),
        )

    return handler


class Time:
    """Time that passes in sleep only."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


def ask(source: Source, handler: Handler, papers: Sequence[Paper]) -> Answers:
    """Ask about papers as a run does; a source that stops has answered what it has answered."""
    answers: Answers = {}
    time = Time()

    async def run() -> None:
        client = Client(
            source.service,
            user_agent=user_agent("a@b.org"),
            retry=RetryBudget(attempts=2),
            transport=httpx2.MockTransport(handler),
            sleep=time.sleep,
            clock=time,
        )
        async with client:
            known = [paper for paper in papers if paper.identifiers]
            await ask_lookup(source, known, Requests(client), answers)
            others = [paper for paper in papers if answers.get(paper.id) is None]
            await ask_search(source, others, Requests(client), answers)

    try:
        asyncio.run(run())
    except SourceBroken as error:
        pytest.fail(str(error))
    except SourceError:
        pass
    return answers


@pytest.fixture(scope="module")
def databases() -> Iterator[tuple[Database, Database]]:
    yield from in_memory()


class Kept:
    """A session of its own for the answers of each example."""

    def __init__(self, databases: tuple[Database, Database], source: Source) -> None:
        (self.database, self.again), self.source = databases, source
        self.directory = self.database.path.parent
        self.papers = self.directory / "papers.json"
        listed = [
            {"title": paper.title, "authors": list(paper.authors), "year": paper.year,
             "key": paper.key, "doi": paper.identifiers.get("doi", ("",))[0]}
            for paper in PAPERS
        ]  # fmt: skip
        self.papers.write_text(json.dumps(listed))

    def keep(self, answers: Answers) -> None:
        """Commit answers, and see that all that reads them can."""
        database, options = self.database, Options(sources=(self.source.name,), rules=RULES)
        session, lease = load_session(database, self.papers, options, new=True)
        with lease:
            start_run(database, lease)
            ids = self._ids(session.id)
            batch = Batch(
                kind=BatchKind.LOOKUP,
                answers={ids[number]: answer for number, answer in answers.items()},
                started_at=clock.now(),
            )
            commit_batch(database, lease, list_sources(database, session.id)[0], batch)
        assert verify_session(database, session.id) == []
        for paper in PAPERS:
            explain_paper(database, session.id, str(paper.position), DEFAULT)
        copy = self.directory / f"{session.id}.json"
        assert write_copy(database, session.id, copy) == len(PAPERS)
        assert verify_file(copy) == ([], len(PAPERS))
        written = json.loads(copy.read_bytes(), parse_constant=pytest.fail)
        outcomes = {
            paper["key"]: paper["records"][self.source.name]["outcome"]
            for paper in written["papers"]
            if "records" in paper
        }
        expected = {f"p{number}": a.outcome.value for number, a in answers.items() if a}
        assert outcomes == expected
        assert restore(self.again, examine(copy))[0].id == session.id

    def _ids(self, session_id: str) -> dict[int, int]:
        with closing(sqlite3.connect(self.database.path)) as connection:
            sql = "SELECT position + 1, id FROM paper WHERE session_id = ?"
            return dict(connection.execute(sql, (session_id,)))


@tried(few=20, many=400)
@pytest.mark.parametrize("name", SERVICES)
def test_any_answer_is_understood_or_told_apart(
    name: str, examples: int, databases: tuple[Database, Database]
) -> None:
    source, api = SERVICES[name]
    kept = Kept(databases, source)

    def check(data: st.DataObject) -> None:
        kept.keep(ask(source, answering(api, data), PAPERS))

    each(examples, check)


DEPTHS = (300, 900, 3000, 100_000)


@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("inner", ["1", '"\\u0000"'])
def test_a_deep_answer_is_refused_or_passed_over(name: str, depth: int, inner: str) -> None:
    source, api = SERVICES[name]
    deep = "[" * depth + inner + "]" * depth

    def handler(request: httpx2.Request) -> httpx2.Response:
        true = asked_of(api, request).decode()
        return httpx2.Response(200, content=true.replace('"title":', f'"deep":{deep},"title":'))

    ask(source, handler, PAPERS)


@pytest.mark.parametrize("name", SERVICES)
def test_headers_need_not_be_ascii(name: str) -> None:
    source, api = SERVICES[name]

    def handler(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers=[(b"x-by", b"\xff")], content=asked_of(api, request))

    outcomes = {answer.outcome for answer in ask(source, handler, PAPERS).values() if answer}
    assert outcomes == {Outcome.ENRICHED}
