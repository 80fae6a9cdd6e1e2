"""A client of one local server, and real and made-up records and papers to ask for."""

from __future__ import annotations

import gzip
import json
import math
import ssl
from collections.abc import Sequence
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import msgspec
import pytest

from jobrunner.demo.server import LocalServer
from jobrunner.http.batch_requests import Requests
from jobrunner.http.client import Client
from jobrunner.http.service import Limits
from jobrunner.models import Answer, Identifiers, Paper
from jobrunner.sources.contract import Source
from tests.support.events import LIMIT_S
from tests.support.real_data import DATA

Json = Any
S = TypeVar("S", bound=Source)

TLS = ssl.create_default_context()
"""Never used, but slow to make for each client anew."""


@cache
def real_records(name: str) -> list[dict[str, Any]]:
    """Return the first real records of one source, or skip the test where there are none."""
    path = DATA / "records" / f"{name}.jsonl.gz"
    if not path.exists():
        pytest.skip(f"no real records at {path}")
    with gzip.open(path) as file:
        return [msgspec.json.decode(line) for line in islice(file, 700)]


class ServerClient:
    """Asks one server over one connection."""

    def __init__(self, server: LocalServer) -> None:
        self.server = server
        self.client = httpx2.Client(base_url=server.base_url, timeout=LIMIT_S, verify=TLS)

    def get(self, path: str, **params: object) -> httpx2.Response:
        """Ask; a double underscore in the name of a parameter stands for a dot."""
        named = {name.replace("__", "."): str(value) for name, value in params.items()}
        return self.client.get(path, params=named) if named else self.client.get(path)

    def json(self, path: str, **params: object) -> Json:
        """Ask for what must succeed."""
        response = self.get(path, **params)
        assert response.status_code == 200, response.text
        return response.json()

    def refused(self, path: str, _status: int = 400, /, **params: object) -> Json:
        """Ask for what must be refused; return the body."""
        response = self.get(path, **params)
        assert response.status_code == _status, response.text
        return response.json()


def work(number: int, title: str = "A title", **fields: object) -> dict[str, Any]:
    """Make a work of OpenAlex with a DOI."""
    identifier, doi = f"https://openalex.org/W{number}", f"https://doi.org/10.1000/{number}"
    return {
        "id": identifier,
        "doi": doi,
        "title": title,
        "display_name": title,
        "publication_year": 2020,
        "ids": {"openalex": identifier, "doi": doi},
        "authorships": [],
        "cited_by_count": 1000 - number,
        "is_xpac": False,
        **fields,
    }


def paper(number: int, identifiers: dict[str, str], title: str = "", **fields: Any) -> Paper:
    """Make a paper to look up."""
    values: Identifiers = {scheme: (value,) for scheme, value in identifiers.items()}
    return Paper(
        id=number, position=number, key=str(number), title=title, identifiers=values, **fields
    )


def unhurried(source: S) -> S:
    """Take the limits off a source, so that a test does not wait for them."""
    source.service = msgspec.structs.replace(
        source.service, limits=Limits(math.inf, 8), learn=lambda _response, _pace: None
    )
    return source


async def look_up(source: Source, papers: Sequence[Paper]) -> dict[int, Answer]:
    """Look papers up as a run would, batch by batch."""
    answers: dict[int, Answer] = {}
    async with Client(source.service, user_agent="test") as client:
        for first in range(0, len(papers), source.lookup_size):
            batch = papers[first : first + source.lookup_size]
            result = await source.lookup(batch, Requests(client))
            if result.stopped:
                raise result.stopped
            answers |= result.answers
    return answers


async def search(source: Source, papers: Sequence[Paper]) -> list[Answer]:
    """Search papers by title, one after the other."""
    async with Client(source.service, user_agent="test") as client:
        return [await source.search(paper, Requests(client)) for paper in papers]


def found_id(answer: Answer) -> str | None:
    """Return the id of the record that an answer holds."""
    return answer.record.id if answer.record else None


def lines(path: Path) -> list[Json]:
    """Return the values of a file of JSON lines."""
    return [json.loads(line) for line in path.read_text().splitlines()]
