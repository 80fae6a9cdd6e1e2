"""What the user lets one source use: requests and money, counted before a request is sent.

A service's own limit for a day is another matter: it is called its daily allowance.
"""

from __future__ import annotations

from jobrunner.errors import BudgetSpent


class Budget:
    """A limit over all runs of a session, in requests and in micro-USD; None for no limit.

    ``used_*`` is what the committed batches of the session have used. What a request would cost
    that got no answer is in doubt, and counts for the rest of the run.
    """

    def __init__(
        self,
        source: str,
        *,
        max_requests: int | None = None,
        max_cost_micros: int | None = None,
        used_requests: int = 0,
        used_cost_micros: int = 0,
    ) -> None:
        self._source = source
        self._max_requests = max_requests
        self._max_cost_micros = max_cost_micros
        self._used_requests = used_requests
        self._used_cost_micros = used_cost_micros

    def reserve(self, price: int) -> None:
        """Count a request of this price, or raise :class:`BudgetSpent` if it would be too much."""
        self._check_requests()
        self._check_cost(price)
        self._used_requests += 1
        self._used_cost_micros += price

    def settle(self, price: int, cost: int) -> None:
        """Count what a reserved request has really cost."""
        self._used_cost_micros += cost - price

    def _check_requests(self) -> None:
        limit = self._max_requests
        if limit is None or self._used_requests < limit:
            return
        raise BudgetSpent(
            f"{self._source}: the {limit} requests allowed are used",
            hint=f"allow more with --max-requests {self._source}=N",
        )

    def _check_cost(self, price: int) -> None:
        limit = self._max_cost_micros
        if limit is None or self._used_cost_micros + price <= limit:
            return
        raise BudgetSpent(
            f"{self._source}: of the budget of {_usd(limit, 'g')}"
            f" {_usd(self._used_cost_micros)} are spent or in doubt and the next"
            f" request costs {_usd(price)}",
            hint=f"allow more with --budget {self._source}=AMOUNTusd",
        )


def _usd(micros: int, form: str = ".4f") -> str:
    return f"${micros / 1e6:{form}}"
