"""OpenAlex as a source: each trap of its protocol, met by a server that keeps its rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import permutations

import httpx2
import pytest

from jobrunner.demo.openalex import OpenAlex as LocalOpenAlex
from jobrunner.demo.openalex.api import NOT_FOUND
from jobrunner.errors import (
    AnswerMalformed,
    KeyRefused,
    QuotaSpent,
    RequestRefused,
    SourceUnavailable,
)
from jobrunner.models import Answer, Outcome, Paper
from jobrunner.sources.contract import SourceSettings
from jobrunner.sources.json_fields import Fields
from jobrunner.sources.openalex.records import handles_of
from jobrunner.sources.openalex.source import MOST_PAGES, OpenAlex
from tests.unit.sources.handled_source import (
    OTHER_TITLE,
    TITLE,
    HandledSource,
    Handler,
    handler_of,
    in_turn,
    paper,
    real_records,
    response,
    spoilt,
)
from tests.unit.sources.openalex.works import authorships, work

BY = authorships("Ann Lee", "Bo Chen")
STRANGERS = authorships("Cy Dee", "Di Eff")


def via(handler: Handler) -> HandledSource:
    return HandledSource(OpenAlex(SourceSettings()), handler)


def to(*works: Fields, merged: Mapping[str, str] | None = None) -> HandledSource:
    return via(handler_of(LocalOpenAlex(works, merged=merged)))


def held(identifier: str, title: str = TITLE, **fields: object) -> Fields:
    return work(identifier, title, **{"authorships": BY, "publication_year": 2020, **fields})


def listed(*results: object, count: int | None = None) -> Fields:
    """Return a list as the server answers it; ``count`` if it says another length than it has."""
    return {"meta": {"count": len(results) if count is None else count}, "results": results}


def in_pages_of(size: int, *works: Fields) -> Handler:
    """Return a handler that gives shorter pages than it is asked for."""
    server = handler_of(LocalOpenAlex(works))

    def handle(request: httpx2.Request) -> httpx2.Response:
        url = request.url.copy_set_param("per_page", size)
        return server(httpx2.Request(request.method, url, headers=request.headers))

    return handle


def id_of(answer: Answer | None) -> str | None:
    return answer.record.id if answer and answer.record else None


def by_of(answer: Answer) -> str | None:
    return answer.match.by if answer.match else None


def doi(name: str) -> str:
    return f"https://doi.org/10.1000/{name}"


# Lists


def test_papers_are_looked_up_in_one_request() -> None:
    asked = to(held("W11", doi=doi("a")), held("W12", doi=doi("b")))
    answers = asked.lookup(paper(1, doi="10.1000/a"), paper(2, doi="10.1000/b"))
    assert {n: id_of(answer) for n, answer in answers.items()} == {1: "W11", 2: "W12"}
    assert asked.sent("filter") == ["doi:10.1000/a|10.1000/b"]
    assert asked.sent("per_page") == ["100"]


def test_an_answer_says_how_it_was_matched() -> None:
    answer = to(held("W11", doi=doi("a"))).lookup(paper(doi="10.1000/a"))[1]
    assert answer.outcome is Outcome.ENRICHED
    assert answer.match is not None
    assert (answer.match.by, answer.match.score) == ("doi", 1.0)


def test_no_papers_make_no_request() -> None:
    asked = to()
    assert asked.lookup() == {}
    assert asked.seen == []


def test_a_paper_that_is_not_there_is_absent() -> None:
    assert to(held("W11", doi=doi("a"))).lookup(paper(doi="10.1000/z")) == {}


@pytest.mark.parametrize(
    ("identifiers", "ids"),
    [
        ({"openalex": "W11"}, {}),
        ({"pmid": "77"}, {"pmid": "https://pubmed.ncbi.nlm.nih.gov/77"}),
        ({"pmcid": "PMC88"}, {"pmcid": "https://www.ncbi.nlm.nih.gov/pmc/articles/88"}),
        ({"mag": "99"}, {"mag": "99"}),
    ],
)
def test_every_scheme_finds_its_work(identifiers: dict[str, str], ids: Fields) -> None:
    answer = to(held("W11", ids=ids)).lookup(paper(1, TITLE, **identifiers))[1]
    assert id_of(answer) == "W11"
    assert [by_of(answer)] == list(identifiers)


def test_the_case_of_a_doi_makes_no_difference() -> None:
    asked = to(held("W11", doi="https://doi.org/10.1000/ABC"))
    assert id_of(asked.lookup(paper(doi="10.1000/abc"))[1]) == "W11"


def test_a_work_is_found_by_the_doi_among_its_ids_too() -> None:
    both = held("W11", doi=doi("a"), ids={"doi": doi("b")})
    assert id_of(to(both).lookup(paper(doi="10.1000/b"))[1]) == "W11"


def test_hidden_works_are_found() -> None:
    assert id_of(to(held("W11", doi=doi("a"), is_xpac=True)).lookup(paper(doi="10.1000/a"))[1])


def test_the_next_identifier_is_tried_for_papers_without_luck() -> None:
    asked = to(held("W11", ids={"mag": "99"}), held("W12", doi=doi("b")))
    answers = asked.lookup(paper(1, doi="10.1000/a", mag="99"), paper(2, doi="10.1000/b"))
    assert {n: by_of(answer) for n, answer in answers.items()} == {1: "mag", 2: "doi"}
    assert asked.sent("filter") == ["doi:10.1000/a|10.1000/b", "mag:99"]


def test_the_second_doi_of_a_paper_is_tried() -> None:
    asked = to(held("W11", doi=doi("b")))
    assert id_of(asked.lookup(paper(doi=("10.1000/a", "10.1000/b")))[1]) == "W11"


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_the_order_of_an_answer_and_what_else_is_in_it_make_no_difference(
    order: Sequence[int],
) -> None:
    a, b = held("W11", doi=doi("a")), held("W12", doi=doi("b"))
    foreign = held("W13", OTHER_TITLE, doi=doi("z"))
    results = [[a, b, a, foreign][n] for n in order]
    asked = via(in_turn(response(200, listed(*results, count=3))))
    answers = asked.lookup(paper(1, doi="10.1000/a"), paper(2, doi="10.1000/b"))
    assert {n: id_of(answer) for n, answer in answers.items()} == {1: "W11", 2: "W12"}


def test_of_several_works_with_one_doi_the_one_with_the_title_is_taken() -> None:
    asked = to(
        held("W11", OTHER_TITLE, doi=doi("a"), cited_by_count=900),
        held("W12", doi=doi("a"), cited_by_count=3),
        held("W13", doi=doi("a"), cited_by_count=20),
    )
    assert id_of(asked.lookup(paper(doi="10.1000/a"))[1]) == "W13"


def test_a_doi_that_leads_to_another_paper_is_for_review() -> None:
    stranger = held("W11", OTHER_TITLE, doi=doi("a"), authorships=STRANGERS)
    answer = to(stranger).lookup(paper(doi="10.1000/a"))[1]
    assert answer.outcome is Outcome.AMBIGUOUS
    assert [candidate.record.id for candidate in answer.candidates] == ["W11"]


def test_a_work_without_a_title_is_believed_by_its_identifier() -> None:
    untitled = work("W2963341956", None, doi=doi("a"), authorships=BY)
    assert id_of(to(untitled).lookup(paper(doi="10.1000/a"))[1]) == "W2963341956"


def test_a_work_that_cannot_be_read_fails_its_paper_alone() -> None:
    broken = {**held("W11", doi=doi("a")), "authorships": "broken"}
    asked = via(lambda _: response(200, listed(broken, held("W12", doi=doi("b")))))
    answers = asked.lookup(paper(1, doi="10.1000/a"), paper(2, doi="10.1000/b"))
    assert answers[1] == Answer.failed("openalex: unreadable record: authorships is not a list")
    assert id_of(answers[2]) == "W12"


def test_whatever_a_work_holds_the_others_of_its_list_are_answered() -> None:
    whole = held("W11", doi=doi("a"), locations=page_of("1706.03762"), authorships=BY[:1])
    good = held("W12", doi=doi("b"))
    for broken in spoilt(whole):
        asked = via(lambda _, odd=broken: response(200, listed(odd, good)))  # type: ignore[misc]
        assert id_of(asked.lookup(paper(2, doi="10.1000/b"))[2]) == "W12"


@pytest.mark.parametrize("nameless", [None, {}, {"title": TITLE}, "W11"])
def test_a_work_without_identifiers_may_be_any_papers(nameless: object) -> None:
    asked = via(lambda _: response(200, listed(nameless, held("W12", doi=doi("b")))))
    answers = asked.lookup(paper(1, doi="10.1000/a"), paper(2, doi="10.1000/b"))
    assert answers[1].outcome is Outcome.FAILED
    assert id_of(answers[2]) == "W12"


def test_more_than_a_hundred_values_are_split() -> None:
    asked = to(*(held(f"W{1000 + n}", doi=doi(str(n))) for n in range(250)))
    answers = asked.lookup(*(paper(n + 1, doi=f"10.1000/{n}") for n in range(250)))
    assert len(answers) == 250
    assert len(asked.seen) == 3


def test_long_urls_are_split() -> None:
    names = [f"{n:03d}/{'(x)' * 60}" for n in range(100)]
    asked = to(*(held(f"W{1000 + n}", doi=doi(name)) for n, name in enumerate(names)))
    answers = asked.lookup(*(paper(n + 1, doi=f"10.1000/{name}") for n, name in enumerate(names)))
    assert len(answers) == 100
    assert max(len(request.url.raw_path) for request in asked.seen) > 6000


def test_a_list_of_several_pages_is_read_to_its_end() -> None:
    works = [held(f"W{1000 + n}", doi=doi("a"), cited_by_count=1) for n in range(9)]
    asked = via(in_pages_of(4, *works, held("W99", doi=doi("b"))))
    assert id_of(asked.lookup(paper(1, doi="10.1000/a"), paper(2, doi="10.1000/b"))[2]) == "W99"
    assert asked.sent("page") == ["2", "3"]


def test_a_list_without_an_end_is_refused_and_not_taken_for_not_found() -> None:
    works = [held(f"W{1000 + n}", doi=doi("a")) for n in range(MOST_PAGES + 1)]
    with pytest.raises(RequestRefused, match="matches 11 works"):
        via(in_pages_of(1, *works)).lookup(paper(doi="10.1000/b"), paper(doi="10.1000/a"))


def test_a_page_that_repeats_works_does_not_hide_the_pages_after_it() -> None:
    works = [held(f"W{1000 + n}", doi=doi("a")) for n in range(4)]
    last = held("W99", doi=doi("b"))
    asked = via(in_turn(*(response(200, listed(*page, count=5)) for page in (works * 2, [last]))))
    assert id_of(asked.lookup(paper(1, doi="10.1000/a"), paper(2, doi="10.1000/b"))[2]) == "W99"


def test_a_list_that_ends_too_early_is_no_proof_of_absence() -> None:
    one = held("W11", doi=doi("a"))
    asked = via(in_turn(response(200, listed(one, count=2)), response(200, listed(count=2))))
    with pytest.raises(AnswerMalformed, match="of 2 works ended after 1"):
        asked.lookup(paper(1, doi="10.1000/a"), paper(2, doi="10.1000/b"))


def test_a_list_that_does_not_say_how_long_it_is_is_no_proof_of_absence() -> None:
    with pytest.raises(AnswerMalformed, match="no count of works"):
        via(lambda _: response(200, {"results": []})).lookup(paper(doi="10.1000/a"))


@pytest.mark.parametrize("body", [[], {}, {"results": None}, {"results": {}}, "x", 3])
def test_an_answer_without_results_is_malformed(body: object) -> None:
    with pytest.raises(AnswerMalformed, match="no list of results"):
        via(lambda _: httpx2.Response(200, json=body)).lookup(paper(doi="10.1000/a"))


# Single look-ups


@pytest.mark.parametrize(
    "odd", ["a,b", "a|b", '"a"', "a b", "!a", "a?b#c", "50%", "(sici)1<25::aid>3.0.co;2-z", "doi:7"]
)
def test_odd_dois_are_looked_up_alone_and_free(odd: str) -> None:
    asked = to(held("W11", doi=doi(odd)))
    assert id_of(asked.lookup(paper(doi=f"10.1000/{odd}"))[1]) == "W11"
    assert asked.sent("filter") == []
    assert asked.paths[0].startswith("/works/doi:10.1000%2F")
    assert asked.usage.cost_micros == 0


def test_an_odd_doi_does_not_disturb_the_others() -> None:
    asked = to(held("W11", doi=doi("a,b")), held("W12", doi=doi("b")))
    answers = asked.lookup(paper(1, doi="10.1000/a,b"), paper(2, doi="10.1000/b"))
    assert {n: id_of(answer) for n, answer in answers.items()} == {1: "W11", 2: "W12"}


def test_a_single_look_up_of_what_is_not_there_answers_404_in_html() -> None:
    asked = to()
    assert asked.lookup(paper(doi="10.1000/a,b")) == {}
    assert asked.paths == ["/works/doi:10.1000%2Fa%2Cb"]


def test_an_odd_doi_that_two_papers_share_is_asked_for_once() -> None:
    asked = to(held("W11", doi=doi("a,b")))
    answers = asked.lookup(paper(1, doi="10.1000/a,b"), paper(2, doi="10.1000/a,b"))
    assert len(answers) == 2
    assert len(asked.seen) == 1


@pytest.mark.parametrize(
    "answer",
    [
        response(404, "404 Page Not Found"),
        response(404, "<html><title>404 Not Found</title><h1>404 Not Found</h1></html>"),
        response(404, {"message": "Not Found"}),
        response(404, ""),
    ],
)
def test_a_404_that_is_not_openalexs_own_says_nothing_about_a_paper(
    answer: httpx2.Response,
) -> None:
    with pytest.raises(SourceUnavailable, match="did not come from OpenAlex"):
        via(lambda _: answer).lookup(paper(doi="10.1000/a,b"))


def test_a_404_of_a_list_is_never_not_found() -> None:
    with pytest.raises(SourceUnavailable):
        via(lambda _: response(404, NOT_FOUND)).lookup(paper(doi="10.1000/a"))


@pytest.mark.parametrize("status", [301, 302])
def test_a_merged_work_is_absent_from_lists_and_found_alone(status: int) -> None:
    server = handler_of(LocalOpenAlex([held("W12")], merged={"W11": "W12"}))

    def handler(request: httpx2.Request) -> httpx2.Response:
        answer = server(request)
        return httpx2.Response(status, headers=answer.headers) if answer.is_redirect else answer

    asked = via(handler)
    answer = asked.lookup(paper(openalex="W11"))[1]
    assert (id_of(answer), by_of(answer)) == ("W12", "openalex")
    assert asked.paths == ["/works", "/works/W11", "/works/W12"]


def test_an_openalex_id_that_is_gone_is_not_found() -> None:
    asked = to()
    assert asked.lookup(paper(openalex="W11")) == {}
    assert asked.paths == ["/works", "/works/W11"]


# arXiv


def page_of(arxiv: str, scheme: str = "http", kind: str = "abs") -> list[Fields]:
    return [{"landing_page_url": f"{scheme}://arxiv.org/{kind}/{arxiv}"}]


def test_an_arxiv_paper_is_found_by_its_doi() -> None:
    asked = to(held("W11", doi="https://doi.org/10.48550/arxiv.1706.03762"))
    answer = asked.lookup(paper(arxiv="1706.03762"))[1]
    assert (id_of(answer), by_of(answer)) == ("W11", "arxiv")
    assert len(asked.seen) == 1


@pytest.mark.parametrize("kind", ["abs", "pdf"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_arxiv_paper_without_an_arxiv_doi_is_found_by_its_page(scheme: str, kind: str) -> None:
    asked = to(held("W11", doi=doi("a"), locations=page_of("1706.03762", scheme, kind)))
    answer = asked.lookup(paper(arxiv="1706.03762"))[1]
    assert (id_of(answer), by_of(answer)) == ("W11", "arxiv")
    assert [condition.partition(":")[0] for condition in asked.sent("filter")] == [
        "doi",
        "locations.landing_page_url",
    ]


def test_a_work_that_holds_another_papers_arxiv_page_is_passed_over() -> None:
    wrong = held("W4401306886", OTHER_TITLE, authorships=STRANGERS, locations=page_of("2407.21783"))
    assert to(wrong).lookup(paper(arxiv="2407.21783")) == {}


def test_the_right_work_is_taken_though_another_holds_the_arxiv_page_too() -> None:
    wrong = held("W11", OTHER_TITLE, authorships=STRANGERS, locations=page_of("2407.21783"))
    right = held("W12", locations=page_of("2407.21783", "https"))
    assert id_of(to(wrong, right).lookup(paper(arxiv="2407.21783"))[1]) == "W12"


def test_many_arxiv_pages_are_split_as_each_takes_four_values() -> None:
    ids = [f"1706.{n:05d}" for n in range(80)]
    asked = to(*(held(f"W{1000 + n}", locations=page_of(one)) for n, one in enumerate(ids)))
    assert len(asked.lookup(*(paper(n + 1, arxiv=one) for n, one in enumerate(ids)))) == 80
    assert len(asked.sent("filter")) == 1 + 4


# Authors that a list cuts


MANY = authorships(*(f"Given{n} Family{n}" for n in range(130)))


def test_authors_that_a_list_cut_are_fetched_for_free() -> None:
    asked = to(held("W11", doi=doi("a"), authorships=[*BY, *MANY]))
    record = asked.lookup(paper(doi="10.1000/a"))[1].record
    assert record is not None
    assert len(record.authors) == 132
    assert not record.authors_truncated
    assert record.title == TITLE
    assert asked.paths == ["/works", "/works/W11"]
    assert asked.usage.cost_micros == 100


def test_a_search_fetches_them_too() -> None:
    record = to(held("W11", authorships=[*BY, *MANY])).search(paper()).record
    assert record is not None
    assert len(record.authors) == 132


def test_exactly_a_hundred_authors_are_all() -> None:
    record = (
        to(held("W11", doi=doi("a"), authorships=[*BY, *MANY[:98]]))
        .lookup(paper(doi="10.1000/a"))[1]
        .record
    )
    assert record is not None
    assert (len(record.authors), record.authors_truncated) == (100, False)


def test_a_list_that_says_it_cut_nothing_is_believed() -> None:
    whole = held("W11", doi=doi("a"), authorships=MANY[:100], is_authors_truncated=False)
    asked = to(whole)
    record = asked.lookup(paper(doi="10.1000/a"))[1].record
    assert record is not None
    assert (len(record.authors), record.authors_truncated) == (100, False)
    assert asked.paths == ["/works"]


@pytest.mark.parametrize(
    "second",
    [
        response(404, NOT_FOUND),
        response(400, {"error": "no"}),
        response(200, "half an answ"),
        response(200, {"id": "W12", "authorships": BY}),
        response(200, {"id": "W11", "authorships": "broken"}),
    ],
)
def test_where_they_cannot_be_fetched_the_cut_list_stays_and_says_so(
    second: httpx2.Response,
) -> None:
    cut = held("W11", doi=doi("a"), authorships=MANY[:100])
    asked = via(in_turn(response(200, {"meta": {"count": 1}, "results": [cut]}), second))
    record = asked.lookup(paper(doi="10.1000/a"))[1].record
    assert record is not None
    assert (len(record.authors), record.authors_truncated) == (100, True)


# Search


def test_a_title_is_searched_within_some_years() -> None:
    asked = to(held("W11"), held("W12", OTHER_TITLE))
    answer = asked.search(paper())
    assert (id_of(answer), by_of(answer)) == ("W11", "title")
    assert asked.sent("filter") == [f"title.search:{TITLE},publication_year:2017-2023"]
    assert asked.sent("include_xpac") == ["true"]
    assert asked.usage.cost_micros == 1000


def test_a_paper_without_a_year_is_searched_in_all_years() -> None:
    asked = to(held("W11"))
    undated = Paper(id=1, position=0, key="p", title=TITLE, authors=("Ann Lee", "Bo Chen"))
    assert id_of(asked.search(undated)) == "W11"
    assert asked.sent("filter") == [f"title.search:{TITLE}"]


@pytest.mark.parametrize(
    "title",
    [
        "Attention, please: is it all | you need?",
        'The "best" of (two) worlds! *~?',
        "War AND peace OR NOT",
        "<i>Homo</i> &amp; co.",
    ],
)
def test_no_character_of_the_filter_syntax_gets_into_a_search(title: str) -> None:
    asked = to(held("W11", title))
    assert id_of(asked.search(paper(1, title))) == "W11"


@pytest.mark.parametrize("title", ["", "?!", "None", "null", "undefined"])
def test_a_title_that_cannot_be_searched_makes_no_request(title: str) -> None:
    asked = to()
    assert asked.search(paper(1, title)) == Answer.failed("no title to search by")
    assert asked.seen == []


def test_a_search_without_results_is_not_found() -> None:
    assert to().search(paper()) == Answer.not_found()


def test_a_find_of_a_like_title_by_others_is_not_the_paper() -> None:
    other = held("W11", authorships=STRANGERS)
    assert to(other).search(paper()).outcome is not Outcome.ENRICHED


# Errors, limits, prices


def test_a_partial_answer_is_asked_for_again() -> None:
    partial = response(200, {"meta": {"timed_out": True, "count": 0}, "results": []})
    whole = response(200, {"meta": {"count": 1}, "results": [held("W11", doi=doi("a"))]})
    asked = via(in_turn(partial, whole))
    assert id_of(asked.lookup(paper(doi="10.1000/a"))[1]) == "W11"
    assert asked.usage.retries == 1


def test_answers_that_stay_partial_are_no_not_found() -> None:
    partial = response(200, {"meta": {"timed_out": True, "count": 0}, "results": []})
    with pytest.raises(SourceUnavailable, match="incomplete"):
        via(lambda _: partial).search(paper())


def test_a_429_per_second_is_waited_for() -> None:
    refusal = response(429, {"error": "Rate limit exceeded", "retryAfter": 7})
    whole = response(200, {"meta": {"count": 1}, "results": [held("W11", doi=doi("a"))]})
    asked = via(in_turn(refusal, whole))
    assert id_of(asked.lookup(paper(doi="10.1000/a"))[1]) == "W11"
    assert 7 in asked.slept


def test_a_spent_budget_stops_the_source_at_once() -> None:
    body = {"error": "Rate limit exceeded", "message": "Insufficient budget.", "retryAfter": 90}
    asked = via(lambda _: response(429, body))
    with pytest.raises(QuotaSpent) as caught:
        asked.lookup(paper(doi="10.1000/a"))
    assert caught.value.not_before is not None
    assert len(asked.seen) == 1


def test_a_refused_key_stops_the_source_at_once() -> None:
    asked = via(lambda _: response(401, {"error": "Invalid or missing API key"}))
    with pytest.raises(KeyRefused):
        asked.search(paper())
    assert len(asked.seen) == 1


def test_a_batch_counts_what_all_its_requests_cost() -> None:
    asked = to(held("W11", ids={"mag": "99"}))
    asked.lookup(paper(1, doi="10.1000/a", mag="99"), paper(2, doi="10.1000/a,b"))
    assert asked.usage.requests == 3
    assert asked.usage.cost_micros == 200


def test_the_key_is_in_no_address() -> None:
    asked = HandledSource(
        OpenAlex(SourceSettings(api_key="k-0815-4711")), handler_of(LocalOpenAlex([]))
    )
    asked.lookup(paper(doi=("10.1000/a", "10.1000/a,b")))
    assert {request.headers["authorization"] for request in asked.seen} == {"Bearer k-0815-4711"}
    assert not any("4711" in str(request.url) for request in asked.seen)


# Real works, served by a server that keeps the rules


def real_papers(works: Sequence[Fields]) -> list[Paper]:
    """Return papers that know of a work no more than its title and one identifier."""
    papers = []
    for number, real in enumerate(works, start=1):
        scheme, value = sorted(handles_of(real))[number % len(handles_of(real))]
        title = real.get("title") or real.get("display_name") or ""
        assert isinstance(title, str)
        scheme = "arxiv" if scheme == "location" else scheme
        papers.append(
            Paper(id=number, position=number, key="", title=title, identifiers={scheme: (value,)})
        )
    return papers


def test_real_works_are_found_again_by_any_of_their_identifiers() -> None:
    works = [w for w in real_records("openalex_works") if w.get("ids")][::5]
    papers = real_papers(works)
    asked = to(*works)
    answers: dict[int, Answer] = {}
    for first in range(0, len(papers), 100):
        answers |= asked.lookup(*papers[first : first + 100])
    assert len(papers) > 500
    # A work or two hold nothing of arXiv but a PDF, which is not asked for.
    assert len(answers) >= len(papers) - 2
    assert all(answer.outcome is Outcome.ENRICHED for answer in answers.values())
