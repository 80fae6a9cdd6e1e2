"""The catalogue of a library as a source of jobrunner: ``--source catalogue``."""

from __future__ import annotations

from collections.abc import Sequence

import httpx2

from jobrunner.errors import AnswerMalformed, UnreadableError
from jobrunner.http.batch_requests import Requests
from jobrunner.http.service import Limits, Service
from jobrunner.identifiers.schemes import normalise
from jobrunner.models import Answer, Author, Paper, Record
from jobrunner.sources.answers import decide, decide_by_title, read
from jobrunner.sources.contract import Prices, SourceSettings
from jobrunner.sources.json_fields import Fields, text, texts, year

NAME = "catalogue"
SEARCH_MICROS = 2_000


class Catalogue:
    """The source ``catalogue``."""

    name = NAME
    schemes: tuple[str, ...] = ("doi",)
    after: tuple[str, ...] = ("openalex",)
    lookup_size = 20
    search_size = 5
    prices = Prices(search_micros=SEARCH_MICROS, daily_micros=1_000_000)

    def __init__(self, settings: SourceSettings) -> None:
        key = settings.api_key
        self.service = Service(
            name=NAME,
            base_url=settings.base_url or "https://catalogue.example.org",
            limits=Limits(requests_per_second=20.0 if key else 5.0, concurrency=2),
            headers={"X-Api-Key": key} if key else {},
            price=price,
            cost=lambda response: price(response.request) if response.is_success else 0,
        )

    async def lookup(self, papers: Sequence[Paper], requests: Requests) -> dict[int, Answer]:
        """Ask for all papers in one request, each by its first DOI."""
        dois = {paper.id: paper.identifiers["doi"][0] for paper in papers}
        answer = await requests.post("/lookup", {}, {"dois": sorted(set(dois.values()))})
        found: dict[str | None, list[object]] = {}
        for item in items_of(answer):
            found.setdefault(doi_of(item), []).append(item)
        return {
            paper.id: decide(paper, "doi", [read(NAME, record_of, item) for item in found[doi]])
            for paper in papers
            if (doi := dois[paper.id]) in found
        }

    async def search(self, paper: Paper, requests: Requests) -> Answer:
        """Search one paper by its title; what is alike is not yet the same."""
        answer = await requests.get("/search", {"title": paper.title})
        return decide_by_title(paper, [read(NAME, record_of, item) for item in items_of(answer)])


def price(request: httpx2.Request) -> int:
    """Return what a request costs, in micro-USD."""
    return SEARCH_MICROS if request.url.path.endswith("/search") else 0


def items_of(answer: object) -> list[object]:
    """Return the items in an answer of the catalogue."""
    items = answer.get("items") if isinstance(answer, dict) else None
    if not isinstance(items, list):
        raise AnswerMalformed(f"{NAME}: an answer without a list of items")
    return items


def doi_of(item: object) -> str | None:
    """Return the DOI of an item as jobrunner writes it: bare, in lower case."""
    doi = text(item.get("doi")) if isinstance(item, dict) else None
    return normalise("doi", doi) if doi else None


def record_of(item: Fields) -> Record:
    """Return an item of the catalogue as a record."""
    shelfmark = text(item.get("shelfmark"))
    if shelfmark is None:
        raise UnreadableError("no shelfmark")
    doi = doi_of(item)
    return Record(
        id=shelfmark,
        title=text(item.get("title")) or "",
        authors=tuple(Author(name=name) for name in texts(item.get("authors"), "authors")),
        year=year(item.get("year")),
        identifiers={"doi": doi} if doi else {},
        topics=tuple(texts(item.get("subjects"), "subjects")),
    )
