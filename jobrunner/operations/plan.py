"""Estimates the requests, cost and time of a run."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from jobrunner.models import InputPaper
from jobrunner.sources.contract import Prices, Source

DAY_S = 86400.0
WORTH_S = 1.0
"""Seconds that a setting must save to be suggested."""
SHOWN_UNUSABLE = 10
"""Unusable papers that a plan lists with the reason."""


class Amount(Struct, frozen=True, kw_only=True):
    """An estimate for one source. ``seconds`` includes waiting for daily allowances."""

    requests: int
    cost_micros: int
    seconds: float


class SourcePlan(Struct, frozen=True, kw_only=True):
    """The estimate for one source.

    ``lookups`` counts the papers with an identifier that the source can look up, ``searches`` those
    with only a title, and ``flowing`` those that may receive an identifier from an earlier source.
    ``least`` assumes that the first request for each paper finds it, ``most`` that every lookup
    fails and every paper with a title is searched as well. A paper with identifiers of several
    schemes may need a few more requests.
    """

    name: str
    lookups: int
    searches: int
    flowing: int
    least: Amount
    most: Amount


class Unusable(Struct, frozen=True, kw_only=True):
    """An unusable paper, and why it is unusable."""

    position: int
    reason: str


class Plan(Struct, frozen=True, kw_only=True):
    """The estimate for a run. Sources run concurrently, so the slowest one determines the time.

    ``reasons`` lists the first unusable papers.
    """

    papers: int
    unusable: int
    reasons: tuple[Unusable, ...]
    schemes: dict[str, int]
    titles_only: int
    sources: tuple[SourcePlan, ...]
    seconds_least: float
    seconds_most: float
    advice: Advice | None = None


class Advice(Struct, frozen=True, kw_only=True):
    """Suggestions that would make a run faster or cheaper.

    ``settings`` maps each setting to the most seconds that it would save, best first. ``order`` is
    the cheapest order of the sources, each waiting for those before it, and ``order_cost_micros``
    its lowest cost.
    """

    settings: dict[str, float]
    order: tuple[str, ...]
    order_cost_micros: int


class Tally:
    """Counts papers as they are read, in constant memory."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self.sources = sources
        self._lookups: Counter[str] = Counter()
        self._searches: Counter[str] = Counter()
        self._schemes: Counter[str] = Counter()
        self._reasons: list[Unusable] = []
        self._papers = self._unusable = self._bare = self._titled = 0

    def count(self, papers: Iterable[InputPaper]) -> None:
        """Count papers."""
        for paper in papers:
            self._papers += 1
            if paper.unusable:
                self._note_unusable(paper.position, paper.unusable)
            else:
                self._count_usable(paper)

    def _note_unusable(self, position: int, reason: str) -> None:
        self._unusable += 1
        if len(self._reasons) < SHOWN_UNUSABLE:
            self._reasons.append(Unusable(position=position, reason=reason))

    def _count_usable(self, paper: InputPaper) -> None:
        self._bare += not paper.identifiers
        self._titled += bool(paper.title)
        self._schemes.update(paper.identifiers.keys())
        for source in self.sources:
            if not paper.identifiers.keys().isdisjoint(source.schemes):
                self._lookups[source.name] += 1
            elif paper.title:
                self._searches[source.name] += 1

    def plan(
        self, before: Mapping[str, tuple[str, ...]], sources: Sequence[Source] | None = None
    ) -> Plan:
        """Return the plan. ``before`` names the sources that each source waits for.

        ``sources`` may be the same sources opened with other settings, such as a key.
        """
        plans = [
            self._source_plan(source, waits=bool(before[source.name]))
            for source in sources or self.sources
        ]
        return Plan(
            papers=self._papers,
            unusable=self._unusable,
            reasons=tuple(self._reasons),
            schemes=dict(self._schemes.most_common()),
            titles_only=self._bare,
            sources=tuple(plans),
            seconds_least=max((plan.least.seconds for plan in plans), default=0.0),
            seconds_most=max((plan.most.seconds for plan in plans), default=0.0),
        )

    def _source_plan(self, source: Source, *, waits: bool) -> SourcePlan:
        lookups, searches = self._lookups[source.name], self._searches[source.name]
        flowing, least_searches = 0, searches
        if waits:
            # Earlier sources may find an identifier for every paper that has none.
            flowing, least_searches = self._papers - self._unusable - lookups, 0
        return SourcePlan(
            name=source.name,
            lookups=lookups,
            searches=searches,
            flowing=flowing,
            least=_amount(source, lookups + flowing, least_searches),
            most=_amount(source, lookups + flowing, self._titled),
        )


def _amount(source: Source, lookups: int, searches: int) -> Amount:
    prices: Prices = getattr(source, "prices", Prices())
    batches = math.ceil(lookups / source.lookup_size)
    cost = batches * prices.lookup_micros + searches * prices.search_micros
    seconds = (batches + searches) / source.service.limits.requests_per_second
    if prices.daily_micros and cost > prices.daily_micros:
        # A run spends each day's allowance immediately and then waits for the next day.
        seconds = max(seconds, DAY_S * (math.ceil(cost / prices.daily_micros) - 1))
    return Amount(requests=batches + searches, cost_micros=cost, seconds=seconds)


def advise(
    plan: Plan, with_settings: Mapping[str, Plan], orders: Mapping[tuple[str, ...], Plan]
) -> Advice:
    """Return suggestions based on alternative plans.

    ``with_settings`` holds the plan under each missing setting, such as a key, and ``orders`` the
    plan under each order of the sources. The cheapest order has the lowest best-case cost; among
    equals the fastest wins.
    """
    gains = {name: plan.seconds_most - other.seconds_most for name, other in with_settings.items()}
    by_gain = sorted(gains.items(), key=lambda entry: -entry[1])
    order = min(orders, key=lambda names: (_cost(orders[names]), orders[names].seconds_least))
    return Advice(
        settings={name: gain for name, gain in by_gain if gain > WORTH_S},
        order=order,
        order_cost_micros=_cost(orders[order]),
    )


def _cost(plan: Plan) -> int:
    return sum(source.least.cost_micros for source in plan.sources)
