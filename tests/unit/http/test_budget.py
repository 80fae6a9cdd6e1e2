"""What the user lets a source use is counted before a request leaves."""

from __future__ import annotations

import asyncio

import httpx2
import pytest

from jobrunner.errors import (
    BudgetSpent,
)
from jobrunner.http.batch_requests import Requests
from jobrunner.http.budget import Budget
from tests.unit.http.scripted_service import answer, client


def ask_within_one_price(failure: Exception) -> object:
    """Ask a service that fails once, with money for one request whose answer was free."""
    waiting = [failure]

    def handler(_request: httpx2.Request) -> httpx2.Response:
        if waiting:
            raise waiting.pop()
        return answer()

    async def run() -> object:
        async with client(handler, price=lambda _: 1000) as opened:
            opened.budget = Budget("demo", max_cost_micros=1000)
            return await Requests(opened).get("/things")

    return asyncio.run(run())


@pytest.mark.parametrize(
    "failure",
    [
        httpx2.ConnectError("refused"),
        httpx2.ConnectTimeout("late"),
        httpx2.ProxyError("407 Proxy Authentication Required"),
    ],
)
def test_a_request_that_never_left_is_paid_from_no_budget(failure: Exception) -> None:
    assert ask_within_one_price(failure) == {"ok": 1}


@pytest.mark.parametrize(
    "failure", [httpx2.ReadTimeout("late"), httpx2.RemoteProtocolError("cut"), TimeoutError()]
)
def test_a_request_that_may_have_arrived_counts_against_the_budget(failure: Exception) -> None:
    with pytest.raises(BudgetSpent, match=r"\$0\.0010 of the \$0\.001 budget is spent"):
        ask_within_one_price(failure)


def test_a_request_beyond_those_allowed_is_refused_with_the_option_that_allows_more() -> None:
    budget = Budget("demo", max_requests=3, used_requests=2)
    budget.reserve(0)
    with pytest.raises(BudgetSpent, match="demo: all 3 allowed requests are used") as caught:
        budget.reserve(0)
    assert caught.value.hint == "allow more with --max-requests demo=N"


def test_money_that_a_request_did_not_cost_can_be_spent_again() -> None:
    budget = Budget("demo", max_cost_micros=1000, used_cost_micros=500)
    budget.reserve(500)
    budget.settle(500, 200)
    budget.reserve(300)
    with pytest.raises(BudgetSpent, match=r"\$0\.0010 of the \$0\.001 budget is spent"):
        budget.reserve(1)
