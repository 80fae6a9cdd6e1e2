"""A source with a handler that stands for its service, and real records to feed it."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable, Iterator
from functools import cache
from urllib.parse import parse_qsl

import httpx2
import msgspec
import pytest

from jobrunner.demo.messages import Api, Request
from jobrunner.errors import SourceError
from jobrunner.http.batch_requests import Requests
from jobrunner.http.client import Client
from jobrunner.http.responses import check_status
from jobrunner.http.retry import RetryBudget
from jobrunner.http.service import Service, user_agent
from jobrunner.models import Answer, Paper, Usage
from jobrunner.sources.contract import Source
from jobrunner.sources.json_fields import Fields
from tests.support.real_data import DATA

Handler = Callable[[httpx2.Request], httpx2.Response]

TITLE = "Measuring the cost of sparse attention over long documents"
OTHER_TITLE = "A field guide to the mosses of northern Scotland"
AUTHORS = ("Ann Lee", "Bo Chen")


def paper(number: int = 1, title: str = TITLE, /, **identifiers: str | tuple[str, ...]) -> Paper:
    """Return a paper with these identifiers; by default all papers have one title."""
    return Paper(
        id=number,
        position=number - 1,
        key=f"p{number}",
        title=title,
        authors=AUTHORS,
        year=2020,
        identifiers={
            scheme: (value,) if isinstance(value, str) else value
            for scheme, value in identifiers.items()
        },
    )


class HandledSource:
    """A source and the handler that stands for its service; ``seen`` are the requests made."""

    def __init__(self, source: Source, handler: Handler) -> None:
        self.source = source
        self.seen: list[httpx2.Request] = []
        self.slept: list[float] = []
        self.usage = Usage()
        self._handler = handler
        self._now = 0.0

    def lookup(self, *papers: Paper) -> dict[int, Answer]:
        """Look papers up as one batch; raise what stopped the source."""

        async def run() -> dict[int, Answer]:
            async with self._client() as client:
                requests = Requests(client)
                self.usage = requests.usage
                result = await self.source.lookup(papers, requests)
            if result.stopped:
                raise result.stopped
            return dict(result.answers)

        return asyncio.run(run())

    def search(self, wanted: Paper) -> Answer:
        """Search one paper."""

        async def run() -> Answer:
            async with self._client() as client:
                requests = Requests(client)
                self.usage = requests.usage
                return await self.source.search(wanted, requests)

        return asyncio.run(run())

    @property
    def paths(self) -> list[str]:
        """The paths that were asked for, as they were sent."""
        return [request.url.raw_path.decode().partition("?")[0] for request in self.seen]

    def sent(self, name: str) -> list[str]:
        """Return the values of a query parameter, one for each request that has it."""
        return [r.url.params[name] for r in self.seen if name in r.url.params]

    def _client(self) -> Client:
        return Client(
            self.source.service,
            user_agent=user_agent("a@b.org"),
            retry=RetryBudget(attempts=3),
            transport=httpx2.MockTransport(self._handle),
            sleep=self._sleep,
            clock=lambda: self._now,
        )

    def _handle(self, request: httpx2.Request) -> httpx2.Response:
        self.seen.append(request)
        return self._handler(request)

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._now += seconds
        await asyncio.sleep(0)


def handler_of(api: Api) -> Handler:
    """Return a handler that answers as the local server of a service does, without a network."""

    def handle(request: httpx2.Request) -> httpx2.Response:
        path, _, raw_query = request.url.raw_path.decode().partition("?")
        reply = api.answer(
            Request(
                method=request.method,
                path=path,
                raw_query=raw_query,
                query=tuple(parse_qsl(raw_query, keep_blank_values=True)),
                headers=dict(request.headers),
                body=request.content,
            )
        )
        return httpx2.Response(reply.status, headers=reply.headers, content=reply.body)

    return handle


def in_turn(*answers: httpx2.Response) -> Handler:
    """Return a handler that gives these answers one after the other, the last one for ever."""
    waiting = list(answers)
    return lambda _request: waiting.pop(0) if len(waiting) > 1 else waiting[0]


def response(
    status: int, body: object = "", url: str = "https://api.test/works", **headers: str
) -> httpx2.Response:
    """Return an answer; what is no text is sent as JSON."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    content = body.encode() if isinstance(body, str) else msgspec.json.encode(body)
    request = httpx2.Request("GET", url)
    return httpx2.Response(status, content=content, headers=fields, request=request)


def verdict(service: Service, answer: httpx2.Response) -> SourceError | None:
    """Return the error that a service and the general rules make of an answer, if any."""
    try:
        service.judge(answer)
        check_status(answer, service.name)
    except SourceError as exc:
        return exc
    return None


@cache
def real_records(name: str) -> tuple[Fields, ...]:
    """Return recorded records of a service; skip the test where they are not at hand."""
    path = DATA / "records" / f"{name}.jsonl.gz"
    if not path.exists():
        pytest.skip(f"needs {path}")
    with gzip.open(path) as lines:
        return tuple(msgspec.json.decode(line, type=dict) for line in lines)


class RecordedError(msgspec.Struct):
    """An answer that a service once gave, or that was quoted in a public thread."""

    api: str
    status: int
    url: str | None = None
    headers: dict[str, str | list[str]] | None = None
    body: str | None = None

    def response(self) -> httpx2.Response:
        """Return it as it came, but for the headers that describe how its bytes travelled."""
        travel = ("content-encoding", "content-length", "transfer-encoding")
        given = [
            (name, [v] if isinstance(v, str) else v) for name, v in (self.headers or {}).items()
        ]
        kept = [(name, v) for name, vs in given for v in vs if name.lower() not in travel]
        request = httpx2.Request("GET", self.url or "https://api.test/")
        content = (self.body or "").encode()
        return httpx2.Response(self.status, content=content, headers=kept, request=request)


def recorded_errors(api: str) -> list[RecordedError]:
    """Return the recorded and the quoted errors of a service; skip where they are not at hand."""
    lines: list[bytes] = []
    for name in ("errors.jsonl", "errors_quoted.jsonl"):
        if not (DATA / name).exists():
            pytest.skip(f"needs {DATA / name}")
        lines += (DATA / name).read_bytes().splitlines()
    found = [msgspec.json.decode(line, type=RecordedError) for line in lines]
    return [error for error in found if error.api == api]


JUNK: tuple[object, ...] = (None, "", "x", 7, -1.5, True, [], {}, [None], [["x"]], [7], {"a": 1})


def spoilt(value: object) -> Iterator[object]:
    """Yield copies of a JSON value, each with one node in it replaced by something senseless."""
    yield from JUNK
    if isinstance(value, dict):
        for name, held in value.items():
            yield {key: kept for key, kept in value.items() if key != name}
            yield from ({**value, name: junk} for junk in spoilt(held))
    elif isinstance(value, list):
        for place, held in enumerate(value):
            yield from ([*value[:place], junk, *value[place + 1 :]] for junk in spoilt(held))
