"""The local Crossref: as strict as the real one, and understood by the client."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any
from urllib.parse import quote

import pytest

from jobrunner.models import Outcome
from jobrunner.sources.contract import SourceSettings
from jobrunner.sources.crossref.source import Crossref as Source
from tests.support.server_client import (
    Json,
    ServerClient,
    found_id,
    look_up,
    paper,
    real_records,
    search,
    unhurried,
)
from tests.support.servers.crossref import Crossref
from tests.unit.conftest import Serve

SICI = "10.1002/(sici)1097-0266(199708)18:7<509::aid-smj882>3.0.co;2-z"


def cr_work(doi: str, title: str, family: str = "Author", year: int = 2020) -> dict[str, Any]:
    return {
        "DOI": doi,
        "title": [title],
        "author": [{"given": "A.", "family": family}],
        "issued": {"date-parts": [[year]]},
        "container-title": ["Journal of Things"],
        "type": "journal-article",
    }


@pytest.fixture
def service(serve: Serve) -> ServerClient:
    """Serve a few works."""
    return serve(
        Crossref(
            [
                cr_work("10.1000/A", "Deep learning", "LeCun", 2015),
                cr_work("10.1000/b", "Deep learning for molecules"),
                {**cr_work("10.1000/c", "A book on depth"), "type": "book"},
                cr_work(SICI, "Odd identifier"),
                cr_work("10.1000/x,y", "Comma"),
            ]
        )
    )


def dois(answer: Json) -> list[str]:
    return [item["DOI"] for item in answer["message"]["items"]]


def problem(body: Json) -> tuple[str, str]:
    assert (body["status"], body["message-type"]) == ("failed", "validation-failure")
    return body["message"][0]["type"], body["message"][0]["value"]


# Lists ---------------------------------------------------------------------------------------


def test_repeated_filters_find_any_of_their_values(service: ServerClient) -> None:
    answer = service.json("/works", filter="doi:10.1000/a,doi:10.1000/B,doi:10.1000/none")
    assert dois(answer) == ["10.1000/A", "10.1000/b"]
    assert (answer["status"], answer["message-type"]) == ("ok", "work-list")
    assert answer["message"]["total-results"] == 2


def test_different_filters_must_all_hold(service: ServerClient) -> None:
    assert dois(service.json("/works", filter="doi:10.1000/b,doi:10.1000/c,type:book")) == [
        "10.1000/c"
    ]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"filter": "no-such-filter:1"}, ("filter-not-available", "no-such-filter")),
        ({"filter": "doi:10.1000/x,y"}, ("filter-not-available", "y")),
        ({"select": "DOI,language"}, ("select-not-available", "language")),
        ({"per_page": "5"}, ("parameter-not-allowed", "per_page")),
        ({"rows": "many"}, ("integer-not-valid", "many")),
        ({"rows": "1001"}, ("integer-not-valid", "1001")),
        ({"offset": "10001"}, ("integer-not-valid", "10001")),
    ],
)
def test_what_the_real_service_refuses_is_refused(
    service: ServerClient, params: dict[str, str], expected: tuple[str, str]
) -> None:
    response = service.get("/works", **params)
    assert response.status_code == 400
    assert problem(response.json()) == expected


def test_a_filter_does_not_find_a_doi_with_parentheses(service: ServerClient) -> None:
    assert dois(service.json("/works", filter=f"doi:{SICI}")) == []


def test_lists_hold_20_works_unless_asked_otherwise(serve: Serve) -> None:
    service = serve(Crossref(cr_work(f"10.1/{n}", "T") for n in range(50)))
    assert len(dois(service.json("/works"))) == 20
    assert dois(service.json("/works", rows=3, offset=48)) == ["10.1/48", "10.1/49"]
    assert dois(service.json("/works", rows=0)) == []


def test_cursors_lead_through_a_whole_list(serve: Serve) -> None:
    service = serve(Crossref(cr_work(f"10.1/{n}", "T") for n in range(50)))
    cursor, seen = "*", list[str]()
    while page := service.json("/works", cursor=cursor, rows=30)["message"]:
        if not page["items"]:
            break
        seen += [item["DOI"] for item in page["items"]]
        cursor = page["next-cursor"]
    assert len(seen) == len(set(seen)) == 50


def test_a_foreign_cursor_is_404(service: ServerClient) -> None:
    body = service.refused("/works", 404, cursor="thing")
    assert body["message-type"] == "resource-failure"
    assert body["message"][0]["type"] == "cursor-invalid"


def test_selected_fields_alone_are_given(service: ServerClient) -> None:
    (item,) = service.json("/works", filter="doi:10.1000/a", select="DOI,title")["message"]["items"]
    assert list(item) == ["DOI", "title"]


def test_a_query_ranks_by_title_author_and_year(service: ServerClient) -> None:
    answer = service.json("/works", query__bibliographic="deep learning LeCun 2015", rows=2)
    assert dois(answer)[0] == "10.1000/A"
    assert answer["message"]["items"][0]["score"] > answer["message"]["items"][1]["score"]


@pytest.mark.parametrize("name", ["query", "query.title", "query.author"])
def test_other_queries_search_too(service: ServerClient, name: str) -> None:
    query = "lecun" if name == "query.author" else "deep learning"
    assert dois(service.json("/works", **{name: query}))[0] == "10.1000/A"


def test_a_long_url_is_refused(service: ServerClient) -> None:
    assert service.get("/works", filter="doi:10.1/" + "x" * 4100).status_code == 414


# Single works --------------------------------------------------------------------------------


@pytest.mark.parametrize("doi", ["10.1000/a", "10.1000/A", SICI, "10.1000/x,y"])
@pytest.mark.parametrize("root", ["", "/v1"])
def test_a_single_work_is_found(service: ServerClient, doi: str, root: str) -> None:
    answer = service.json(f"{root}/works/{quote(doi, safe='')}", mailto="a@b.org")
    assert answer["message-type"] == "work"
    assert answer["message"]["DOI"].lower() == doi.lower()


def test_an_unknown_doi_is_404_in_plain_text(service: ServerClient) -> None:
    response = service.get("/works/10.48550%2Farxiv.1706.03762")
    assert (response.status_code, response.text) == (404, "Resource not found.")
    assert response.headers["content-type"] == "text/plain"


def test_a_single_work_takes_no_select(service: ServerClient) -> None:
    assert problem(service.refused("/works/10.1000/a", select="DOI")) == (
        "parameter-not-allowed",
        "select",
    )


def test_an_unknown_route_says_so(service: ServerClient) -> None:
    assert service.refused("/thing", 404)["message-type"] == "route-not-found"


# Pools ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "headers", "expected"),
    [
        ("/works", {}, ("public-array", "1", "1")),
        ("/works/10.1000/a", {}, ("public-single", "5", "1")),
        ("/works?mailto=a@b.org", {}, ("polite-array", "3", "3")),
        ("/works/10.1000/a", {"User-Agent": "x (mailto:a@b.org)"}, ("polite-single", "10", "3")),
        ("/works", {"Crossref-Plus-API-Token": "Bearer k"}, ("plus", "150", None)),
    ],
)
def test_each_answer_states_its_pool_and_limits(
    service: ServerClient, path: str, headers: dict[str, str], expected: tuple[str, str, str | None]
) -> None:
    found = service.client.get(path, headers=headers).headers
    pool, rate, at_once = expected
    assert (found["x-api-pool"], found["x-rate-limit-limit"]) == (pool, rate)
    assert found.get("x-concurrency-limit") == at_once
    assert found["x-rate-limit-interval"] == "1s"


def test_lists_beyond_the_limit_are_refused_with_a_web_page(serve: Serve) -> None:
    service = serve(Crossref([]), enforce=True)
    responses = [service.get("/works") for _ in range(2)]
    assert [response.status_code for response in responses] == [200, 429]
    assert "<h1>429 Too Many Requests</h1>" in responses[1].text


def test_the_log_says_what_was_asked_for(service: ServerClient) -> None:
    service.get("/works", filter="doi:10.1/a,doi:10.1/b,type:book")
    service.get("/works", query__bibliographic="some words")
    service.get("/works/10.1%2Fa")
    assert [served.ids for served in service.server.requests] == [
        ("doi:10.1/a", "doi:10.1/b"),
        ("query.bibliographic:some words",),
        ("doi:10.1/a",),
    ]


# The client ----------------------------------------------------------------------------------


def source(service: ServerClient) -> Source:
    return unhurried(Source(SourceSettings(base_url=service.server.base_url, email="a@b.org")))


def test_the_client_finds_real_works_by_doi(serve: Serve) -> None:
    works = [w for w in real_records("crossref_works") if w.get("title") and w["title"][0]][:500]
    service = serve(Crossref(works))
    papers = [paper(n, {"doi": w["DOI"].lower()}, w["title"][0]) for n, w in enumerate(works)]
    answers = asyncio.run(look_up(source(service), papers))
    outcomes = Counter(answer.outcome for answer in answers.values())
    assert outcomes[Outcome.ENRICHED] >= 495
    assert [found_id(answers[n]) for n in answers] == [
        papers[n].identifiers["doi"][0] for n in answers
    ]
    assert {served.status for served in service.server.requests} == {200}


def test_the_client_finds_a_work_by_title(service: ServerClient) -> None:
    papers = [
        paper(1, {}, "Deep learning", authors=("Y. LeCun",), year=2015),
        paper(2, {}, "Something wholly different", authors=("B. Nobody",), year=2020),
    ]
    answers = asyncio.run(search(source(service), papers))
    assert [answer.outcome for answer in answers] == [Outcome.ENRICHED, Outcome.NOT_FOUND]


def test_the_client_learns_that_an_unknown_doi_is_not_found(service: ServerClient) -> None:
    answers = asyncio.run(look_up(source(service), [paper(1, {"doi": "10.1000/(none)"}, "X")]))
    assert answers == {}
    assert service.server.requests[0].status == 404


def test_the_client_keeps_the_published_limits(serve: Serve) -> None:
    service = serve(Crossref(cr_work(f"10.1/{n}", "T") for n in range(300)))
    slow = Source(SourceSettings(base_url=service.server.base_url, email="a@b.org"))
    papers = [paper(n, {"doi": f"10.1/{n}"}, "T") for n in range(250)]
    asyncio.run(look_up(slow, papers))
    assert len(service.server.requests) == 5
    assert service.server.violations == []
