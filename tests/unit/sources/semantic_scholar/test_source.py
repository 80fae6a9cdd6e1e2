"""Semantic Scholar as a source: each trap of its protocol."""

from __future__ import annotations

from collections.abc import Sequence

import httpx2
import msgspec
import pytest

from jobrunner.errors import (
    AnswerMalformed,
    FaultyAnswer,
    KeyRefused,
    NoneKnown,
    RequestRefused,
    SourceError,
    SourceUnavailable,
    TransientError,
)
from jobrunner.models import Answer, Outcome, Paper
from jobrunner.sources.contract import SourceSettings
from jobrunner.sources.json_fields import Fields
from jobrunner.sources.semantic_scholar.records import record_of
from jobrunner.sources.semantic_scholar.source import (
    FIELDS,
    LOOKUP_SIZE,
    SMALLEST_DOUBTED,
    SemanticScholar,
)
from tests.support.servers.semantic_scholar import SemanticScholar as LocalSemanticScholar
from tests.unit.sources.handled_source import (
    OTHER_TITLE,
    TITLE,
    HandledSource,
    Handler,
    handler_of,
    in_turn,
    paper,
    real_records,
    recorded_errors,
    response,
    verdict,
)
from tests.unit.sources.semantic_scholar.papers import held, sha

SERVICE = SemanticScholar(SourceSettings()).service
NONE_KNOWN = response(400, {"error": "No valid paper ids given"})


def via(handler: Handler, **settings: str) -> HandledSource:
    return HandledSource(SemanticScholar(SourceSettings(**settings)), handler)


def to(*papers: Fields) -> HandledSource:
    return via(handler_of(LocalSemanticScholar(papers)))


def id_of(answer: Answer | None) -> str | None:
    return answer.record.id if answer and answer.record else None


def ids_sent(asked: HandledSource) -> list[list[str]]:
    return [msgspec.json.decode(request.content)["ids"] for request in asked.seen]


def stranger(number: int, **external: object) -> Fields:
    return {**held(number, OTHER_TITLE, **external), "authors": [{"name": "Cy Dee"}]}


# Look-ups


def test_papers_are_looked_up_in_one_post() -> None:
    asked = to(held(1, TITLE, DOI="10.1000/a"), held(2, TITLE, ArXiv="1706.03762"))
    answers = asked.lookup(paper(1, doi="10.1000/a"), paper(2, arxiv="1706.03762"))
    assert {n: id_of(answer) for n, answer in answers.items()} == {1: sha(1), 2: sha(2)}
    assert ids_sent(asked) == [["ARXIV:1706.03762", "DOI:10.1000/a"]]
    assert asked.sent("fields") == [FIELDS]
    assert asked.paths == ["/graph/v1/paper/batch"]


@pytest.mark.parametrize(
    ("identifiers", "sent"),
    [
        ({"s2": sha(1)}, sha(1)),
        ({"corpusid": "13756489"}, "CorpusId:13756489"),
        ({"doi": "10.1000/a(b)c"}, "DOI:10.1000/a(b)c"),
        ({"arxiv": "math/0309136"}, "ARXIV:math/0309136"),
        ({"pmid": "77"}, "PMID:77"),
        ({"pmcid": "PMC88"}, "PMCID:88"),
        ({"mag": "99"}, "MAG:99"),
        ({"acl": "P19-1001"}, "ACL:P19-1001"),
    ],
)
def test_identifiers_are_sent_with_their_prefix(identifiers: dict[str, str], sent: str) -> None:
    asked = via(lambda _: response(200, [held(1, TITLE)]))
    answer = asked.lookup(paper(1, TITLE, **identifiers))[1]
    assert ids_sent(asked) == [[sent]]
    assert answer.match is not None
    assert [answer.match.by] == list(identifiers)


def test_no_papers_make_no_request() -> None:
    asked = to()
    assert asked.lookup() == {}
    assert asked.lookup(paper(openalex="W11", dblp="conf/x/Y20")) == {}
    assert asked.seen == []


def test_answers_are_aligned_by_position_and_not_by_the_ids_in_them() -> None:
    # Merged and published versions come back under other identifiers than those asked for.
    merged = held(7, TITLE, DOI="10.9999/published")
    asked = via(lambda _: response(200, [None, merged, None]))
    answers = asked.lookup(*(paper(n, doi=f"10.1000/{n}") for n in (1, 2, 3)))
    assert {n: id_of(answer) for n, answer in answers.items()} == {2: sha(7)}


@pytest.mark.parametrize(
    ("name", "scheme", "values"),
    [
        ("DOI", "doi", ("10.1000/a", "10.1000/B", "10.1000/c")),
        ("ArXiv", "arxiv", ("1706.00001", "1706.00002", "1706.00003")),
        ("PubMed", "pmid", (71, 72, 73)),
        ("PubMedCentral", "pmcid", ("PMC1", "PMC2", "PMC3")),
        ("CorpusId", "corpusid", (1, 2, 3)),
        ("paperId", "s2", (sha(1), sha(2), sha(3))),
    ],
)
@pytest.mark.parametrize("turned", [[2, 1, 0], [1, 2, 0], [1, 0, None]])
def test_a_batch_that_comes_in_another_order_is_asked_for_again(
    name: str, scheme: str, values: Sequence[object], turned: list[int | None]
) -> None:
    external = [{} if name == "paperId" else {name: str(v).removeprefix("PMC")} for v in values]
    papers = [held(n + 1, TITLE, **external[n]) for n in range(3)]
    wrong = [None if n is None else papers[n] for n in turned]
    asked = via(in_turn(response(200, wrong), response(200, papers)))
    answers = asked.lookup(
        *(paper(n + 1, TITLE, **{scheme: str(v).lower()}) for n, v in enumerate(values))
    )
    assert {n: id_of(answer) for n, answer in answers.items()} == {n: sha(n) for n in (1, 2, 3)}
    assert len(asked.seen) == 2


def test_a_batch_that_stays_in_another_order_is_malformed() -> None:
    asked = via(lambda _: response(200, [held(n, TITLE, DOI=f"10.1000/{n}") for n in (2, 1)]))
    with pytest.raises(AnswerMalformed, match="2 of 2 papers are at the wrong position"):
        asked.lookup(paper(1, doi="10.1000/1"), paper(2, doi="10.1000/2"))


def test_a_preprint_may_come_back_as_what_was_published_of_it_though_both_are_asked_for() -> None:
    published = held(7, TITLE, DOI="10.9999/published")
    asked = via(lambda _: response(200, [published, published]))
    answers = asked.lookup(paper(1, doi="10.1000/preprint"), paper(2, doi="10.9999/published"))
    assert {n: id_of(answer) for n, answer in answers.items()} == {1: sha(7), 2: sha(7)}
    assert len(asked.seen) == 1


def test_two_identifiers_of_one_paper_are_answered_alike() -> None:
    asked = to(held(1, TITLE, DOI="10.1000/a", ArXiv="1706.03762"))
    answers = asked.lookup(paper(1, doi="10.1000/a"), paper(2, arxiv="1706.03762"))
    assert {n: id_of(answer) for n, answer in answers.items()} == {1: sha(1), 2: sha(1)}


def test_papers_with_one_identifier_are_asked_for_once() -> None:
    asked = to(held(1, TITLE, DOI="10.1000/a"))
    assert len(asked.lookup(paper(1, doi="10.1000/a"), paper(2, doi="10.1000/a"))) == 2
    assert ids_sent(asked) == [["DOI:10.1000/a"]]


def test_the_next_identifier_is_tried_for_papers_without_luck() -> None:
    asked = to(held(1, TITLE, ArXiv="1706.03762"), held(2, TITLE, DOI="10.1000/b"))
    answers = asked.lookup(
        paper(1, doi="10.1000/a", arxiv="1706.03762"), paper(2, doi="10.1000/b", pmid="7")
    )
    assert {n: id_of(answer) for n, answer in answers.items()} == {1: sha(1), 2: sha(2)}
    assert ids_sent(asked) == [["DOI:10.1000/a", "DOI:10.1000/b"], ["ARXIV:1706.03762"]]


def test_an_identifier_that_leads_to_another_paper_is_for_review() -> None:
    answer = to(stranger(1, DOI="10.1000/a")).lookup(paper(doi="10.1000/a"))[1]
    assert answer.outcome is Outcome.AMBIGUOUS
    assert [candidate.record.id for candidate in answer.candidates] == [sha(1)]


def test_a_paper_that_cannot_be_read_fails_alone() -> None:
    asked = via(lambda _: response(200, [{"paperId": None}, held(2, TITLE)]))
    answers = asked.lookup(paper(1, doi="10.1000/a"), paper(2, doi="10.1000/b"))
    assert answers[1].outcome is Outcome.FAILED
    assert id_of(answers[2]) == sha(2)


def test_a_batch_of_which_nothing_is_known_is_not_found() -> None:
    asked = to(held(1, TITLE, DOI="10.1000/a"))
    assert asked.lookup(paper(1, doi="10.1000/x"), paper(2, doi="10.1000/y")) == {}
    assert len(asked.seen) == 1


def test_one_malformed_identifier_does_not_hide_all_others() -> None:
    dois = [f"10.1000/{n}" for n in range(LOOKUP_SIZE)]
    papers = [held(n + 1, TITLE, DOI=doi) for n, doi in enumerate(dois)]
    server = handler_of(LocalSemanticScholar(papers))

    def handle(request: httpx2.Request) -> httpx2.Response:
        is_spoilt = b'"DOI:10.1000/250"' in request.content
        return NONE_KNOWN if is_spoilt else server(request)

    asked = via(handle)
    answers = asked.lookup(*(paper(n + 1, doi=doi) for n, doi in enumerate(dois)))
    assert LOOKUP_SIZE - SMALLEST_DOUBTED <= len(answers) < LOOKUP_SIZE
    assert len(asked.seen) < 12


def test_asking_for_what_is_all_unknown_ends_soon() -> None:
    asked = via(lambda _: NONE_KNOWN)
    assert asked.lookup(*(paper(n + 1, doi=f"10.1000/{n}") for n in range(LOOKUP_SIZE))) == {}
    assert len(asked.seen) < 40


def test_more_identifiers_than_a_request_takes_are_split() -> None:
    dois = [f"10.1000/{n}" for n in range(LOOKUP_SIZE + 1)]
    asked = to(*(held(n + 1, TITLE, DOI=doi) for n, doi in enumerate(dois)))
    assert len(asked.lookup(*(paper(n + 1, doi=doi) for n, doi in enumerate(dois)))) == 501
    assert sorted(map(len, ids_sent(asked))) == [1, LOOKUP_SIZE]


@pytest.mark.parametrize("value", ["", "10.1000/a b", "10.1000/a\tb"])
def test_an_identifier_that_would_spoil_its_batch_is_not_sent(value: str) -> None:
    asked = to(held(1, TITLE, DOI="10.1000/a"))
    assert list(asked.lookup(paper(1, doi="10.1000/a"), paper(2, doi=value))) == [1]
    assert ids_sent(asked) == [["DOI:10.1000/a"]]


@pytest.mark.parametrize("body", [[], [None], [None] * 3, {"data": []}, "x"])
def test_an_answer_of_another_length_is_malformed(body: object) -> None:
    asked = via(lambda _: httpx2.Response(200, json=body))
    with pytest.raises(AnswerMalformed, match="wrong number of answers"):
        asked.lookup(paper(1, doi="10.1000/a"), paper(2, doi="10.1000/b"))


def test_an_answer_of_another_length_is_asked_for_again() -> None:
    papers = [held(n, TITLE, DOI=f"10.1000/{n}") for n in (1, 2)]
    for wrong in ([], papers[:1], papers[1:], papers * 2):
        asked = via(in_turn(response(200, wrong), response(200, papers)))
        answers = asked.lookup(paper(1, doi="10.1000/1"), paper(2, doi="10.1000/2"))
        assert {n: id_of(answer) for n, answer in answers.items()} == {1: sha(1), 2: sha(2)}
        assert len(asked.seen) == 2


def test_a_batch_that_is_too_large_is_refused_so_that_it_can_be_halved() -> None:
    too_large = {"error": "Response would exceed maximum size. Reduce the number of ids."}
    with pytest.raises(RequestRefused, match="exceed maximum size"):
        via(lambda _: response(400, too_large)).lookup(paper(doi="10.1000/a"))


# Search


def test_the_closest_title_is_asked_for() -> None:
    asked = to(held(1, TITLE), stranger(2))
    answer = asked.search(paper())
    assert id_of(answer) == sha(1)
    assert answer.match is not None
    assert answer.match.by == "title"
    assert asked.sent("query") == [TITLE]
    assert asked.sent("fields") == [FIELDS]


def test_something_close_is_not_the_paper() -> None:
    near = "Measuring the cost of dense attention over short documents"
    assert to(held(1, near)).search(paper()).outcome is not Outcome.ENRICHED


def test_hyphens_and_quotes_are_not_sent() -> None:
    asked = to(held(1, 'A "state-of-the-art" title of some length'))
    assert id_of(asked.search(paper(1, 'A "state-of-the-art" title of some length'))) == sha(1)
    assert asked.sent("query") == ["A state of the art title of some length"]


@pytest.mark.parametrize(
    "answer",
    [
        response(404, {"error": "Title match not found"}),
        response(200, {"data": []}),
        response(200, {"data": None}),
        response(200, {"total": 0, "offset": 0}),
    ],
)
def test_no_match_is_not_found(answer: httpx2.Response) -> None:
    assert via(lambda _: answer).search(paper()) == Answer.not_found()


@pytest.mark.parametrize("body", [[], "x", {"data": {}}, {"data": "x"}])
def test_a_match_of_another_shape_is_malformed(body: object) -> None:
    with pytest.raises(AnswerMalformed):
        via(lambda _: httpx2.Response(200, json=body)).search(paper())


def test_a_match_that_cannot_be_read_is_a_failure() -> None:
    asked = via(lambda _: response(200, {"data": [{"title": TITLE}]}))
    assert asked.search(paper()).outcome is Outcome.FAILED


def test_a_title_without_words_makes_no_request() -> None:
    asked = to()
    assert asked.search(paper(1, "?!")) == Answer.failed("no title to search by")
    assert asked.seen == []


# Errors and limits


def test_one_request_a_second_with_a_key_or_without() -> None:
    with_key = SemanticScholar(SourceSettings(api_key="k-0815-4711")).service
    assert with_key.limits.requests_per_second == SERVICE.limits.requests_per_second == 1
    assert with_key.headers == {"x-api-key": "k-0815-4711"}


@pytest.mark.parametrize(
    "answer",
    [
        response(404, "<html><h1>404 Not Found</h1></html>"),
        response(404, {"message": "Not Found"}),
        response(404, ""),
    ],
)
def test_a_404_that_is_not_the_services_own_says_nothing_about_a_paper(
    answer: httpx2.Response,
) -> None:
    with pytest.raises(SourceUnavailable):
        via(lambda _: answer).search(paper())


def test_a_404_of_a_batch_is_never_not_found() -> None:
    asked = via(lambda _: response(404, {"error": "Paper with id 0 not found"}))
    with pytest.raises(SourceUnavailable):
        asked.lookup(paper(doi="10.1000/a"))


def test_a_success_that_holds_an_error_alone_is_asked_for_again() -> None:
    failing = response(200, {"error": "internal"})
    asked = via(in_turn(failing, response(200, {"data": [held(1, TITLE)]})))
    assert id_of(asked.search(paper())) == sha(1)
    assert asked.usage.retries == 1


def test_a_429_slows_down_and_is_asked_again() -> None:
    busy = response(429, {"message": "Too Many Requests.", "code": "429"})
    asked = via(in_turn(busy, response(200, [held(1, TITLE)])))
    assert id_of(asked.lookup(paper(doi="10.1000/a"))[1]) == sha(1)
    assert max(asked.slept) >= 1


def test_a_refused_key_stops_the_source() -> None:
    asked = via(lambda _: response(403, {"message": "Forbidden"}), api_key="k-0815-4711")
    with pytest.raises(KeyRefused, match="Forbidden"):
        asked.lookup(paper(doi="10.1000/a"))
    assert len(asked.seen) == 1
    assert "4711" not in str(asked.seen[0].url)


EXPECTED: dict[int, type[SourceError]] = {
    400: RequestRefused,
    403: KeyRefused,
    404: SourceUnavailable,
    429: TransientError,
    500: FaultyAnswer,
    504: TransientError,
}


def test_recorded_errors_become_the_right_errors() -> None:
    errors = recorded_errors("s2")
    assert len(errors) >= 27
    for recorded in errors:
        assert type(verdict(SERVICE, recorded.response())) is EXPECTED[recorded.status], recorded


def test_every_recorded_404_is_one_of_the_services_own() -> None:
    for recorded in recorded_errors("s2"):
        if recorded.status == 404:
            SERVICE.judge(recorded.response())


def test_none_known_is_told_from_other_refusals() -> None:
    assert type(verdict(SERVICE, NONE_KNOWN)) is NoneKnown


# Real papers


def papers_of(reals: Sequence[Fields]) -> list[Paper]:
    """Return papers that know the title and one identifier of a real one."""
    papers = []
    for number, real in enumerate(reals, start=1):
        record = record_of(real)
        known = sorted((s, v) for s, v in record.identifiers.items() if s != "dblp")
        scheme, value = known[number % len(known)]
        papers.append(paper(number, record.title, **{scheme: value}))
    return papers


def test_real_papers_are_found_again_by_any_of_their_identifiers() -> None:
    reals = real_records("s2_papers")[::2]
    papers = papers_of(reals)
    asked = to(*reals)
    answers: dict[int, Answer] = {}
    for first in range(0, len(papers), LOOKUP_SIZE):
        answers |= asked.lookup(*papers[first : first + LOOKUP_SIZE])
    assert len(answers) == len(papers)
    assert all(answer.outcome is Outcome.ENRICHED for answer in answers.values())
