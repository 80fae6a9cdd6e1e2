"""The catalogue of a library as a source of jobrunner: ``--source catalogue``."""

from __future__ import annotations

from collections.abc import Sequence

import httpx2

from jobrunner.plugins import (
    Answer,
    AnswerMalformed,
    Author,
    Fields,
    Limits,
    LookupResult,
    Paper,
    Prices,
    Record,
    Requests,
    Service,
    SourceSettings,
    UnreadableError,
    as_fields,
    decide,
    decide_by_title,
    identifier,
    read_all,
    text,
    texts,
    unique,
    year,
)

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

    async def lookup(self, papers: Sequence[Paper], requests: Requests) -> LookupResult:
        """Ask for all papers in one request, each by its first DOI."""
        dois = {paper.id: paper.identifiers["doi"][0] for paper in papers}
        answer = await requests.post("/lookup", {}, {"dois": sorted(set(dois.values()))})
        items: dict[str | None, list[object]] = {}
        for item in items_of(answer):
            doi = identifier(as_fields(item), "doi", "doi")
            items.setdefault(doi, []).append(item)
        answers = {
            paper.id: decide(paper, "doi", read_all(NAME, record_of, items[dois[paper.id]]))
            for paper in papers
            if dois[paper.id] in items
        }
        return LookupResult(answers)

    async def search(self, paper: Paper, requests: Requests) -> Answer:
        """Search one paper by its title; what is alike is not yet the same."""
        answer = await requests.get("/search", {"title": paper.title})
        return decide_by_title(paper, read_all(NAME, record_of, items_of(answer)))


def price(request: httpx2.Request) -> int:
    """Return what a request costs, in micro-USD."""
    return SEARCH_MICROS if request.url.path.endswith("/search") else 0


def items_of(answer: object) -> list[object]:
    """Return the items in an answer of the catalogue."""
    items = as_fields(answer).get("items")
    if not isinstance(items, list):
        raise AnswerMalformed(f"{NAME}: an answer without a list of items")
    return items


def record_of(item: Fields) -> Record:
    """Return an item of the catalogue as a record."""
    shelfmark = text(item, "shelfmark")
    if shelfmark is None:
        raise UnreadableError("no shelfmark")
    doi = identifier(item, "doi", "doi")
    return Record(
        id=shelfmark,
        title=text(item, "title") or "",
        authors=tuple(Author(name=name) for name in texts(item, "authors")),
        year=year(item, "year"),
        identifiers={"doi": doi} if doi else {},
        topics=unique(texts(item, "subjects")),
    )
