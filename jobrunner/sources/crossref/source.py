"""Crossref: up to 50 DOIs per filter, unusual DOIs one by one, search by title, author, year.

Protocol: https://www.crossref.org/documentation/retrieve-metadata/rest-api/ and
https://github.com/CrossRef/rest-api-doc.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from urllib.parse import quote

import httpx2
import msgspec
from msgspec import Struct

from jobrunner.errors import AnswerMalformed, FaultyAnswer, SourceUnavailable
from jobrunner.http.batch_requests import Requests
from jobrunner.http.rate_limit import RateLimit
from jobrunner.http.service import Limits, Params, Service
from jobrunner.models import Answer, Paper
from jobrunner.sources.answers import decide, decide_by_title, lookup_in_turns, read_all
from jobrunner.sources.contract import LookupResult, SourceSettings
from jobrunner.sources.crossref.records import record_of
from jobrunner.sources.json_fields import as_fields, as_number, distinct, number, text
from jobrunner.sources.search_terms import search_words

NAME = "crossref"
BASE_URL = "https://api.crossref.org"
LOOKUP_SIZE = 50
LONGEST_URL = 4000
"""Characters; the service has answered 414 to URLs longer than about 4,090."""

SEARCH_RESULTS = 5
VALUES_TRIED = 3
"""DOIs that are tried for one paper, the most trusted first."""

# Limits of lists since December 2025. Single records have higher limits, but one rate limit serves
# both. https://www.crossref.org/documentation/retrieve-metadata/rest-api/access-and-authentication/
PUBLIC = Limits(1.0, 1)
POLITE = Limits(3.0, 3)
PLUS = Limits(50.0, 10)

SELECT = (
    "DOI,title,subtitle,abstract,author,container-title,event,group-title,issued,published,"
    "published-print,published-online,posted,content-created,publisher,type,volume,issue,page,"
    "article-number,is-referenced-by-count,references-count,URL,resource,link,license,subject,"
    "funder,relation,update-to,updated-by"
)

ELSEWHERE = ("10.48550/", "10.5281/", "10.6084/", "10.5061/", "10.17605/", "10.13140/", "10.57967/")
"""Prefixes registered with DataCite, unknown to Crossref (arXiv, Zenodo, figshare, Dryad, OSF,
ResearchGate, Hugging Face)."""

_PLAIN_DOI = re.compile(r"[a-z0-9._;/:+-]+")
"""Other characters, such as a comma, can end a value of the filter."""


def judge(response: httpx2.Response) -> None:
    """Accept a 404 as "unknown DOI" only with the service's own plain text."""
    is_about_doi = response.content.strip().lower().startswith(b"resource not found")
    if response.status_code == 404 and not is_about_doi:
        raise SourceUnavailable(f"{NAME}: HTTP 404, but not for an unknown DOI; check the base URL")
    if response.status_code == 200:
        _check_whole(response)


class _Named(Struct):
    doi: object = msgspec.field(default=None, name="DOI")


class _Message(Struct):
    total: int = msgspec.field(name="total-results")
    items: list[_Named]


class _Listed(Struct):
    message: _Message


def _check_whole(response: httpx2.Response) -> None:
    """Raise if a list is incomplete: Crossref may know the works that are missing from it."""
    rows = as_number(response.request.url.params.get("rows")) or 0
    try:
        message = msgspec.json.decode(response.content, type=_Listed).message
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return  # a single work, or an answer that its reader rejects
    came = distinct(work.doi for work in message.items)
    due = min(message.total, rows)
    if came < due:
        raise FaultyAnswer(f"{NAME}: the answer is incomplete ({came} of {due} works)")


def learn(response: httpx2.Response, pace: RateLimit) -> None:
    """Apply announced limits; raise the rate only if the announced limit is for lists.

    Single records have higher limits than lists, and older headers do not distinguish them.
    """
    headers = response.headers
    concurrency = re.fullmatch(r"[1-9]\d?", headers.get("x-concurrency-limit", "").strip())
    if concurrency:
        pace.limit(concurrency=int(concurrency[0]))
    rate = _announced_rate(headers)
    if rate is None:
        return
    pool = headers.get("x-api-pool", "")
    is_of_lists = pool.endswith("-array") or pool.startswith("plus")
    if is_of_lists or rate < pace.allowed:
        pace.limit(requests_per_second=rate)


def _announced_rate(headers: httpx2.Headers) -> float | None:
    """Return requests per second, None if not announced; a zero can only be a mistake."""
    limit = re.fullmatch(r"\d{1,4}", headers.get("x-rate-limit-limit", "").strip())
    interval = re.fullmatch(r"(\d{1,4})s", headers.get("x-rate-limit-interval", "1s").strip())
    if limit is None or interval is None:
        return None
    requests, seconds = int(limit[0]), int(interval[1])
    return requests / seconds if requests and seconds else None


class Crossref:
    """The source ``crossref``."""

    name = NAME
    schemes: tuple[str, ...] = ("doi",)
    after: tuple[str, ...] = ("openalex",)
    lookup_size = LOOKUP_SIZE
    search_size = 10

    def __init__(self, settings: SourceSettings) -> None:
        key, email = settings.api_key, settings.email
        polite = POLITE if email else PUBLIC
        self.service = Service(
            name=NAME,
            base_url=settings.base_url or BASE_URL,
            limits=PLUS if key else polite,
            headers={"Crossref-Plus-API-Token": f"Bearer {key}"} if key else {},
            params={"mailto": email} if email else {},
            judge=judge,
            learn=learn,
        )

    async def lookup(self, papers: Sequence[Paper], requests: Requests) -> LookupResult:
        """Look up all papers by their first DOI, then the unmatched ones by their next DOI."""

        async def ask(turn: Sequence[tuple[Paper, str]]) -> list[Answer]:
            found = await self._find({doi for _, doi in turn}, requests)
            return [_answer(paper, doi, found) for paper, doi in turn]

        return await lookup_in_turns(papers, _dois_of, ask)

    async def search(self, paper: Paper, requests: Requests) -> Answer:
        """Search for a paper by title, first author and year."""
        words = search_words(paper.title)
        if not words:
            return Answer.failed("no title to search by")
        author = search_words(paper.authors[0]) if paper.authors else ""
        query = " ".join(part for part in (words, author, str(paper.year or "")) if part)
        params: Params = {"query.bibliographic": query, "rows": SEARCH_RESULTS, "select": SELECT}
        works, _ = await self._list(params, requests)
        return decide_by_title(paper, read_all(NAME, record_of, works))

    async def _find(self, dois: set[str], requests: Requests) -> dict[str, list[object]]:
        """Return works by DOI; works without a DOI are under ''."""
        works_by_doi: dict[str, list[object]] = {}
        plain = sorted(filter(_PLAIN_DOI.fullmatch, dois))
        for filtered in self._in_filters(plain):
            works, total = await self._list(_filter_of(filtered), requests)
            for work in works:
                works_by_doi.setdefault(_doi_of(work), []).append(work)
            is_part = distinct(map(_doi_of, works)) < total
            if is_part and not works_by_doi.keys() >= set(filtered):
                # The missing works may be in the unsent rest; a smaller batch is sent whole.
                raise AnswerMalformed(
                    f"{NAME}: a filter of {len(filtered)} DOIs matches {total} works"
                )
        for doi in sorted(dois.difference(plain)):
            work = await self._single(doi, requests)
            if work is not None:
                works_by_doi[doi] = [work]
        return works_by_doi

    def _in_filters(self, dois: Sequence[str]) -> Iterator[list[str]]:
        """Split the DOIs into as few filters as the service allows."""
        part: list[str] = []
        for doi in dois:
            is_full = len(part) == LOOKUP_SIZE or self._length([*part, doi]) > LONGEST_URL
            if part and is_full:
                yield part
                part = []
            part.append(doi)
        if part:
            yield part

    def _length(self, dois: Sequence[str]) -> int:
        params = {**self.service.params, **_filter_of(dois)}
        return len(f"{self.service.base_url}/works?{httpx2.QueryParams(params)}")

    async def _list(self, params: Params, requests: Requests) -> tuple[list[object], int]:
        """Return the works in a list and the total number of matching works."""
        answer = await requests.get("/works", params, missing=())
        message = as_fields(as_fields(answer).get("message"))
        items, total = message.get("items"), number(message, "total-results")
        if not isinstance(items, list):
            raise AnswerMalformed(f"{NAME}: the answer has no list of items")
        if total is None:
            raise AnswerMalformed(f"{NAME}: the answer has no total number of works")
        return items, total

    async def _single(self, doi: str, requests: Requests) -> object:
        answer = await requests.get(f"/works/{quote(doi, safe='')}")
        if answer is None:
            return None
        message = as_fields(answer).get("message")
        if message is None:
            raise AnswerMalformed(f"{NAME}: the answer has no message")
        return message


def _filter_of(dois: Sequence[str]) -> Params:
    condition = ",".join(f"doi:{doi}" for doi in dois)
    return {"filter": condition, "rows": len(dois), "select": SELECT}


def _dois_of(paper: Paper) -> list[str]:
    dois = (doi.lower() for doi in paper.identifiers.get("doi", ())[:VALUES_TRIED])
    return [doi for doi in dict.fromkeys(dois) if not doi.startswith(ELSEWHERE)]


def _doi_of(work: object) -> str:
    doi = text(as_fields(work), "DOI") or ""
    return doi.lower()


def _answer(paper: Paper, doi: str, found: dict[str, list[object]]) -> Answer:
    works = read_all(NAME, record_of, found.get(doi, ()))
    if not works and "" in found:
        return Answer.failed(f"{NAME}: {len(found[''])} works in the answer have no DOI")
    return decide(paper, "doi", works)
