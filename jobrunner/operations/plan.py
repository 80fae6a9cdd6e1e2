"""What a run would take, before anything is sent: requests, money, time."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from jobrunner.models import InputPaper
from jobrunner.sources.contract import Prices, Source

DAY_S = 86400.0
WORTH_S = 1.0
"""A setting that saves less is not advised."""
TOLD_UNUSABLE = 10
"""Papers that cannot be used of which it is said why."""


class Amount(Struct, frozen=True, kw_only=True):
    """What one source would take; time in seconds, its daily allowance included."""

    requests: int
    cost_micros: int
    seconds: float


class SourcePlan(Struct, frozen=True, kw_only=True):
    """What is known of one source before a run.

    ``lookups`` papers have an identifier that it looks up by, ``searches`` have none but a title;
    ``flowing`` have none, with or without a title, and may get one from the sources before it.
    ``least`` holds if every paper is found at once, ``most`` if every lookup is in vain and every
    paper that has a title is searched too. Both are estimates: a paper with identifiers of several
    schemes may take some requests more.
    """

    name: str
    lookups: int
    searches: int
    flowing: int
    least: Amount
    most: Amount


class Unusable(Struct, frozen=True, kw_only=True):
    """A paper that cannot be used, and why."""

    position: int
    reason: str


class Plan(Struct, frozen=True, kw_only=True):
    """What a run would take. The sources run at once: the slowest one tells the time.

    ``reasons`` are those of the first papers that cannot be used.
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
    """What would help.

    ``settings`` are the seconds that each one would save at most, the best first; ``order`` is the
    cheapest order of the sources, each waiting for those before it, and what that costs at least.
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
        if len(self._reasons) < TOLD_UNUSABLE:
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
        """Return the plan; ``before`` names the sources that each one waits for.

        ``sources`` may be the same ones opened with other settings, such as a key.
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
            # The sources before it may find an identifier for every paper that has none.
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
        # The allowance of each day is spent at once, and the next one is waited for.
        seconds = max(seconds, DAY_S * (math.ceil(cost / prices.daily_micros) - 1))
    return Amount(requests=batches + searches, cost_micros=cost, seconds=seconds)


def advise(
    plan: Plan, with_settings: Mapping[str, Plan], orders: Mapping[tuple[str, ...], Plan]
) -> Advice:
    """Say what would help.

    ``with_settings`` are the plans under one more setting each, such as a key, by its name;
    ``orders`` those under each order of the sources. The cheapest order is the one that costs least
    if all goes well, then the fastest.
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
