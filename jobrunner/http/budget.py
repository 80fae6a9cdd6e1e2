"""The user's limits for one source, in requests and money, checked before a request is sent.

A service's own limit per day is called its daily allowance.
"""

from __future__ import annotations

from jobrunner.errors import BudgetSpent


class Budget:
    """A limit for all runs of a session, in requests and in micro-USD; None means no limit.

    ``used_*`` is what the session's committed batches have used. A request without an answer may
    have been charged, so its price counts for the rest of the run.
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
        """Count a request of this price; raise :class:`BudgetSpent` if it exceeds a limit."""
        self._check_requests()
        self._check_cost(price)
        self._used_requests += 1
        self._used_cost_micros += price

    def settle(self, price: int, cost: int) -> None:
        """Replace the price of a reserved request by its actual cost."""
        self._used_cost_micros += cost - price

    def _check_requests(self) -> None:
        limit = self._max_requests
        if limit is None or self._used_requests < limit:
            return
        raise BudgetSpent(
            f"{self._source}: all {limit} allowed requests are used",
            hint=f"allow more with --max-requests {self._source}=N",
        )

    def _check_cost(self, price: int) -> None:
        limit = self._max_cost_micros
        if limit is None or self._used_cost_micros + price <= limit:
            return
        raise BudgetSpent(
            f"{self._source}: {_usd(self._used_cost_micros)} of the {_usd(limit, 'g')} budget"
            f" is spent or may have been spent, and the next request costs {_usd(price)}",
            hint=f"allow more with --budget {self._source}=AMOUNTusd",
        )


def _usd(micros: int, form: str = ".4f") -> str:
    return f"${micros / 1e6:{form}}"
