"""Crossref as a source: each trap of its protocol, met by a server that keeps its rules."""

from __future__ import annotations

from collections.abc import Sequence

import httpx2
import pytest

from jobrunner.errors import (
    AnswerMalformed,
    FaultyAnswer,
    KeyRefused,
    RequestRefused,
    SourceError,
    SourceUnavailable,
    TransientError,
)
from jobrunner.http.rate_limit import RateLimit
from jobrunner.models import Answer, Outcome, Paper
from jobrunner.sources.contract import SourceSettings
from jobrunner.sources.crossref.source import (
    LONGEST_URL,
    LOOKUP_SIZE,
    SEARCH_RESULTS,
    SELECT,
    Crossref,
    learn,
)
from jobrunner.sources.json_fields import Fields
from tests.support.servers.crossref import Crossref as LocalCrossref
from tests.support.servers.crossref_query import SELECTABLE
from tests.unit.sources.crossref.works import held
from tests.unit.sources.handled_source import (
    OTHER_TITLE,
    TITLE,
    HandledSource,
    Handler,
    RecordedError,
    handler_of,
    in_turn,
    paper,
    real_records,
    recorded_errors,
    response,
    verdict,
)

SERVICE = Crossref(SourceSettings()).service
STRANGERS = [{"given": "Cy", "family": "Dee"}]


def via(handler: Handler, **settings: str) -> HandledSource:
    return HandledSource(Crossref(SourceSettings(**settings)), handler)


def to(*works: Fields) -> HandledSource:
    return via(handler_of(LocalCrossref(works)))


def listed(*works: object, total: int | None = None) -> httpx2.Response:
    """Return a list; ``total`` if it says another length than it has."""
    count = len(works) if total is None else total
    return response(200, {"status": "ok", "message": {"total-results": count, "items": works}})


def id_of(answer: Answer | None) -> str | None:
    return answer.record.id if answer and answer.record else None


# Lists


def test_papers_are_looked_up_in_one_request() -> None:
    asked = to(held("10.1000/a", TITLE), held("10.1000/b", TITLE))
    answers = asked.lookup(paper(1, doi="10.1000/b"), paper(2, doi="10.1000/a"))
    assert {n: id_of(answer) for n, answer in answers.items()} == {1: "10.1000/b", 2: "10.1000/a"}
    assert asked.sent("filter") == ["doi:10.1000/a,doi:10.1000/b"]
    assert asked.sent("rows") == ["2"]


def test_more_papers_than_the_usual_rows_all_come_back() -> None:
    works = [held(f"10.1000/{n}", TITLE) for n in range(LOOKUP_SIZE)]
    answers = to(*works).lookup(*(paper(n + 1, doi=f"10.1000/{n}") for n in range(LOOKUP_SIZE)))
    assert len(answers) == LOOKUP_SIZE


def test_no_papers_make_no_request() -> None:
    asked = to()
    assert asked.lookup() == {}
    assert asked.seen == []


def test_a_paper_that_is_not_there_is_absent() -> None:
    assert to(held("10.1000/a", TITLE)).lookup(paper(doi="10.1000/z")) == {}


def test_more_dois_than_a_filter_takes_are_split() -> None:
    dois = [f"10.1000/{n}" for n in range(LOOKUP_SIZE + 1)]
    asked = to(*(held(doi, TITLE) for doi in dois))
    assert len(asked.lookup(*(paper(n + 1, doi=doi) for n, doi in enumerate(dois)))) == 51
    assert sorted(asked.sent("rows")) == ["1", str(LOOKUP_SIZE)]


@pytest.mark.parametrize("given", ["10.1023/A:1010933404324", "10.1023/a:1010933404324"])
def test_the_case_of_a_doi_makes_no_difference(given: str) -> None:
    asked = to(held("10.1023/A:1010933404324", TITLE))
    assert id_of(asked.lookup(paper(doi=given))[1]) == "10.1023/a:1010933404324"


def test_the_next_doi_is_tried_for_papers_without_luck() -> None:
    asked = to(held("10.1000/b", TITLE))
    answers = asked.lookup(paper(doi=("10.1000/a", "10.1000/b")))
    assert id_of(answers[1]) == "10.1000/b"
    assert asked.sent("filter") == ["doi:10.1000/a", "doi:10.1000/b"]


@pytest.mark.parametrize("turn", [1, -1])
def test_order_duplicates_and_foreign_works_make_no_difference(turn: int) -> None:
    a, b = held("10.1000/a", TITLE), held("10.1000/b", TITLE)
    asked = via(lambda _: listed(*[a, b, a, held("10.1000/z", OTHER_TITLE)][::turn]))
    answers = asked.lookup(paper(1, doi="10.1000/a"), paper(2, doi="10.1000/b"))
    assert {n: id_of(answer) for n, answer in answers.items()} == {1: "10.1000/a", 2: "10.1000/b"}


def test_dois_of_another_agency_are_not_asked_for() -> None:
    asked = to()
    dois = ("10.48550/arxiv.1706.03762", "10.5281/zenodo.1")
    assert asked.lookup(paper(doi=dois)) == {}
    assert asked.seen == []


def test_a_doi_that_leads_to_another_paper_is_for_review() -> None:
    other = held("10.1000/a", OTHER_TITLE, author=STRANGERS)
    answer = to(other).lookup(paper(doi="10.1000/a"))[1]
    assert answer.outcome is Outcome.AMBIGUOUS
    assert [candidate.record.id for candidate in answer.candidates] == ["10.1000/a"]


def test_a_work_that_cannot_be_read_fails_its_paper_alone() -> None:
    broken = {"DOI": "10.1000/a", "title": {}}
    asked = via(lambda _: listed(broken, held("10.1000/b", TITLE)))
    answers = asked.lookup(paper(1, doi="10.1000/a"), paper(2, doi="10.1000/b"))
    assert answers[1] == Answer.failed("crossref: unreadable record: title is not a list")
    assert id_of(answers[2]) == "10.1000/b"


@pytest.mark.parametrize("nameless", [None, {}, {"title": [TITLE]}, "x"])
def test_a_work_without_a_doi_may_be_any_papers(nameless: object) -> None:
    asked = via(lambda _: listed(nameless, held("10.1000/b", TITLE)))
    answers = asked.lookup(paper(1, doi="10.1000/a"), paper(2, doi="10.1000/b"))
    assert answers[1].outcome is Outcome.FAILED
    assert id_of(answers[2]) == "10.1000/b"


@pytest.mark.parametrize("body", [[], {}, {"message": None}, {"message": {"items": {}}}, "x"])
def test_an_answer_without_items_is_malformed(body: object) -> None:
    with pytest.raises(AnswerMalformed, match="no list of items"):
        via(lambda _: httpx2.Response(200, json=body)).lookup(paper(doi="10.1000/a"))


def test_a_list_that_does_not_say_how_long_it_is_is_no_proof_of_absence() -> None:
    with pytest.raises(AnswerMalformed, match="no total"):
        via(lambda _: response(200, {"message": {"items": []}})).lookup(paper(doi="10.1000/a"))


@pytest.mark.parametrize("first", [listed(total=2), listed(held("10.1000/a", TITLE), total=2)])
def test_a_list_that_lacks_works_is_asked_for_again(first: httpx2.Response) -> None:
    whole = listed(held("10.1000/a", TITLE), held("10.1000/b", TITLE))
    asked = via(in_turn(first, whole))
    assert len(asked.lookup(paper(1, doi="10.1000/a"), paper(2, doi="10.1000/b"))) == 2


def test_a_list_that_keeps_lacking_works_is_malformed_and_its_papers_are_not_not_found() -> None:
    asked = via(lambda _: listed(total=1))
    with pytest.raises(AnswerMalformed, match="0 of 1 works"):
        asked.lookup(paper(doi="10.1000/a"))
    with pytest.raises(AnswerMalformed, match="0 of 1 works"):
        asked.search(paper())


def test_a_filter_that_finds_more_than_it_was_asked_for_is_no_proof_of_absence() -> None:
    asked = via(lambda _: listed(held("10.1000/a", TITLE), held("10.1000/z", TITLE), total=3))
    with pytest.raises(AnswerMalformed, match="2 DOIs matches 3 works"):
        asked.lookup(paper(1, doi="10.1000/a"), paper(2, doi="10.1000/b"))


def test_only_fields_that_a_list_can_be_reduced_to_are_selected() -> None:
    assert set(SELECT.split(",")) <= set(SELECTABLE)


# Single records


@pytest.mark.parametrize(
    "odd",
    [
        "a,b",
        "a(b)c",
        'a"b',
        "a|b",
        "a?b#c",
        "50%",
        "(sici)1097-0061(199602)12:2<25::aid-yea197>3.0.co;2-z",
    ],
)
def test_odd_dois_are_looked_up_alone(odd: str) -> None:
    asked = to(held(f"10.1000/{odd}", TITLE))
    assert id_of(asked.lookup(paper(doi=f"10.1000/{odd}"))[1]) == f"10.1000/{odd}"
    assert asked.sent("filter") == asked.sent("select") == []
    assert asked.paths[0].startswith("/works/10.1000%2F")


def test_an_odd_doi_that_is_not_there_is_absent() -> None:
    assert to().lookup(paper(doi="10.1000/a(b)c")) == {}


def test_a_single_record_under_another_doi_is_still_the_answer() -> None:
    # An alias: the service answers with the primary DOI.
    alias = response(200, {"message": held("10.1000/primary", TITLE)})
    assert id_of(via(lambda _: alias).lookup(paper(doi="10.1000/a(b)"))[1]) == "10.1000/primary"


@pytest.mark.parametrize(
    "answer",
    [
        response(404, {"status": "error", "message-type": "route-not-found"}),
        response(404, "<html><h1>404 Not Found</h1></html>"),
        response(404, ""),
    ],
)
def test_a_404_that_is_not_about_a_doi_says_nothing_about_a_paper(answer: httpx2.Response) -> None:
    with pytest.raises(SourceUnavailable):
        via(lambda _: answer).lookup(paper(doi="10.1000/a(b)"))


def test_a_404_of_a_list_is_never_not_found() -> None:
    with pytest.raises(SourceUnavailable):
        via(lambda _: response(404, "Resource not found.")).lookup(paper(doi="10.1000/a"))


@pytest.mark.parametrize("body", [[], {}, {"message": None}, "x"])
def test_a_single_record_without_a_message_is_malformed(body: object) -> None:
    with pytest.raises(AnswerMalformed, match="no message"):
        via(lambda _: httpx2.Response(200, json=body)).lookup(paper(doi="10.1000/a(b)"))


# Search


def test_title_first_author_and_year_are_searched() -> None:
    asked = to(held("10.1000/a", TITLE), held("10.1000/b", OTHER_TITLE))
    answer = asked.search(paper())
    assert id_of(answer) == "10.1000/a"
    assert answer.match is not None
    assert answer.match.by == "title"
    assert asked.sent("query.bibliographic") == [f"{TITLE} Ann Lee 2020"]
    assert asked.sent("rows") == [str(SEARCH_RESULTS)]


def test_a_title_alone_is_searched_too() -> None:
    asked = to(held("10.1000/a", TITLE))
    asked.search(Paper(id=1, position=0, key="p", title=TITLE))
    assert asked.sent("query.bibliographic") == [TITLE]


def test_something_close_is_not_the_paper() -> None:
    near = "Measuring the cost of dense attention over short documents"
    assert to(held("10.1000/a", near)).search(paper()).outcome is not Outcome.ENRICHED


def test_a_title_without_words_makes_no_request() -> None:
    asked = to()
    assert asked.search(paper(1, "?!")) == Answer.failed("no title to search by")
    assert asked.seen == []


# Politeness, limits, errors


def test_an_email_address_gives_the_polite_pool_in_both_ways() -> None:
    asked = via(handler_of(LocalCrossref([])), email="a@b.org")
    asked.search(paper())
    assert asked.sent("mailto") == ["a@b.org"]
    assert "mailto:" in asked.seen[0].headers["user-agent"]
    assert asked.source.service.limits.requests_per_second == 3


def test_without_one_requests_are_slow_and_one_at_a_time() -> None:
    assert (SERVICE.limits.requests_per_second, SERVICE.limits.concurrency) == (1, 1)
    assert SERVICE.params == {}


def test_a_key_travels_in_the_plus_header() -> None:
    asked = via(handler_of(LocalCrossref([])), api_key="k-0815-4711")
    asked.search(paper())
    assert asked.seen[0].headers["crossref-plus-api-token"] == "Bearer k-0815-4711"
    assert "4711" not in str(asked.seen[0].url)
    assert asked.source.service.limits.requests_per_second == 50


def pace_after(allowed: float, **headers: str) -> float:
    pace = RateLimit(allowed, 3)
    learn(response(200, "", **headers), pace)
    return pace.allowed


def announced(limit: str, pool: str = "", interval: str = "1s") -> dict[str, str]:
    pooled = {"x_api_pool": pool} if pool else {}
    return {"x_rate_limit_limit": limit, "x_rate_limit_interval": interval, **pooled}


@pytest.mark.parametrize(
    ("headers", "rate"),
    [
        (announced("5", "polite-array"), 5),
        (announced("1", "public-array"), 1),
        (announced("150", "plus"), 150),
        (announced("10", "polite-single"), 3),
        (announced("50", "polite"), 3),
        (announced("50", "public"), 3),
        (announced("50"), 3),
        (announced("2"), 2),
        (announced("30", "", "60s"), 0.5),
    ],
)
def test_announced_limits_are_taken_over_but_not_those_of_single_records(
    headers: dict[str, str], rate: float
) -> None:
    assert pace_after(3.0, **headers) == rate


@pytest.mark.parametrize(
    "headers",
    [
        {},
        announced("0"),
        announced("-1"),
        announced("fast"),
        announced("1" * 50),
        announced("1", "", "0s"),
        announced("1", "", "1m"),
        {"x_concurrency_limit": "0"},
        {"x_concurrency_limit": "00100000"},
        {"x_concurrency_limit": "many"},
    ],
)
def test_senseless_limits_are_ignored(headers: dict[str, str]) -> None:
    assert pace_after(3.0, **headers) == 3


def test_an_announced_concurrency_is_taken_over() -> None:
    limits: list[int | None] = []

    class Told(RateLimit):
        def limit(
            self, *, requests_per_second: float | None = None, concurrency: int | None = None
        ) -> None:
            limits.append(concurrency)

    learn(response(200, "", x_concurrency_limit="2"), Told(3.0, 3))
    learn(response(200, "", x_concurrency_limit="1000"), Told(3.0, 3))
    assert limits == [2]


def test_a_block_stops_the_source() -> None:
    asked = via(lambda _: response(403, "blocked"))
    with pytest.raises(KeyRefused):
        asked.lookup(paper(doi="10.1000/a"))
    assert len(asked.seen) == 1


def test_urls_stay_within_the_length_that_the_service_takes() -> None:
    dois = [f"10.1000/{n:02d}{'/x' * 60}" for n in range(LOOKUP_SIZE)]
    asked = to(*(held(doi, TITLE) for doi in dois))
    answers = asked.lookup(*(paper(n + 1, doi=doi) for n, doi in enumerate(dois)))
    lengths = [len(str(request.url)) for request in asked.seen]
    assert len(answers) == LOOKUP_SIZE
    assert LONGEST_URL - 300 < max(lengths) <= LONGEST_URL


def test_a_url_that_is_too_long_all_the_same_is_refused_and_says_nothing_of_its_paper() -> None:
    with pytest.raises(RequestRefused):
        to().lookup(paper(doi=f"10.1000/{'x' * LONGEST_URL}"))


EXPECTED: dict[int, type[SourceError]] = {
    400: RequestRefused,
    404: SourceUnavailable,
    429: TransientError,
    500: FaultyAnswer,
    504: TransientError,
}


def test_recorded_errors_become_the_right_errors() -> None:
    errors = [e for e in recorded_errors("crossref") if e.status != 200]
    assert len(errors) >= 42
    for recorded in errors:
        assert type(verdict(SERVICE, recorded.response())) is EXPECTED[recorded.status], recorded


def is_about_a_resource(recorded: RecordedError) -> bool:
    try:
        SERVICE.judge(recorded.response())
    except SourceUnavailable:
        return False
    return True


def test_of_the_recorded_404s_those_about_a_resource_are_told_from_the_others() -> None:
    missing = [e for e in recorded_errors("crossref") if e.status == 404]
    others = [e.body or "" for e in missing if not is_about_a_resource(e)]
    assert len(missing) - len(others) == 12
    assert ["route-not-found" in body or "cursor-invalid" in body for body in others] == [True] * 2


def test_a_recorded_success_in_xml_is_malformed() -> None:
    xml = next(e for e in recorded_errors("crossref") if e.status == 200)
    with pytest.raises(AnswerMalformed, match="without JSON"):
        via(lambda _: xml.response()).lookup(paper(doi="10.1111/nph.14619"))


# Real works


def papers_of(reals: Sequence[Fields]) -> list[Paper]:
    """Return papers that know the DOI and the first title of a real work."""
    papers = []
    for number, real in enumerate(reals, start=1):
        titles = real.get("title")
        title = str(titles[0]) if isinstance(titles, list) and titles else ""
        papers.append(paper(number, title, doi=str(real["DOI"])))
    return papers


def test_real_works_are_found_again_by_their_doi() -> None:
    reals = real_records("crossref_works")[::20]
    papers = papers_of(reals)
    asked = to(*reals)
    answers: dict[int, Answer] = {}
    for first in range(0, len(papers), LOOKUP_SIZE):
        answers |= asked.lookup(*papers[first : first + LOOKUP_SIZE])
    assert len(answers) == len(papers)
    outcomes = [answer.outcome for answer in answers.values()]
    assert outcomes.count(Outcome.FAILED) == 0
    assert len(asked.seen) < len(papers) / 3
