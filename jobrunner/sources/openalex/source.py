"""OpenAlex: looks up works by identifier, 100 at a time, and searches for them by title.

Protocol: https://developers.openalex.org/api-reference/works.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from jobrunner.errors import AnswerMalformed, RequestRefused
from jobrunner.http.batch_requests import Requests
from jobrunner.models import Answer, Paper, Record
from jobrunner.sources.answers import (
    Unreadable,
    decide,
    decide_by_title,
    lookup_in_turns,
    read,
    read_all,
)
from jobrunner.sources.contract import LookupResult, SourceSettings
from jobrunner.sources.json_fields import as_fields, distinct, number
from jobrunner.sources.openalex.queries import Key, filters_of, keys_of
from jobrunner.sources.openalex.records import handles_of, record_of
from jobrunner.sources.openalex.service import NAME, prices_of, service_of
from jobrunner.sources.search_terms import search_words

PER_PAGE = 100
MOST_PAGES = 10
SEARCH_RESULTS = 10

NO_VALUES = {"none", "null", "undefined"}
"""Words that the server treats as a missing value and refuses."""

YEARS_APART = 3
"""Most years between the paper and a searched work: a preprint can precede its journal article."""

SELECT = (
    "id,doi,title,display_name,publication_year,publication_date,ids,language,primary_location,"
    "locations,best_oa_location,type,open_access,authorships,is_authors_truncated,cited_by_count,"
    "biblio,is_retracted,topics,awards,funders,referenced_works_count,abstract_inverted_index,"
    "counts_by_year"
)


class WorkIndex:
    """Works by the identifiers that led to them."""

    def __init__(self) -> None:
        self._by_handle: dict[tuple[str, str], list[Record | Unreadable]] = {}
        self._by_key: dict[Key, list[Record | Unreadable]] = {}
        self.nameless = 0

    def add_single(self, work: object, key: Key) -> None:
        """Add a work under the key of its own lookup."""
        self._by_key.setdefault(key, []).append(read(NAME, record_of, work))

    def add_listed(self, work: object) -> None:
        """Add a work from a list under all its identifiers: nothing says which one matched."""
        record = read(NAME, record_of, work)
        handles = handles_of(as_fields(work))
        if not handles:
            self.nameless += 1
        for handle in handles:
            self._by_handle.setdefault(handle, []).append(record)

    def by(self, key: Key) -> list[Record | Unreadable]:
        """Return the records for a key."""
        if key.path:
            return self._by_key.get(key, [])
        return self._by_handle.get(key.handle, [])


class OpenAlex:
    """The source ``openalex``."""

    name = NAME
    schemes: tuple[str, ...] = ("doi", "openalex", "pmid", "pmcid", "mag", "arxiv")
    after: tuple[str, ...] = ()
    lookup_size = 100
    search_size = 10

    def __init__(self, settings: SourceSettings) -> None:
        self.service = service_of(settings)
        self.prices = prices_of(settings)

    async def lookup(self, papers: Sequence[Paper], requests: Requests) -> LookupResult:
        """Look up all papers by their best identifier, then the unmatched ones by their next."""

        async def ask(turn: Sequence[tuple[Paper, Key]]) -> list[Answer]:
            works = await self._find([key for _, key in turn], requests)
            answers = [_answer(paper, key, works) for paper, key in turn]
            return [await self._completed(answer, requests) for answer in answers]

        return await lookup_in_turns(papers, keys_of, ask)

    async def search(self, paper: Paper, requests: Requests) -> Answer:
        """Search for a paper by the words of its title, within a few years of its own."""
        words = search_words(paper.title)
        if not words or words.lower() in NO_VALUES:
            return Answer.failed("no title to search by")
        condition = f"title.search:{words}"
        if paper.year is not None:
            years = f"{paper.year - YEARS_APART}-{paper.year + YEARS_APART}"
            condition += f",publication_year:{years}"
        page = await self._page(condition, 1, requests, per_page=SEARCH_RESULTS)
        answer = decide_by_title(paper, read_all(NAME, record_of, page.works))
        return await self._completed(answer, requests)

    async def _completed(self, answer: Answer, requests: Requests) -> Answer:
        """Return the answer with all authors of its record: lists cut them, a lookup is free."""
        record = answer.record
        if record is None or not record.authors_truncated:
            return answer
        try:
            work = await requests.get(f"/works/{record.id}", {"select": "id,authorships"})
        except (AnswerMalformed, RequestRefused):
            return answer
        whole = read(NAME, record_of, work)
        if isinstance(whole, Unreadable) or whole.id != record.id:
            return answer
        record = replace(record, authors=whole.authors, authors_truncated=False)
        return replace(answer, record=record)

    async def _find(self, keys: Sequence[Key], requests: Requests) -> WorkIndex:
        works = WorkIndex()
        for condition in filters_of(key for key in keys if key.terms):
            for work in await self._list(condition, requests):
                works.add_listed(work)
        for key in dict.fromkeys(key for key in keys if key.path):
            work = await requests.get(key.path, {"select": SELECT})
            if work is not None:
                works.add_single(work, key)
        return works

    async def _list(self, condition: str, requests: Requests) -> list[object]:
        """Return all works of a filter; it can take pages, because works can share a DOI."""
        works: list[object] = []
        for page in range(1, MOST_PAGES + 1):
            answer = await self._page(condition, page, requests, per_page=PER_PAGE)
            works += answer.works
            came = distinct(as_fields(work).get("id") for work in works)
            if came >= answer.count:
                return works
            if not answer.works:
                raise AnswerMalformed(f"{NAME}: a list of {answer.count} works ended after {came}")
        # The missing works may be in the unread rest; a smaller batch is read whole.
        raise RequestRefused(f"{NAME}: the filter matches {answer.count} works, too many")

    async def _page(self, condition: str, page: int, requests: Requests, *, per_page: int) -> Page:
        params: dict[str, str | int] = {
            "filter": condition,
            "select": SELECT,
            "per_page": per_page,
            # By default, lists omit some works ("xpac") that single lookups return.
            "include_xpac": "true",
        }
        if page > 1:
            params["page"] = page
        return _page_of(await requests.get("/works", params, missing=()))


class Page(Struct, frozen=True):
    """One page of a list: its works as JSON, and the number of distinct works in the list."""

    works: list[object]
    count: int


def _page_of(answer: object) -> Page:
    listed = as_fields(answer)
    results, meta = listed.get("results"), as_fields(listed.get("meta"))
    if not isinstance(results, list):
        raise AnswerMalformed(f"{NAME}: the answer has no list of results")
    count = number(meta, "count")
    if count is None:
        raise AnswerMalformed(f"{NAME}: the answer has no count of works")
    return Page(results, count)


def _answer(paper: Paper, key: Key, works: WorkIndex) -> Answer:
    records = works.by(key)
    if not records and works.nameless:
        return Answer.failed(f"{NAME}: {works.nameless} works in the answer have no identifier")
    return decide(paper, key.scheme, records, trusted=key.trusted)
