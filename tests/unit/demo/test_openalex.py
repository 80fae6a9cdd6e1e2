"""The local OpenAlex: as strict as the real one, and understood by the client."""

from __future__ import annotations

import asyncio
from collections import Counter
from urllib.parse import quote

import httpx2
import pytest

from jobrunner.demo.openalex import OpenAlex
from jobrunner.demo.server import Served
from jobrunner.errors import KeyRefused, QuotaSpent
from jobrunner.models import Outcome
from jobrunner.sources.contract import SourceSettings
from jobrunner.sources.openalex.source import OpenAlex as Source
from tests.support.server_client import (
    Json,
    ServerClient,
    found_id,
    look_up,
    paper,
    real_records,
    search,
    unhurried,
    work,
)
from tests.unit.conftest import Serve

AUTHORS = [{"author": {"display_name": f"Author {n}"}} for n in range(120)]


@pytest.fixture
def service(serve: Serve) -> ServerClient:
    """Serve a dozen works with their oddities."""
    return serve(
        OpenAlex(
            [
                work(11, "Deep learning", publication_year=2015),
                work(12, "Deep learning for molecules", publication_year=2019),
                work(
                    13,
                    "Größe <i>und</i> Gewicht",
                    ids={"pmid": "https://pubmed.ncbi.nlm.nih.gov/77"},
                ),
                work(
                    14,
                    "With many identifiers",
                    ids={"pmcid": "https://www.ncbi.nlm.nih.gov/pmc/articles/55", "mag": 14},
                    locations=[{"landing_page_url": "http://arxiv.org/abs/1234.5678"}],
                ),
                work(15, "Hidden by default", is_xpac=True),
                work(16, "Many authors", authorships=AUTHORS),
                work(17, "Twin", doi="https://doi.org/10.1000/twin"),
                work(18, "Twin", doi="https://doi.org/10.1000/twin"),
                work(19, "No DOI", doi=None, ids={}, language="de", is_retracted=True),
                work(20, "Odd", doi="https://doi.org/10.1000/a,b|c(1999)<1::d>2.0.co;2-x"),
            ],
            merged={"W99": "W11"},
        )
    )


def found(answer: Json) -> list[str]:
    return [result["id"].removeprefix("https://openalex.org/") for result in answer["results"]]


def filtered(service: ServerClient, condition: str, **params: object) -> list[str]:
    return found(service.json("/works", filter=condition, **params))


# Filters -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("doi:10.1000/11", ["W11"]),
        ("doi:https://doi.org/10.1000/11|10.1000/12|10.1000/none-such", ["W11", "W12"]),
        ("doi:10.1000/TWIN", ["W17", "W18"]),
        ("openalex:W12|https://openalex.org/W11", ["W11", "W12"]),
        ("openalex_id:w11", ["W11"]),
        ("ids.openalex:W11|W99", ["W11"]),
        ("pmid:77", ["W13"]),
        ("pmid:https://pubmed.ncbi.nlm.nih.gov/77", ["W13"]),
        ("pmcid:55", ["W14"]),
        ("pmcid:PMC55", []),
        ("mag:14|15", ["W14"]),
        (
            "locations.landing_page_url:http://arxiv.org/abs/1234.5678|https://arxiv.org/abs/1234.5678",
            ["W14"],
        ),
        ("locations.landing_page_url:https://arxiv.org/abs/1234.5678", []),
        ("publication_year:2015", ["W11"]),
        ("publication_year:2015-2019", ["W11", "W12"]),
        ("publication_year:2015|2019", ["W11", "W12"]),
        ("doi:10.1000/11|10.1000/12,publication_year:2019", ["W12"]),
    ],
)
def test_a_filter_finds(service: ServerClient, condition: str, expected: list[str]) -> None:
    assert filtered(service, condition) == expected


@pytest.mark.parametrize(
    "condition",
    [
        "no_such_field:1",
        "doi:",
        "doi:none",
        "doi:10.1000/11|undefined",
        "doi:10.1000/11|doi:10.1000/12",
        "doi:" + "|".join(f"10.1000/{n}" for n in range(101)),
        "openalex:nothing",
        "openalex:!W11|W12",
        "publication_year:soon",
        "title.search:a !b",
        "title.search:what is life?",
        "title.search:none",
    ],
)
def test_a_filter_that_the_real_server_refuses_is_refused(
    service: ServerClient, condition: str
) -> None:
    body = service.refused("/works", filter=condition)
    assert body["error"] == "Invalid query parameters error."


def test_a_hundred_values_are_allowed(service: ServerClient) -> None:
    assert filtered(service, "doi:" + "|".join(f"10.1000/{n}" for n in range(1, 101)))


def test_a_comma_separates_conditions_even_if_it_was_encoded(service: ServerClient) -> None:
    response = service.get("/works", filter="doi:10.1000/a,b")
    assert response.status_code == 400
    assert response.headers["x-openalex-edge-reject"]
    assert response.json()["error"] == "Invalid request rejected at the API edge"


def test_works_called_xpac_are_listed_only_on_request(service: ServerClient) -> None:
    assert filtered(service, "doi:10.1000/15") == []
    assert filtered(service, "doi:10.1000/15", include_xpac="true") == ["W15"]
    assert service.json("/works/doi:10.1000/15")["title"] == "Hidden by default"


# Searches ------------------------------------------------------------------------------------


def test_a_title_search_wants_all_words_and_ranks_the_closest_first(service: ServerClient) -> None:
    answer = service.json("/works", filter="title.search:DEEP learning")
    assert found(answer) == ["W11", "W12"]
    scores = [result["relevance_score"] for result in answer["results"]]
    assert scores[0] > scores[1] > 0
    assert filtered(service, "title.search:deep sleep") == []


def test_a_search_folds_accents_and_markup(service: ServerClient) -> None:
    assert filtered(service, "display_name.search:GRÖSSE und gewicht") == ["W13"]


def test_a_search_goes_together_with_years_and_identifiers(service: ServerClient) -> None:
    search = "title.search:deep learning"
    assert filtered(service, f"{search},publication_year:2018-2022") == ["W12"]
    assert filtered(service, f"{search},doi:10.1000/12|10.1000/13") == ["W12"]


def test_a_relevance_is_selected_like_other_fields(service: ServerClient) -> None:
    answer = service.json("/works", filter="title.search:molecules", select="id")
    assert list(answer["results"][0]) == ["id"]
    answer = service.json("/works", filter="title.search:molecules", select="relevance_score")
    assert list(answer["results"][0]) == ["relevance_score"]


def test_a_very_long_search_is_refused(service: ServerClient) -> None:
    body = service.refused("/works", filter="title.search:" + "word " * 301)
    assert body["error"] == "Search query too long"


# Parameters and pages ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "params",
    [
        {"tracking": "1"},
        {"select": "id,no_such_field"},
        {"select": "ids.doi"},
        {"per_page": 0},
        {"per_page": 201},
        {"per_page": "many"},
        {"page": 0},
        {"page": 51, "per_page": 200},
        {"cursor": "*"},
        {"search": "deep learning"},
    ],
)
def test_parameters_are_checked(service: ServerClient, params: dict[str, object]) -> None:
    assert service.get("/works", **params).status_code == 400


def test_two_filters_are_refused(service: ServerClient) -> None:
    service.refused("/works?filter=doi:10.1000/11&filter=mag:14")


def test_limit_is_refused_at_the_edge_at_no_price(service: ServerClient) -> None:
    response = service.get("/works", limit=5)
    assert response.status_code == 400
    assert "x-ratelimit-credits-used" not in response.headers


def test_a_long_url_is_refused(service: ServerClient) -> None:
    body = service.refused("/works", filter="doi:" + "x" * 8200)
    assert body["error"] == "Request URL too long"


def test_pages_hold_25_works_unless_asked_otherwise(serve: Serve) -> None:
    service = serve(OpenAlex(work(n) for n in range(100, 160)))
    first = service.json("/works")
    assert (len(first["results"]), first["meta"]["count"]) == (25, 60)
    assert (first["meta"]["page"], first["meta"]["per_page"]) == (1, 25)
    last = service.json("/works", per_page=50, page=2)
    assert found(last) == [f"W{n}" for n in range(150, 160)]


def test_selected_fields_alone_are_given(service: ServerClient) -> None:
    (result,) = service.json("/works", filter="doi:10.1000/11", select="id,title")["results"]
    assert list(result) == ["id", "title"]
    assert list(service.json("/works/W11", select="doi")) == ["doi"]


def test_author_lists_are_cut_in_lists_only(service: ServerClient) -> None:
    (listed,) = service.json("/works", filter="openalex:W16")["results"]
    assert (len(listed["authorships"]), listed["is_authors_truncated"]) == (100, True)
    alone = service.json("/works/W16")
    assert len(alone["authorships"]) == 120
    assert "is_authors_truncated" not in alone


# Single works --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("W11", "Deep learning"),
        ("doi:10.1000/11", "Deep learning"),
        ("doi:10.1000%2FTWIN", "Twin"),
        ("https://doi.org/10.1000/11", "Deep learning"),
        ("pmid:77", "Größe <i>und</i> Gewicht"),
        ("pmcid:PMC55", "With many identifiers"),
        ("pmcid:55", "With many identifiers"),
        ("doi:" + quote("10.1000/a,b|c(1999)<1::d>2.0.co;2-x", safe=""), "Odd"),
    ],
)
def test_a_single_work_is_found(service: ServerClient, name: str, title: str) -> None:
    assert service.json(f"/works/{name}")["title"] == title


@pytest.mark.parametrize(
    ("name", "status", "target"),
    [
        ("w11", 302, "/works/W11"),
        ("openalex:W11", 302, "/works/W11"),
        ("https://openalex.org/W11", 302, "/works/W11"),
        ("mag:14", 302, "/works/W14"),
        ("W99?select=id", 301, "/works/W11?select=id"),
    ],
)
def test_other_spellings_and_merged_works_redirect(
    service: ServerClient, name: str, status: int, target: str
) -> None:
    response = service.get(f"/works/{name}")
    assert (response.status_code, response.headers["location"]) == (status, target)


@pytest.mark.parametrize("path", ["/works/W4711", "/works/doi:10.1000/none", "/works/x", "/else"])
def test_what_does_not_exist_is_a_web_page(service: ServerClient, path: str) -> None:
    response = service.get(path)
    assert response.status_code == 404
    assert response.headers["content-type"].startswith("text/html")
    assert "404 Not Found" in response.text


# Money and keys ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "credits_used"),
    [
        ("/works/W11", 0),
        ("/works/doi:10.1000/11", 0),
        ("/works/https://doi.org/10.1000/11", 1),
        ("/works?filter=doi:10.1000/11", 1),
        ("/works?filter=no_such_field:1", 1),
        ("/works?filter=title.search:deep", 10),
    ],
)
def test_each_kind_of_call_has_its_price(
    service: ServerClient, path: str, credits_used: int
) -> None:
    response = service.get(path)
    assert response.headers["x-ratelimit-credits-used"] == str(credits_used)
    assert float(response.headers["x-ratelimit-cost-usd"]) == credits_used / 10_000
    api = service.server.api
    assert isinstance(api, OpenAlex)
    assert api.cost_usd == credits_used / 10_000


def test_a_list_says_its_price(service: ServerClient) -> None:
    assert service.json("/works", filter="doi:10.1000/11")["meta"]["cost_usd"] == 0.0001


def test_a_spent_budget_refuses_all_but_what_is_free(serve: Serve) -> None:
    service = serve(OpenAlex([work(11)], budget_usd=0.001, reset_after=3600))
    assert service.get("/works?filter=title.search:title").status_code == 200
    response = service.get("/works")
    body = response.json()
    assert response.status_code == 429
    assert body["message"].startswith("Insufficient budget.")
    assert 3590 <= body["retryAfter"] <= 3600
    assert float(response.headers["retry-after"]) == body["retryAfter"]
    assert response.headers["x-ratelimit-remaining"] == "0"
    assert service.get("/works/W11").status_code == 200


def test_a_budget_is_new_after_its_reset(serve: Serve) -> None:
    service = serve(OpenAlex([work(11)], budget_usd=0.0001, reset_after=0.2))
    codes = [service.get("/works").status_code for _ in range(2)]
    service.get("/works/W11")
    while service.get("/works").status_code == 429:
        pass
    assert codes == [200, 429]


def test_keys_have_budgets_of_their_own(serve: Serve) -> None:
    service = serve(OpenAlex([work(11)], budget_usd=0.0001))
    assert [service.get("/works", api_key=key).status_code for key in "aab"] == [200, 429, 200]


def test_a_wrong_key_is_refused(serve: Serve) -> None:
    service = serve(OpenAlex([work(11)], keys=["right"]))
    assert service.get("/works").status_code == 200
    assert service.get("/works", api_key="right").status_code == 200
    body = service.refused("/works/W11", 401, api_key="wrong")
    assert body == {"error": "Invalid or missing API key", "message": "API key not found"}
    bearer = {"Authorization": "Bearer wrong"}
    assert service.client.get("/works", params={"api_key": "right"}, headers=bearer).is_error


def test_the_rate_limit_is_told_to_those_with_a_key(serve: Serve) -> None:
    service = serve(OpenAlex([work(11)], budget_usd=1.0))
    service.get("/works", api_key="k")
    told = service.json("/rate-limit", api_key="k")["rate_limit"]
    assert (told["credits_used"], told["credits_remaining"]) == (1, 9999)
    service.refused("/rate-limit", 401)


def test_the_rate_with_a_key_is_thrice_that_without(serve: Serve) -> None:
    service = serve(OpenAlex([work(11)]), enforce=True)
    anonymous = Counter(service.get("/works/W11").status_code for _ in range(12))
    keyed = Counter(service.get("/works/W11", api_key="k").status_code for _ in range(32))
    assert anonymous == {200: 10, 429: 2}
    assert keyed == {200: 30, 429: 2}
    body = service.get("/works/W11").json()
    assert body["error"] == "Rate limit exceeded"
    assert body["retryAfter"] == 0.1


# What was asked ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "ids"),
    [
        ("/works?filter=doi:10.1/a|10.1/b,type:article", ("doi:10.1/a", "doi:10.1/b")),
        ("/works?filter=title.search:some words", ("title.search:some words",)),
        ("/works?filter=title.search:words,publication_year:2010-2016", ("title.search:words",)),
        ("/works/doi:10.1%2Fx", ("doi:10.1/x",)),
        ("/works/w12?select=id", ("openalex:W12",)),
        ("/works?filter=nonsense", ()),
        ("/works", ()),
    ],
)
def test_the_log_says_what_was_asked_for(
    service: ServerClient, path: str, ids: tuple[str, ...]
) -> None:
    service.get(path)
    assert service.server.requests[-1].ids == ids


# The client ----------------------------------------------------------------------------------


def source(service: ServerClient, key: str | None = None) -> Source:
    return unhurried(Source(SourceSettings(base_url=service.server.base_url, api_key=key)))


def test_the_client_finds_real_works_by_every_identifier(serve: Serve) -> None:
    works = [w for w in real_records("openalex_works") if w.get("title") and w.get("ids")][:200]
    service = serve(OpenAlex(works))
    papers = [
        paper(n, {"openalex": w["id"].rsplit("/", 1)[1]}, w["title"]) for n, w in enumerate(works)
    ]
    papers += [
        paper(1000 + n, {"doi": w["doi"].removeprefix("https://doi.org/")}, w["title"])
        for n, w in enumerate(works)
        if w["doi"]
    ]
    papers += [
        paper(2000 + n, {"pmid": w["ids"]["pmid"].rsplit("/", 1)[1]}, w["title"])
        for n, w in enumerate(works)
        if w["ids"].get("pmid")
    ]
    answers = asyncio.run(look_up(source(service), papers))
    assert Counter(answer.outcome for answer in answers.values()) == {Outcome.ENRICHED: len(papers)}
    assert [found_id(answers[n]) for n in range(200)] == [
        p.identifiers["openalex"][0] for p in papers[:200]
    ]
    assert {served.status for served in service.server.requests} == {200}


def test_the_client_finds_real_works_by_title(serve: Serve) -> None:
    works = [
        w
        for w in real_records("openalex_works")
        if w.get("title") and len(w["title"].split()) > 5 and w["authorships"]
    ][:60]
    service = serve(OpenAlex(works))
    papers = [
        paper(
            n,
            {},
            w["title"],
            authors=tuple(a["author"]["display_name"] for a in w["authorships"] if a["author"]),
            year=w["publication_year"],
        )
        for n, w in enumerate(works)
    ]
    answers = asyncio.run(search(source(service), papers))
    assert Counter(answer.outcome for answer in answers)[Outcome.ENRICHED] >= 57


def test_the_client_follows_a_merged_work_to_its_successor(service: ServerClient) -> None:
    papers = [paper(1, {"openalex": "W99"}, "Deep learning")]
    answer = asyncio.run(look_up(source(service), papers))[1]
    assert answer.record is not None
    assert answer.record.id == "W11"
    assert [served.status for served in service.server.requests] == [200, 301, 200]


def test_the_client_stops_where_the_budget_does(serve: Serve) -> None:
    service = serve(OpenAlex([work(11)], budget_usd=0))
    with pytest.raises(QuotaSpent):
        asyncio.run(look_up(source(service), [paper(1, {"doi": "10.1000/11"})]))
    assert len(service.server.requests) == 1


def test_the_client_stops_at_a_refused_key(serve: Serve) -> None:
    service = serve(OpenAlex([work(11)], keys=["right"]))
    with pytest.raises(KeyRefused):
        asyncio.run(look_up(source(service, "wrong-key"), [paper(1, {"doi": "10.1000/11"})]))


def test_the_client_keeps_the_published_rate(serve: Serve) -> None:
    service = serve(OpenAlex(work(n) for n in range(100, 4500)))
    keen = Source(SourceSettings(base_url=service.server.base_url, api_key="a-key"))
    papers = [paper(n, {"doi": f"10.1000/{n}"}, "A title") for n in range(100, 4500)]
    asyncio.run(look_up(keen, papers))
    assert len(service.server.requests) == 44
    assert service.server.violations == []


def test_a_list_of_a_hundred_works_is_quick(serve: Serve) -> None:
    service = serve(OpenAlex(work(n, abstract="word " * 600) for n in range(100, 2000)))
    for first in (100, 200, 100, 200):
        values = "|".join(f"10.1000/{n}" for n in range(first, first + 100))
        assert len(service.json("/works", filter=f"doi:{values}", per_page=100)["results"]) == 100
    assert min(_seconds(served) for served in service.server.requests) < 0.02


def _seconds(served: Served) -> float:
    return served.ended - served.started


def test_head_is_answered_like_get(service: ServerClient) -> None:
    assert service.client.head("/works/W11").status_code == 200
    assert service.client.head("/works/W4711").status_code == 404
    assert isinstance(service.client.post("/works"), httpx2.Response)
