"""``plan``: what a run would take, before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jobrunner.cli.console import Table, counted, fact, print_json, show_fact
from jobrunner.cli.options import (
    AsJson,
    BaseUrls,
    Email,
    InOrder,
    Sources,
)
from jobrunner.cli.progress import duration, money

if TYPE_CHECKING:
    from jobrunner.operations.plan import Advice, Plan, SourcePlan, Tally
    from jobrunner.settings import Settings
    from jobrunner.sources.contract import Source

DAY_S = 86400.0


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(epilog="Example: jobrunner plan papers.json --source openalex")(plan)


def plan(
    input_: Annotated[
        str, typer.Argument(metavar="INPUT", help="A paper list; - is standard input.")
    ],
    source: Sources = [],
    in_order: InOrder = False,
    email: Email = None,
    base_url: BaseUrls = [],
    as_json: AsJson = False,
) -> None:
    """Say what a run would take.

    Papers, requests, money and time for each source, before anything is sent: from what it takes if
    every paper is found at once, to what it takes if every lookup is in vain. And what would help:
    a key, an e-mail address, another order of the sources.
    """
    from msgspec import structs

    from jobrunner.cli.session_run import chosen_sources, configured
    from jobrunner.inputs.formats import open_input
    from jobrunner.operations.plan import Tally
    from jobrunner.sources.registry import open_source

    config, settings = configured(email, base_url)
    names = chosen_sources(source, config)
    tally = Tally([open_source(name, settings.of(name)) for name in names])
    with open_input(None if input_ == "-" else Path(input_)) as papers:
        tally.count(papers.papers())
    before = _before(tally.sources, in_order=in_order)
    found = tally.plan(before)
    found = structs.replace(found, advice=_advice(found, tally, before, settings))
    if as_json:
        print_json(found)
    else:
        _show_plan(found)


def _before(sources: Sequence[Source], *, in_order: bool) -> dict[str, tuple[str, ...]]:
    from jobrunner.sources.contract import sources_before

    names = [one.name for one in sources]
    before = {one.name: sources_before(one, names, in_order=in_order) for one in sources}
    return {name: tuple(n for n in wanted if n in names) for name, wanted in before.items()}


def _show_plan(found: Plan) -> None:
    unusable = f", {found.unusable} cannot be used" if found.unusable else ""
    fact(f"{counted(found.papers, 'paper')}{unusable}")
    for one in found.reasons:
        fact(f"  paper {one.position}: {one.reason}")
    if found.unusable > len(found.reasons):
        fact(f"  ... and {found.unusable - len(found.reasons)} more")
    known = ", ".join(f"{count} by {scheme}" for scheme, count in found.schemes.items())
    fact(f"can be looked up: {known or 'none'}; only by title: {found.titles_only}")
    columns = [
        ("source", "left"), ("lookups", "right"), ("searches", "right"), ("requests", "right"),
        ("cost", "right"), ("time", "right"),
    ]  # fmt: skip
    show_fact(Table(columns, [_plan_cells(source) for source in found.sources]))
    fact(f"in all {_range(_time(found.seconds_least), _time(found.seconds_most))}")
    advice = found.advice
    if advice is None:
        return
    for name, seconds in advice.settings.items():
        fact(f"{name}, if it were set, would save up to {_time(seconds)}")
    if len(advice.order) > 1:
        order, cost = ", ".join(advice.order), money(advice.order_cost_micros)
        fact(f"cheapest with --in-order in the order {order}: from {cost}")


def _plan_cells(one: SourcePlan) -> list[object]:
    least, most = one.least, one.most
    searches = one.searches
    return [
        one.name,
        one.lookups,
        f"0-{searches}" if one.flowing and searches else searches,
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
    found: Plan, tally: Tally, before: Mapping[str, tuple[str, ...]], settings: Settings
) -> Advice:
    """Say which setting, and which order of the sources, would help most."""
    from msgspec import structs

    from jobrunner.operations.plan import advise
    from jobrunner.settings import EMAIL, variable
    from jobrunner.sources.contract import SourceSettings
    from jobrunner.sources.registry import open_source

    sources = tally.sources
    supposed = SourceSettings(api_key="supposed", email=settings.email)
    supposing = {
        variable(one.name, "API_KEY"): [
            open_source(one.name, supposed) if other is one else other for other in sources
        ]
        for one in sources
        if one.name not in settings.keys
    }
    if settings.email is None:
        reachable = structs.replace(settings, email="somebody@example.org")
        supposing[EMAIL] = [open_source(one.name, reachable.of(one.name)) for one in sources]
    # What it costs depends on the first source alone: the others are spared the same searches.
    orders = [[first, *(one for one in sources if one is not first)] for first in sources]
    return advise(
        found,
        {name: tally.plan(before, changed) for name, changed in supposing.items()},
        {
            tuple(one.name for one in order): tally.plan(_before(order, in_order=True))
            for order in orders
        },
    )
