"""The local Semantic Scholar: as strict as the real one, and understood by the client."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from jobrunner.errors import KeyRefused
from jobrunner.models import Outcome
from jobrunner.sources.contract import SourceSettings
from jobrunner.sources.semantic_scholar.source import SemanticScholar as Source
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
from tests.support.servers.semantic_scholar import SemanticScholar
from tests.unit.conftest import Serve

SHA = "0123456789abcdef0123456789abcdef01234567"


def s2_paper(number: int, title: str, **external: object) -> dict[str, Any]:
    return {
        "paperId": f"{number:040x}",
        "corpusId": number,
        "externalIds": {"CorpusId": number, **external},
        "title": title,
        "year": 2020,
        "authors": [{"authorId": "7", "name": "A. Author", "affiliations": ["Here"]}],
    }


@pytest.fixture
def service(serve: Serve) -> ServerClient:
    """Serve a few papers."""
    return serve(
        SemanticScholar(
            [
                {**s2_paper(1, "Deep learning", DOI="10.1000/ABC"), "paperId": SHA},
                s2_paper(2, "Deep learning for molecules", ArXiv="1706.03762", ACL="N19-1423"),
                s2_paper(3, "Third", PubMed="77", PubMedCentral="55", MAG="99", DOI="10.1000/dup"),
                s2_paper(4, "Fourth", DOI="10.1000/DUP"),
            ]
        )
    )


def batch(service: ServerClient, *ids: object, fields: str = "title") -> httpx2.Response:
    return service.client.post(
        "/graph/v1/paper/batch", params={"fields": fields}, json={"ids": ids}
    )


def titles(answer: Json) -> list[str | None]:
    return [row and row["title"] for row in answer]


# Batches -------------------------------------------------------------------------------------


def test_a_batch_is_answered_by_position_with_null_for_the_unknown(service: ServerClient) -> None:
    answer = batch(service, "DOI:10.1000/none", "CorpusId:2", "DOI:10.1000/abc", "CorpusId:2")
    second = "Deep learning for molecules"
    assert titles(answer.json()) == [None, second, "Deep learning", second]


@pytest.mark.parametrize(
    "identifier",
    [
        SHA,
        SHA.upper(),
        "DOI:10.1000/abc",
        "doi:10.1000/ABC",
        "10.1000/abc",
        "CorpusID:1",
        f"URL:https://www.semanticscholar.org/paper/Deep-learning/{SHA}",
    ],
)
def test_an_identifier_is_understood(service: ServerClient, identifier: str) -> None:
    assert titles(batch(service, identifier).json()) == ["Deep learning"]


@pytest.mark.parametrize(
    ("identifier", "title"),
    [
        ("ARXIV:1706.03762", "Deep learning for molecules"),
        ("URL:https://arxiv.org/abs/1706.03762", "Deep learning for molecules"),
        ("ACL:n19-1423", "Deep learning for molecules"),
        ("PMID:77", "Third"),
        ("PMCID:55", "Third"),
        ("MAG:99", "Third"),
        ("DOI:10.1000/dup", "Third"),
        ("ARXIV:1706.03762v1", None),
        ("PMCID:PMC55", None),
        ("W2741809807", None),
    ],
)
def test_identifiers_of_all_schemes(
    service: ServerClient, identifier: str, title: str | None
) -> None:
    assert titles(batch(service, identifier, SHA).json()) == [title, "Deep learning"]


def test_a_batch_without_any_known_paper_is_refused(service: ServerClient) -> None:
    response = batch(service, "DOI:10.1000/none", "PMID:1")
    assert (response.status_code, response.json()) == (400, {"error": "No valid paper ids given"})


@pytest.mark.parametrize("identifier", ["", " ", "PMID:", "DOI:https://doi.org/10.1/x", "OA:W1", 7])
def test_one_malformed_identifier_fails_the_batch(
    service: ServerClient, identifier: object
) -> None:
    assert batch(service, SHA, identifier).status_code == 400


def test_at_most_500_identifiers_are_taken(service: ServerClient) -> None:
    assert batch(service, *[SHA] * 500).status_code == 200
    assert batch(service, *[SHA] * 501).status_code == 400


@pytest.mark.parametrize("body", [b"", b"[]", b'{"ids": "x"}', b"{"])
def test_a_body_without_identifiers_is_refused(service: ServerClient, body: bytes) -> None:
    assert service.client.post("/paper/batch", content=body).status_code == 400


def test_an_answer_above_ten_megabytes_is_refused(serve: Serve) -> None:
    service = serve(SemanticScholar([{**s2_paper(1, "Long"), "abstract": "x" * 30_000}]))
    assert batch(service, *["CorpusId:1"] * 300, fields="abstract").status_code == 200
    assert batch(service, *["CorpusId:1"] * 500, fields="abstract").status_code == 400


# Fields --------------------------------------------------------------------------------------


def test_the_fields_asked_for_are_given_null_where_unknown(service: ServerClient) -> None:
    (row,) = batch(service, SHA, fields="title,abstract,authors.name").json()
    assert row == {
        "paperId": SHA,
        "title": "Deep learning",
        "abstract": None,
        "authors": [{"authorId": "7", "name": "A. Author"}],
    }
    (row,) = batch(service, SHA, fields="authors.affiliations").json()
    assert row["authors"][0]["affiliations"] == ["Here"]


@pytest.mark.parametrize("field", ["abstrakt", "authors.orcid", "citationStyles.bibtex"])
def test_unknown_fields_are_refused(service: ServerClient, field: str) -> None:
    response = batch(service, SHA, fields=f"title,{field}")
    assert response.status_code == 400
    assert response.json() == {"error": f"Unrecognized or unsupported fields: [{field}]"}


def test_unknown_parameters_are_refused(service: ServerClient) -> None:
    body = service.refused(f"/graph/v1/paper/{SHA}", select="title")
    assert body == {"error": "Unacceptable query params: [select]"}


# Single papers and searches ------------------------------------------------------------------


def test_a_single_paper_is_found_or_404(service: ServerClient) -> None:
    path = f"/graph/v1/paper/{quote('DOI:10.1000/abc', safe='')}"
    assert service.json(path)["title"] == "Deep learning"
    body = service.refused("/graph/v1/paper/0", 404)
    assert body == {"error": "Paper with id 0 not found"}


def test_a_match_is_the_closest_title_with_a_score(service: ServerClient) -> None:
    (row,) = service.json("/graph/v1/paper/search/match", query="Deep Learning!")["data"]
    assert row["title"] == "Deep learning"
    assert row["matchScore"] > 100


def test_no_match_is_404(service: ServerClient) -> None:
    body = service.refused("/graph/v1/paper/search/match", 404, query="something else entirely")
    assert body == {"error": "Title match not found"}
    service.refused("/graph/v1/paper/search/match", query=" ")


def test_a_search_gives_pages(service: ServerClient) -> None:
    answer = service.json("/graph/v1/paper/search", query="deep learning", limit=1)
    assert (answer["total"], answer["offset"], answer["next"]) == (2, 0, 1)
    assert titles(answer["data"]) == ["Deep learning"]


def test_a_search_without_hits_has_no_data(service: ServerClient) -> None:
    answer = service.json("/graph/v1/paper/search", query="nothing like it")
    assert answer == {"total": 0, "offset": 0}


@pytest.mark.parametrize("page", [{"limit": 101}, {"offset": 1000}, {"limit": "many"}])
def test_a_search_has_an_end(service: ServerClient, page: dict[str, object]) -> None:
    response = service.get("/graph/v1/paper/search", query="deep", **page)
    assert response.status_code == 400


# Keys and limits -----------------------------------------------------------------------------


def test_a_wrong_key_is_forbidden(serve: Serve) -> None:
    service = serve(SemanticScholar([s2_paper(1, "One")], keys=["right"]))
    wrong, right = {"x-api-key": "wrong"}, {"x-api-key": "right"}
    refused = service.client.get("/paper/CorpusId:1", headers=wrong)
    assert (refused.status_code, refused.json()) == (403, {"message": "Forbidden"})
    assert refused.headers["x-amzn-errortype"] == "ForbiddenException"
    assert service.client.get("/paper/CorpusId:1", headers=right).status_code == 200


def test_one_request_a_second_is_allowed(serve: Serve) -> None:
    service = serve(SemanticScholar([s2_paper(1, "One")]), enforce=True)
    responses = [service.get("/paper/CorpusId:1") for _ in range(2)]
    assert [response.status_code for response in responses] == [200, 429]
    assert "retry-after" not in responses[1].headers
    assert responses[1].json()["code"] == "429"


def test_the_log_says_what_was_asked_for(service: ServerClient) -> None:
    batch(service, "DOI:10.1/x", SHA)
    service.get("/paper/search/match", query="some words")
    service.get("/graph/v1/paper/PMID:77")
    assert [served.ids for served in service.server.requests] == [
        ("DOI:10.1/x", SHA),
        ("match:some words",),
        ("PMID:77",),
    ]


def test_other_paths_do_not_exist(service: ServerClient) -> None:
    assert service.get("/graph/v1/nothing").status_code == 403


# The client ----------------------------------------------------------------------------------


def source(service: ServerClient, path: str = "/graph/v1", key: str | None = None) -> Source:
    settings = SourceSettings(base_url=service.server.base_url + path, api_key=key)
    return unhurried(Source(settings))


@pytest.mark.parametrize("path", ["", "/graph/v1"])
def test_the_client_finds_real_papers_by_every_identifier(serve: Serve, path: str) -> None:
    records = [record for record in real_records("s2_papers") if record["title"]][:600]
    service = serve(SemanticScholar(records))
    papers = [paper(n, {"s2": r["paperId"]}, r["title"]) for n, r in enumerate(records)]
    papers += [
        paper(1000 + n, {"arxiv": r["externalIds"]["ArXiv"]}, r["title"])
        for n, r in enumerate(records)
        if "ArXiv" in r["externalIds"]
    ]
    answers = asyncio.run(look_up(source(service, path), papers))
    assert Counter(answer.outcome for answer in answers.values()) == {Outcome.ENRICHED: len(papers)}
    assert [found_id(answers[n]) for n in range(600)] == [r["paperId"] for r in records]
    assert {served.status for served in service.server.requests} == {200}


def test_the_client_takes_a_batch_without_any_known_paper_for_not_found(
    service: ServerClient,
) -> None:
    answers = asyncio.run(look_up(source(service), [paper(1, {"doi": "10.1000/none"}, "X")]))
    assert answers == {}
    assert service.server.requests[0].status == 400


def test_the_client_finds_a_paper_by_title(service: ServerClient) -> None:
    papers = [
        paper(1, {}, "Deep learning", authors=("A. Author",), year=2020),
        paper(2, {}, "Something else entirely", authors=("B. Nobody",), year=2020),
    ]
    answers = asyncio.run(search(source(service), papers))
    assert [answer.outcome for answer in answers] == [Outcome.ENRICHED, Outcome.NOT_FOUND]


def test_the_client_stops_at_a_refused_key(serve: Serve) -> None:
    service = serve(SemanticScholar([s2_paper(1, "One")], keys=["right"]))
    with pytest.raises(KeyRefused):
        asyncio.run(look_up(source(service, key="wrong-key"), [paper(1, {"corpusid": "1"})]))
