"""What each fault does to an answer, and which requests a plan lets meet it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import httpx2
import pytest

from jobrunner.demo.messages import Plan, Reply
from jobrunner.http.responses import retry_after
from tests.support.server_client import ServerClient
from tests.support.servers import faults
from tests.support.servers.echo import Echo
from tests.unit.conftest import Serve


def statuses(service: ServerClient, count: int) -> list[int]:
    return [service.get("/list").status_code for _ in range(count)]


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        (faults.first(2, faults.status(503)), [503, 503, 200, 200]),
        (faults.after(2, faults.status(500)), [200, 200, 500, 500]),
        (faults.every(2, faults.status(502)), [200, 502, 200, 502]),
        (faults.in_order(faults.status(500), None, faults.status(502)), [500, 200, 502, 200]),
        (faults.always(faults.page(200)), [200, 200, 200, 200]),
    ],
)
def test_a_plan_says_which_requests_fail(serve: Serve, plan: Plan, expected: list[int]) -> None:
    assert statuses(serve(Echo(), faults=plan), 4) == expected


def test_a_plan_can_be_set_while_the_server_runs(serve: Serve) -> None:
    service = serve(Echo())
    assert statuses(service, 1) == [200]
    service.server.faults = faults.in_order(faults.status(503))
    assert statuses(service, 2) == [503, 200]
    assert [served.faulty for served in service.server.requests] == [False, True, False]


def test_a_plan_can_hold_for_some_requests_only(serve: Serve) -> None:
    plan = faults.where(lambda request: request.path == "/b", faults.first(1, faults.status(500)))
    service = serve(Echo(), faults=plan)
    codes = [service.get(path).status_code for path in ("/a", "/b", "/b")]
    assert codes == [200, 500, 200]


def test_chance_repeats_with_its_seed(serve: Serve) -> None:
    replies = [faults.status(500), faults.status(503)]
    runs = [
        statuses(serve(Echo(), faults=faults.sometimes(0.5, replies, seed=4)), 30) for _ in range(2)
    ]
    assert runs[0] == runs[1]
    assert set(runs[0]) == {200, 500, 503}


def test_retry_after_comes_in_seconds_as_a_date_or_not_at_all(serve: Serve) -> None:
    plan = faults.in_order(
        faults.rate_limited(7), faults.rate_limited(7, as_date=True), faults.rate_limited()
    )
    service = serve(Echo(), faults=plan)
    responses = [service.get("/a") for _ in range(3)]
    assert [response.status_code for response in responses] == [429] * 3
    assert [retry_after(response) for response in responses] == [7.0, 7.0, None]
    assert responses[1].headers["retry-after"].endswith(" GMT")


@pytest.mark.parametrize("plan", [faults.dead(), faults.always(faults.dropped(0.05))])
def test_a_dead_server_cuts_every_connection(serve: Serve, plan: Plan) -> None:
    service = serve(Echo(), faults=plan)
    for _ in range(2):
        with pytest.raises(httpx2.TransportError):
            service.get("/a")
    assert [served.status for served in service.server.requests] == [0, 0]


def test_a_torn_body_ends_too_early(serve: Serve) -> None:
    service = serve(Echo(), faults=faults.first(1, faults.torn))
    with pytest.raises(httpx2.RemoteProtocolError):
        service.get("/list")
    assert service.get("/list").status_code == 200


def test_a_truncated_body_is_half_a_json_text(serve: Serve) -> None:
    response = serve(Echo(), faults=faults.always(faults.truncated)).get("/list")
    with pytest.raises(json.JSONDecodeError):
        response.json()


def test_a_trickling_body_takes_its_time_and_is_whole(serve: Serve) -> None:
    service = serve(Echo(), faults=faults.always(faults.trickling(0.3)))
    began = time.monotonic()
    assert len(service.json("/list")["results"]) == 2
    assert time.monotonic() - began > 0.25


def test_a_slow_reply_is_whole(serve: Serve) -> None:
    service = serve(Echo(), faults=faults.always(faults.slow(0.1)))
    assert len(service.json("/list")["results"]) == 2
    assert service.server.requests[0].ended - service.server.requests[0].started >= 0.1


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (faults.emptied, []),
        (faults.reordered, [2, 1]),
        (faults.doubled, [1, 1, 2, 2]),
    ],
)
def test_results_can_be_left_out_turned_round_or_doubled(
    serve: Serve, fault: Callable[[Reply], Reply], expected: list[int]
) -> None:
    results = serve(Echo(), faults=faults.always(fault)).json("/list")["results"]
    assert [result["id"] for result in results] == expected


def test_wrong_types_are_where_texts_belong(serve: Serve) -> None:
    results = serve(Echo(), faults=faults.always(faults.wrong_types)).json("/list")["results"]
    assert [result["title"] for result in results] == [17, 17]


def test_a_timed_out_answer_holds_half_of_the_results(serve: Serve) -> None:
    answer = serve(Echo(), faults=faults.always(faults.timed_out)).json("/list")
    assert answer["meta"]["timed_out"] is True
    assert len(answer["results"]) == 1


def test_only_answers_with_results_can_time_out(serve: Serve) -> None:
    service = serve(Echo(), faults=faults.always(faults.timed_out))
    assert "meta" not in service.json("/other")


@pytest.mark.parametrize("code", [401, 403])
def test_a_key_can_be_refused(serve: Serve, code: int) -> None:
    service = serve(Echo(), faults=faults.always(faults.key_refused(code)))
    assert service.get("/a").status_code == code


def test_a_redirect_can_lead_elsewhere(serve: Serve) -> None:
    plan = faults.always(faults.redirect("http://elsewhere.test/x"))
    assert serve(Echo(), faults=plan).get("/a").headers["location"] == "http://elsewhere.test/x"
