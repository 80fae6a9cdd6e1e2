"""What OpenAlex's answers mean: three kinds of 429, partial answers, prices, refusals."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from jobrunner.errors import (
    KeyRefused,
    QuotaSpent,
    RequestRefused,
    SourceError,
    SourceUnavailable,
    TransientError,
)
from jobrunner.sources.contract import SourceSettings
from jobrunner.sources.json_fields import Fields
from jobrunner.sources.openalex.queries import keys_of
from jobrunner.sources.openalex.service import cost, judge, service_of
from jobrunner.sources.openalex.source import SELECT
from tests.unit.sources.handled_source import paper, recorded_errors, response, verdict

SERVICE = service_of(SourceSettings())
PER_SECOND: Fields = {
    "error": "Rate limit exceeded",
    "message": "Rate limit exceeded: 30 requests per second. Slow down.",
    "retryAfter": 0.03,
    "dailyRemainingUsd": 0.4,
}
DAILY: Fields = {
    "error": "Rate limit exceeded",
    "message": "Insufficient budget. This request costs $0.001. Resets at midnight UTC.",
    "retryAfter": 41749,
    "dailyRemainingUsd": 0,
}


def quota_of(body: object, **headers: str) -> QuotaSpent:
    with pytest.raises(QuotaSpent) as caught:
        judge(response(429, body, **headers))
    return caught.value


def seconds_left(error: QuotaSpent) -> float:
    assert error.not_before is not None
    return (error.not_before - datetime.now(UTC)).total_seconds()


def until_midnight() -> float:
    now = datetime.now(UTC)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return (midnight - now).total_seconds()


def test_with_a_key_requests_may_be_faster() -> None:
    with_key = service_of(SourceSettings(api_key="k-0815-4711"))
    assert with_key.limits.requests_per_second == 30
    assert SERVICE.limits.requests_per_second == 10
    assert with_key.headers == {"Authorization": "Bearer k-0815-4711"}
    assert SERVICE.headers == {}


def test_no_parameter_goes_with_every_request() -> None:
    # OpenAlex answers 400 to parameters that it does not know, and needs no e-mail address.
    assert service_of(SourceSettings(email="a@b.org", api_key="k-0815-4711")).params == {}


def test_another_address_can_be_set() -> None:
    assert service_of(SourceSettings(base_url="http://x.test")).base_url == "http://x.test"
    assert SERVICE.base_url == "https://api.openalex.org"


def test_a_429_per_second_is_passing_and_asks_for_its_exact_wait() -> None:
    with pytest.raises(TransientError, match="30 requests per second") as caught:
        judge(response(429, PER_SECOND, retry_after="1"))
    assert caught.value.retry_after == 0.03


def test_a_429_without_a_body_asks_for_the_wait_of_its_header() -> None:
    with pytest.raises(TransientError) as caught:
        judge(response(429, "", retry_after="2"))
    assert caught.value.retry_after == 2


@pytest.mark.parametrize("wait", [-1, True, "soon", None, 1e300, 10**400])
def test_a_senseless_wait_in_the_body_is_ignored(wait: object) -> None:
    with pytest.raises(TransientError) as caught:
        judge(response(429, {**PER_SECOND, "retryAfter": wait}))
    assert caught.value.retry_after is None


def test_a_spent_budget_stops_the_source_until_it_is_new() -> None:
    assert abs(seconds_left(quota_of(DAILY)) - 41749) < 60


def test_a_spent_budget_is_told_by_text_alone_too() -> None:
    error = quota_of("Insufficient budget … Resets at midnight UTC", retry_after="53578")
    assert abs(seconds_left(error) - 53578) < 60


def test_a_spent_budget_without_a_wait_is_new_when_the_reset_header_says() -> None:
    body = {**DAILY, "retryAfter": None}
    assert abs(seconds_left(quota_of(body, x_ratelimit_reset="1200")) - 1200) < 60


@pytest.mark.parametrize("reset", ["", "Mon, 06 Oct 2025 19:20:10 GMT", "1767225600", "9" * 500])
def test_a_spent_budget_is_new_at_midnight_where_nothing_sensible_is_said(reset: str) -> None:
    body = {**DAILY, "retryAfter": None}
    error = quota_of(body, x_ratelimit_reset=reset)
    assert abs(seconds_left(error) - until_midnight()) < 60


def test_a_spent_budget_without_a_key_hints_at_one() -> None:
    assert "free key" in (quota_of(DAILY).hint or "")
    with_key = response(429, DAILY)
    with_key.request.headers["authorization"] = "Bearer k"
    with pytest.raises(QuotaSpent) as caught:
        judge(with_key)
    assert caught.value.hint is None


def test_a_plan_that_does_not_allow_it_is_no_matter_of_time() -> None:
    with pytest.raises(RequestRefused, match="Plan upgrade required"):
        judge(response(429, {"error": "Plan upgrade required", "message": "from_updated_date"}))


def listed(count: int, page: int, works: Iterable[int]) -> Fields:
    meta = {"count": count, "page": page, "per_page": 25}
    return {"meta": meta, "results": [{"id": f"https://openalex.org/W{n}"} for n in works]}


def test_a_partial_answer_is_passing_trouble_and_not_an_answer() -> None:
    with pytest.raises(TransientError, match="incomplete"):
        judge(response(200, {"meta": {"count": 3, "timed_out": True}, "results": []}))


@pytest.mark.parametrize(
    ("count", "page", "came"),
    [(3, 1, 0), (3, 1, 2), (30, 1, 24), (30, 2, 4), (50, 2, 24)],
)
def test_a_page_that_lacks_works_is_passing_trouble_and_not_an_answer(
    count: int, page: int, came: int
) -> None:
    with pytest.raises(TransientError, match=f"{came} of "):
        judge(response(200, listed(count, page, range(came))))


def test_a_work_that_comes_twice_is_one_of_those_that_are_due() -> None:
    with pytest.raises(TransientError, match="2 of 3 works"):
        judge(response(200, listed(3, 1, [1, 2, 1])))


@pytest.mark.parametrize(
    ("count", "page", "came"),
    [(0, 1, 0), (3, 1, 3), (3, 1, 4), (30, 1, 25), (30, 2, 5), (30, 3, 0)],
)
def test_a_page_with_all_its_works_is_accepted(count: int, page: int, came: int) -> None:
    judge(response(200, listed(count, page, range(came))))


@pytest.mark.parametrize(
    "body",
    [
        {"meta": {"timed_out": False}, "results": []},
        {"meta": {}, "results": [{"title": 'how "timed_out": true came to be'}]},
        {"meta": {}, "results": [{"abstract_inverted_index": {"timed_out": [1]}}]},
    ],
)
def test_a_whole_answer_is_accepted(body: object) -> None:
    judge(response(200, body))


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"error": "Invalid query parameters error.", "message": "no"}, RequestRefused),
        (403, {"error": "Invalid query parameters error.", "message": "no"}, RequestRefused),
        (403, {"error": "Pagination error.", "message": "no"}, RequestRefused),
        (400, {"error": "Request URL too long"}, RequestRefused),
        (400, {"error": "Invalid request rejected at the API edge"}, RequestRefused),
        (401, {"error": "Invalid or missing API key"}, KeyRefused),
        (403, {"error": "Forbidden"}, KeyRefused),
        (404, "<!doctype html>", SourceUnavailable),
        (503, {"error": "Search temporarily unavailable"}, TransientError),
        (504, {"error": "Gateway timeout", "reason": "query_timeout"}, TransientError),
    ],
)
def test_errors_are_told_apart(status: int, body: object, kind: type[SourceError]) -> None:
    assert type(verdict(SERVICE, response(status, body))) is kind


@pytest.mark.parametrize(
    ("headers", "body", "micros"),
    [
        ({"x_ratelimit_cost_usd": "0.0001"}, "", 100),
        ({"x_ratelimit_cost_usd": "0.001", "x_ratelimit_credits_used": "1"}, "", 1000),
        ({"x_ratelimit_cost_usd": "0"}, '{"meta": {"cost_usd": 0.001}}', 0),
        ({"x_ratelimit_credits_used": "10"}, "", 1000),
        ({}, '{"meta":{"count":1,"cost_usd":0.0001},"results":[]}', 100),
        ({}, '{"meta": {"cost_usd": 1e-3}}', 1000),
        ({}, "", 0),
        ({"x_ratelimit_cost_usd": "free"}, "", 0),
        ({"x_ratelimit_cost_usd": "-1"}, "", 0),
        ({"x_ratelimit_cost_usd": "nan"}, "", 0),
        ({"x_ratelimit_cost_usd": "1e309"}, "", 0),
        ({}, '{"cost_usd": -.-}', 0),
    ],
)
def test_the_price_is_read_wherever_it_stands(
    headers: dict[str, str], body: str, micros: int
) -> None:
    assert cost(response(200, body, "https://api.test/", **headers)) == micros


EXPECTED: dict[int, type[SourceError]] = {
    400: RequestRefused,
    401: KeyRefused,
    403: RequestRefused,
    404: SourceUnavailable,
    429: TransientError,
}


def test_recorded_errors_become_the_right_errors() -> None:
    errors = recorded_errors("openalex")
    assert len(errors) >= 28
    for recorded in errors:
        kind = QuotaSpent if "Insufficient" in (recorded.body or "") else EXPECTED[recorded.status]
        assert type(verdict(SERVICE, recorded.response())) is kind, recorded


def test_every_recorded_404_is_openalexs_own() -> None:
    missing = [recorded for recorded in recorded_errors("openalex") if recorded.status == 404]
    assert len(missing) == 12
    for recorded in missing:
        judge(recorded.response())


def test_a_recorded_retry_after_as_a_date_is_the_second_that_it_was() -> None:
    responses = [recorded.response() for recorded in recorded_errors("openalex")]
    dated = [r for r in responses if "GMT" in r.headers.get("retry-after", "")]
    errors = [verdict(SERVICE, answer) for answer in dated]
    waits = [error.retry_after for error in errors if isinstance(error, TransientError)]
    assert waits == [1.0, 1.0, 1.0]


def valid_names(kind: str) -> set[str]:
    """Return the names that the first recorded refusal of a name lists as valid."""
    bodies = [recorded.body or "" for recorded in recorded_errors("openalex")]
    refusal = next(body for body in bodies if f"is not a valid {kind}" in body)
    message = msgspec.json.decode(refusal, type=dict[str, str])["message"]
    return set(message.partition(": ")[2].rstrip(".").split(", "))


def test_the_server_knows_every_field_that_is_selected() -> None:
    valid = valid_names("select field")
    assert set(SELECT.split(",")) <= valid


def test_the_server_knows_every_field_that_is_filtered_by() -> None:
    one = paper(
        doi="10.1000/x", openalex="W26", pmid="7", pmcid="PMC7", mag="26", arxiv="1706.03762"
    )
    used = {key.field for key in keys_of(one) if key.field}
    valid = valid_names("field")
    assert {*used, "title.search", "publication_year"} <= valid
