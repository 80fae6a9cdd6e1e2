"""Semantic Scholar: up to 500 papers per request, matched by position, and a title match.

Protocol: https://api.semanticscholar.org/api-docs/graph.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import httpx2
import msgspec
from msgspec import Struct

from jobrunner.errors import (
    AnswerMalformed,
    FaultyAnswer,
    NoneKnown,
    SourceUnavailable,
    TransientError,
)
from jobrunner.http.batch_requests import Requests
from jobrunner.http.service import Limits, Service
from jobrunner.models import Answer, Paper
from jobrunner.sources.answers import decide, decide_by_title, lookup_in_turns, read_all
from jobrunner.sources.contract import LookupResult, SourceSettings
from jobrunner.sources.json_fields import as_fields
from jobrunner.sources.search_terms import search_words
from jobrunner.sources.semantic_scholar.records import record_of

NAME = "semantic_scholar"
BASE_URL = "https://api.semanticscholar.org/graph/v1"
LOOKUP_SIZE = 500
SMALLEST_DOUBTED = 32
"""A longer list of unknown papers is retried in halves: the service sends the same answer if one
identifier is malformed, and that identifier must not hide all the others."""

VALUES_TRIED = 3
"""Identifiers of one scheme that are tried for a paper, the most trusted first."""

FIELDS = (
    "paperId,corpusId,externalIds,url,title,abstract,venue,publicationVenue,year,publicationDate,"
    "publicationTypes,journal,referenceCount,citationCount,influentialCitationCount,"
    "openAccessPdf,fieldsOfStudy,s2FieldsOfStudy,authors.name,authors.affiliations,"
    "authors.externalIds,tldr"
)

PREFIXES = {
    "s2": "",
    "corpusid": "CorpusId:",
    "doi": "DOI:",
    "arxiv": "ARXIV:",
    "pmid": "PMID:",
    "pmcid": "PMCID:",
    "mag": "MAG:",
    "acl": "ACL:",
}
"""The prefix for identifiers of each scheme; schemes in the order in which they are tried."""

EXTERNAL = {
    "DOI": "DOI",
    "ARXIV": "ArXiv",
    "PMID": "PubMed",
    "PMCID": "PubMedCentral",
    "MAG": "MAG",
    "ACL": "ACL",
    "CorpusId": "CorpusId",
}
"""The name in ``externalIds`` of the identifiers with a prefix."""

Key = tuple[str, str]
"""A scheme and the identifier as it is sent."""

_NOT_FOUND = re.compile(rb'"error"\s*:\s*".*not found', re.IGNORECASE)


def judge(response: httpx2.Response) -> None:
    """Raise the error of an answer with a special meaning at Semantic Scholar."""
    judge_status = _BY_STATUS.get(response.status_code)
    if judge_status is not None:
        judge_status(response)


def _judge_200(response: httpx2.Response) -> None:
    if response.content.lstrip()[:9] == b'{"error":':
        raise TransientError(f"{NAME}: HTTP 200 with an error message")
    if response.request.method == "POST":
        _check_places(response)


def _judge_400(response: httpx2.Response) -> None:
    if b"No valid paper ids given" in response.content:
        raise NoneKnown(f"{NAME}: none of the papers is known")


def _judge_404(response: httpx2.Response) -> None:
    """Accept a 404 as "unknown paper" only with the service's own message.

    Any other 404, such as one for a wrong base URL, says nothing about a paper.
    """
    if not _NOT_FOUND.search(response.content):
        raise SourceUnavailable(
            f"{NAME}: HTTP 404 did not come from the service; check the base URL"
        )


_BY_STATUS = {200: _judge_200, 400: _judge_400, 404: _judge_404}


class _Held(Struct):
    identifier: str | None = msgspec.field(default=None, name="paperId")
    external: dict[str, object] | None = msgspec.field(default=None, name="externalIds")

    def answer_to(self, asked: str) -> str:
        """Return the paper's identifier in the form that was sent, '' if it has none."""
        prefix, colon, _ = asked.partition(":")
        if not colon:
            return self.identifier or ""
        value = as_fields(self.external).get(EXTERNAL.get(prefix, ""))
        return f"{prefix}:{value}".lower() if isinstance(value, str | int) else ""


class _Asked(Struct):
    ids: list[str]


def _check_places(response: httpx2.Response) -> None:
    """Raise if a batch has the wrong length, or if most papers are at another paper's position.

    A paper may return under another identifier than the one sent: merged records do, and published
    versions of preprints. But then no other position of the batch was sent that identifier.
    """
    try:
        asked = msgspec.json.decode(response.request.content, type=_Asked).ids
        came = msgspec.json.decode(response.content, type=list[_Held | None])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return  # an answer that its reader rejects
    if len(came) != len(asked):
        raise FaultyAnswer(f"{NAME}: wrong number of answers")
    names = [held.answer_to(sent) if held else "" for sent, held in zip(asked, came, strict=True)]
    moved = _count_moved([sent.lower() for sent in asked], names)
    if 2 * moved > sum(map(bool, names)):
        raise FaultyAnswer(f"{NAME}: {moved} of {len(asked)} papers are at the wrong position")


def _count_moved(asked: Sequence[str], names: Sequence[str]) -> int:
    """Count the papers whose name was sent at another position that holds another paper."""
    place_of = {name: place for place, name in enumerate(asked)}
    moved = 0
    for place, name in enumerate(names):
        due = place_of.get(name, place)
        if due != place and names[due] != name:
            moved += 1
    return moved


class SemanticScholar:
    """The source ``semantic_scholar``."""

    name = NAME
    schemes: tuple[str, ...] = tuple(PREFIXES)
    after: tuple[str, ...] = ("openalex",)
    lookup_size = LOOKUP_SIZE
    search_size = 10

    def __init__(self, settings: SourceSettings) -> None:
        key = settings.api_key
        self.service = Service(
            name=NAME,
            base_url=settings.base_url or BASE_URL,
            # With a key, one request per second for all endpoints; without one, users share a pool.
            limits=Limits(1.0, 4 if key else 1),
            headers={"x-api-key": key} if key else {},
            judge=judge,
        )

    async def lookup(self, papers: Sequence[Paper], requests: Requests) -> LookupResult:
        """Look up all papers by their best identifier, then the unmatched ones by their next."""

        async def ask(turn: Sequence[tuple[Paper, Key]]) -> list[Answer]:
            found = await self._batch([identifier for _, (_, identifier) in turn], requests)
            return [_answer(paper, key, found) for paper, key in turn]

        return await lookup_in_turns(papers, _keys_of, ask)

    async def search(self, paper: Paper, requests: Requests) -> Answer:
        """Search for the closest title; the service always returns something."""
        words = search_words(paper.title)
        if not words:
            return Answer.failed("no title to search by")
        params = {"query": words, "fields": FIELDS}
        answer = await requests.get("/paper/search/match", params)
        return decide_by_title(paper, read_all(NAME, record_of, _papers_of(answer)))

    async def _batch(self, identifiers: Sequence[str], requests: Requests) -> dict[str, object]:
        """Return papers by the identifier sent; a paper itself may contain another identifier."""
        found: dict[str, object] = {}
        waiting = _in_parts(sorted(set(identifiers)), LOOKUP_SIZE)
        while waiting:
            asked = waiting.pop()
            try:
                answer = await requests.post(
                    "/paper/batch", {"fields": FIELDS}, {"ids": asked}, missing=()
                )
            except NoneKnown:
                if len(asked) > SMALLEST_DOUBTED:
                    waiting += _in_parts(asked, (len(asked) + 1) // 2)
                continue
            if not isinstance(answer, list) or len(answer) != len(asked):
                raise AnswerMalformed(f"{NAME}: wrong number of answers")
            found.update(zip(asked, answer, strict=True))
        return found


def _papers_of(answer: object) -> list[object]:
    """Return the papers of a match; a 404 or a null instead of the list means no match."""
    if answer is None:
        return []
    if not isinstance(answer, dict):
        raise AnswerMalformed(f"{NAME}: the answer to a match is not an object")
    papers = answer.get("data")
    if papers is None:
        return []
    if not isinstance(papers, list):
        raise AnswerMalformed(f"{NAME}: the answer to a match has no list")
    return papers


def _in_parts(identifiers: list[str], size: int) -> list[list[str]]:
    return [identifiers[first : first + size] for first in range(0, len(identifiers), size)]


def _keys_of(paper: Paper) -> list[Key]:
    """Return the ways to look up a paper, without malformed ones: they make a batch fail."""
    keys: list[Key] = []
    for scheme, prefix in PREFIXES.items():
        values = paper.identifiers.get(scheme, ())[:VALUES_TRIED]
        if scheme == "pmcid":  # the prefix already contains it
            values = tuple(value.upper().removeprefix("PMC") for value in values)
        keys += [(scheme, f"{prefix}{value}") for value in values if _is_one_word(value)]
    return keys


def _is_one_word(value: str) -> bool:
    return value.split() == [value]


def _answer(paper: Paper, key: Key, found: Mapping[str, object]) -> Answer:
    scheme, identifier = key
    held = found.get(identifier)
    if held is None:
        return Answer.not_found()
    return decide(paper, scheme, read_all(NAME, record_of, [held]))
