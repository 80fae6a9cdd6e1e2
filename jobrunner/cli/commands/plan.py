"""``plan``: estimate requests, cost and time of a run without sending anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer
from msgspec import structs

from jobrunner.cli.console import counted, print_result
from jobrunner.cli.json_output import print_json
from jobrunner.cli.option_values import settings_of
from jobrunner.cli.options import AsJson, BaseUrls, Email, InOrder, Sources
from jobrunner.cli.source_table import duration, money
from jobrunner.cli.tables import Table, print_result_table
from jobrunner.inputs.formats import open_input
from jobrunner.operations.plan import Advice, Plan, SourcePlan, Tally, advise
from jobrunner.settings.settings import EMAIL, Settings, variable
from jobrunner.sources.contract import Source, SourceSettings, sources_before
from jobrunner.sources.registry import open_source

DAY_S = 86400.0

COLUMNS = [
    ("source", "left"),
    ("lookups", "right"),
    ("searches", "right"),
    ("requests", "right"),
    ("cost", "right"),
    ("time", "right"),
]


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(epilog="Example: jobrunner plan papers.json --source openalex")(plan)


def plan(
    input_: Annotated[str, typer.Argument(metavar="INPUT", help="A paper list; - reads stdin.")],
    source: Sources = [],
    in_order: InOrder = False,
    email: Email = None,
    base_url: BaseUrls = [],
    as_json: AsJson = False,
) -> None:
    """Estimate requests, cost and time.

    The command sends no requests. In the best case, the first request finds each paper. In the
    worst case, every lookup fails and is followed by a title search. The command also suggests ways
    to save time or money: a key, an e-mail address or another order of sources.
    """
    settings = settings_of(email, base_url)
    names = settings.sources_to_ask(source)
    tally = Tally([open_source(name, settings.of(name)) for name in names])
    with open_input(None if input_ == "-" else Path(input_)) as papers:
        tally.count(papers.papers())
    before = _before(tally.sources, in_order=in_order)
    planned = tally.plan(before)
    planned = structs.replace(planned, advice=_advice(planned, tally, before, settings))
    if as_json:
        print_json(planned)
    else:
        _print_plan(planned)


def _before(sources: Sequence[Source], *, in_order: bool) -> dict[str, tuple[str, ...]]:
    """Return the names of the sources that each source waits for."""
    names = [source.name for source in sources]
    before = {}
    for source in sources:
        wanted = sources_before(source, names, in_order=in_order)
        before[source.name] = tuple(name for name in wanted if name in names)
    return before


def _print_plan(plan: Plan) -> None:
    unusable = f", {plan.unusable} unusable" if plan.unusable else ""
    print_result(f"{counted(plan.papers, 'paper')}{unusable}")
    for paper in plan.reasons:
        print_result(f"  paper {paper.position}: {paper.reason}")
    if plan.unusable > len(plan.reasons):
        print_result(f"  ... and {plan.unusable - len(plan.reasons)} more")
    schemes = ", ".join(f"{count} by {scheme}" for scheme, count in plan.schemes.items())
    print_result(f"with identifiers: {schemes or 'none'}; with a title only: {plan.titles_only}")
    print_result_table(Table(COLUMNS, [_cells(source) for source in plan.sources]))
    print_result(f"total time: {_range(_time(plan.seconds_least), _time(plan.seconds_most))}")
    if plan.advice is not None:
        _print_advice(plan.advice)


def _print_advice(advice: Advice) -> None:
    for name, seconds in advice.settings.items():
        print_result(f"setting {name} would save up to {_time(seconds)}")
    if len(advice.order) > 1:
        order, cost = ", ".join(advice.order), money(advice.order_cost_micros)
        print_result(f"cheapest order with --in-order: {order} (from {cost})")


def _cells(source: SourcePlan) -> list[object]:
    least, most = source.least, source.most
    searches = source.searches
    return [
        source.name,
        source.lookups,
        f"0-{searches}" if source.flowing and searches else searches,
        _range(str(least.requests), str(most.requests)),
        _range(money(least.cost_micros), money(most.cost_micros)),
        _range(_time(least.seconds), _time(most.seconds)),
    ]


def _range(least: str, most: str) -> str:
    return least if least == most else f"{least} to {most}"


def _time(seconds: float) -> str:
    days = seconds / DAY_S
    return duration(seconds) if days < 2 else f"{days:.3g} days"


def _advice(
    planned: Plan, tally: Tally, before: Mapping[str, tuple[str, ...]], settings: Settings
) -> Advice:
    """Find the settings that would save the most time, and the cheapest order of sources."""
    supposed = dict(_sources_if_set(tally.sources, settings))
    with_setting = {name: tally.plan(before, sources) for name, sources in supposed.items()}
    in_order = {}
    for order in _orders(tally.sources):
        names = tuple(source.name for source in order)
        in_order[names] = tally.plan(_before(order, in_order=True))
    return advise(planned, with_setting, in_order)


def _sources_if_set(
    sources: Sequence[Source], settings: Settings
) -> Iterator[tuple[str, list[Source]]]:
    """Yield the name of each missing setting, with the sources opened as if it were set."""
    for keyless in [source for source in sources if source.name not in settings.keys]:
        with_key = SourceSettings(api_key="supposed", email=settings.email)
        changed = open_source(keyless.name, with_key)
        others = [changed if source is keyless else source for source in sources]
        yield variable(keyless.name, "API_KEY"), others
    if settings.email is None:
        reachable = structs.replace(settings, email="somebody@example.org")
        yield EMAIL, [open_source(source.name, reachable.of(source.name)) for source in sources]


def _orders(sources: Sequence[Source]) -> Iterator[Sequence[Source]]:
    """Yield one order per source, with that source first.

    The rest of the order does not change the cost: every later source is spared the same searches.
    """
    for first in sources:
        yield [first, *(source for source in sources if source is not first)]
