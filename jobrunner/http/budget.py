"""What the user lets one source use: requests and money, counted before a request is sent."""

from __future__ import annotations

from jobrunner.errors import BudgetSpent


class Budget:
    """A limit over all runs of a session; ``used_*`` is what its committed batches have used.

    ``requests`` and ``micros`` (micro-USD) are the most that may be used in all, None for no limit.
    What a request would cost that got no answer is in doubt, and counts for the rest of the run.
    """

    def __init__(
        self,
        source: str,
        *,
        requests: int | None = None,
        micros: int | None = None,
        used_requests: int = 0,
        used_micros: int = 0,
    ) -> None:
        self._source = source
        self._requests = requests
        self._micros = micros
        self._used_requests = used_requests
        self._used_micros = used_micros

    def reserve(self, price: int) -> None:
        """Count a request of this price, or raise :class:`BudgetSpent` if it would be too much."""
        if self._requests is not None and self._used_requests >= self._requests:
            raise BudgetSpent(
                f"{self._source}: the {self._requests} requests allowed are used",
                hint=f"allow more with --max-requests {self._source}=N",
            )
        if self._micros is not None and self._used_micros + price > self._micros:
            raise BudgetSpent(
                f"{self._source}: of the budget of ${self._micros / 1e6:g}"
                f" ${self._used_micros / 1e6:.4f} are spent or in doubt and the next"
                f" request costs ${price / 1e6:.4f}",
                hint=f"allow more with --budget {self._source}=AMOUNTusd",
            )
        self._used_requests += 1
        self._used_micros += price

    def settle(self, price: int, cost: int) -> None:
        """Count what a reserved request has really cost."""
        self._used_micros += cost - price
