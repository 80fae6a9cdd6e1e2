"""What a run would take, counted from the papers and from what the sources state."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest

from jobrunner.http.batch_requests import Requests
from jobrunner.http.service import Limits, Service
from jobrunner.models import Answer, Identifiers, InputPaper, Paper
from jobrunner.operations.plan import DAY_S, Amount, Plan, Tally, advise
from jobrunner.sources.contract import LookupResult, Prices, Source, SourceSettings


class Catalogue:
    """A source that is planned with and never asked: ten DOIs a request, two requests a second."""

    name = "catalogue"
    schemes: tuple[str, ...] = ("doi",)
    after: tuple[str, ...] = ()
    lookup_size = 10
    search_size = 5

    def __init__(self, settings: SourceSettings) -> None:
        rate = 20.0 if settings.api_key else 2.0
        self.service = Service(name=self.name, base_url="http://c.invalid", limits=Limits(rate, 1))

    async def lookup(self, papers: Sequence[Paper], requests: Requests) -> LookupResult:
        raise NotImplementedError

    async def search(self, paper: Paper, requests: Requests) -> Answer:
        raise NotImplementedError


class Archive(Catalogue):
    """Another one, by arXiv id: a request for a cent, a search for ten, a dollar a day."""

    name = "archive"
    schemes: tuple[str, ...] = ("arxiv",)
    prices = Prices(lookup_micros=10_000, search_micros=100_000, daily_micros=1_000_000)


CATALOGUE, ARCHIVE = Catalogue(SourceSettings()), Archive(SourceSettings())
Order = tuple[str, ...]
ALONE: dict[str, Order] = {"catalogue": (), "archive": ()}
CATALOGUE_FIRST: dict[str, Order] = {"catalogue": (), "archive": ("catalogue",)}


def papers(
    count: int,
    identifiers: Identifiers | None = None,
    *,
    title: str = "T",
    unusable: str | None = None,
) -> list[InputPaper]:
    one = InputPaper(
        position=0, given="{}", title=title, identifiers=identifiers or {}, unusable=unusable
    )
    return [one] * count


def tally(*listed: list[InputPaper], sources: Iterable[Source] = (CATALOGUE, ARCHIVE)) -> Tally:
    found = Tally(tuple(sources))
    for some in listed:
        found.count(some)
    return found


DOI: Identifiers = {"doi": ("10.5555/a",)}
ARXIV: Identifiers = {"arxiv": ("2001.00001",)}
MIXED = (papers(25, DOI), papers(4, DOI | ARXIV), papers(6), papers(2, unusable="no title"))
"""35 papers that can be used, 29 with a DOI and 4 of those with an arXiv id too; 2 that cannot."""


def test_papers_are_counted_by_what_they_can_be_looked_up_by() -> None:
    plan = tally(*MIXED).plan(ALONE)
    assert (plan.papers, plan.unusable, plan.titles_only) == (37, 2, 6)
    assert plan.schemes == {"doi": 29, "arxiv": 4}


def test_of_the_first_papers_that_cannot_be_used_it_is_said_why() -> None:
    found = tally(*MIXED, papers(30, unusable="no paper")).plan(ALONE)
    assert found.unusable == 32
    assert [one.reason for one in found.reasons] == ["no title"] * 2 + ["no paper"] * 8


def test_the_commonest_identifier_comes_first() -> None:
    plan = tally(papers(1, DOI), papers(3, ARXIV)).plan(ALONE)
    assert list(plan.schemes) == ["arxiv", "doi"]


def test_each_source_looks_up_by_its_own_identifiers() -> None:
    catalogue, archive = tally(*MIXED).plan(ALONE).sources
    assert (catalogue.lookups, catalogue.searches) == (29, 6)
    assert (archive.lookups, archive.searches) == (4, 31)


def test_at_least_every_lookup_is_in_luck() -> None:
    catalogue, archive = tally(*MIXED).plan(ALONE).sources
    assert catalogue.least == Amount(requests=3 + 6, cost_micros=0, seconds=4.5)
    assert archive.least.requests == 1 + 31
    assert archive.least.cost_micros == 10_000 + 31 * 100_000


def test_at_most_every_paper_is_searched_too() -> None:
    catalogue, archive = tally(*MIXED).plan(ALONE).sources
    assert catalogue.most.requests == 3 + 35
    assert archive.most.cost_micros == 10_000 + 35 * 100_000


def test_papers_without_a_title_are_never_searched() -> None:
    untitled = tally(papers(25, DOI), papers(40, DOI, title=""), papers(9, ARXIV, title=""))
    catalogue, archive = untitled.plan(ALONE).sources
    assert (catalogue.lookups, catalogue.searches) == (65, 0)
    assert (catalogue.least.requests, catalogue.most.requests) == (7, 7 + 25)
    assert (archive.lookups, archive.searches) == (9, 25)
    assert (archive.least.requests, archive.most.requests) == (1 + 25, 1 + 25)


def test_papers_without_a_title_flow_like_others_but_are_not_searched() -> None:
    _, archive = tally(papers(40, DOI, title="")).plan(CATALOGUE_FIRST).sources
    assert (archive.searches, archive.flowing) == (0, 40)
    assert (archive.least.requests, archive.most.requests) == (4, 4)


def test_papers_flow_from_a_source_to_those_that_wait_for_it() -> None:
    catalogue, archive = tally(*MIXED).plan(CATALOGUE_FIRST).sources
    assert catalogue.flowing == 0
    assert archive.flowing == 31
    assert archive.least.requests == 4


def test_what_flows_may_be_looked_up_in_vain_and_be_searched_all_the_same() -> None:
    _, archive = tally(*MIXED).plan(CATALOGUE_FIRST).sources
    assert archive.most.requests == 4 + 35


def test_a_source_without_prices_is_free() -> None:
    (catalogue,) = tally(*MIXED, sources=[CATALOGUE]).plan({"catalogue": ()}).sources
    assert catalogue.most.cost_micros == 0


@pytest.mark.parametrize(("searches", "days"), [(10, 0), (11, 1), (20, 1), (21, 2)])
def test_when_the_allowance_of_a_day_is_spent_the_next_day_is_waited_for(
    searches: int, days: int
) -> None:
    (archive,) = tally(papers(searches), sources=[ARCHIVE]).plan({"archive": ()}).sources
    assert archive.least.seconds == (days * DAY_S or searches / 2)


def test_the_slowest_source_tells_the_time() -> None:
    plan = tally(papers(8)).plan(ALONE)
    assert [source.least.seconds for source in plan.sources] == [4.0, 4.0]
    assert plan.seconds_least == 4.0
    plan = tally(papers(11)).plan(ALONE)
    assert plan.seconds_most == DAY_S


def test_without_papers_nothing_is_taken() -> None:
    plan = tally().plan(ALONE)
    assert plan.seconds_most == 0
    assert {source.most.requests for source in plan.sources} == {0}


# ---- advice


def test_only_the_settings_that_shorten_the_whole_are_advised_the_best_first() -> None:
    found = tally(papers(40))
    plans = {
        "CATALOGUE": found.plan(ALONE, [Catalogue(SourceSettings(api_key="k")), ARCHIVE]),
        "FEW": found.plan(ALONE, [CATALOGUE, quick(free=False)]),
        "MANY": found.plan(ALONE, [CATALOGUE, quick(free=True)]),
    }
    advice = advise(found.plan(ALONE), plans, {("catalogue",): found.plan(ALONE)})
    assert advice.settings == {"MANY": 3 * DAY_S - 20, "FEW": 2 * DAY_S}


def quick(*, free: bool) -> Archive:
    source = Archive(SourceSettings())
    source.prices = Prices() if free else Prices(search_micros=100_000, daily_micros=2_000_000)
    return source


def test_the_cheapest_order_is_the_one_that_saves_searches() -> None:
    found = tally(papers(9, DOI))
    orders: dict[Order, Plan] = {
        ("archive", "catalogue"): found.plan({"archive": (), "catalogue": ("archive",)}),
        ("catalogue", "archive"): found.plan(CATALOGUE_FIRST),
    }
    advice = advise(found.plan(ALONE), {}, orders)
    assert advice.order == ("catalogue", "archive")
    assert advice.order_cost_micros == 10_000


def test_of_orders_that_cost_the_same_the_fastest_is_advised() -> None:
    slow, fast = tally(papers(90)), tally(papers(9))
    orders: dict[Order, Plan] = {
        (name,): one.plan(ALONE, [CATALOGUE]) for name, one in (("a", slow), ("b", fast))
    }
    assert advise(slow.plan(ALONE), {}, orders).order == ("b",)
