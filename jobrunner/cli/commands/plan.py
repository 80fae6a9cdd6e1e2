"""``plan``, ``duplicates``, ``explain`` and ``review``: the papers of a list, one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import permutations
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jobrunner.cli.console import Table, command, counted, fact, print_json, say, show_fact
from jobrunner.cli.options import (
    AsJson,
    BaseUrls,
    Db,
    Email,
    InOrder,
    PolicyFile,
    SessionArgument,
    SessionOption,
    Sources,
    open_db,
    policy_in,
)
from jobrunner.cli.progress import duration, money
from jobrunner.errors import SettingsError

if TYPE_CHECKING:
    from jobrunner.operations.explain import FieldExplained
    from jobrunner.operations.plan import Advice, Plan, SourcePlan, Tally
    from jobrunner.settings import Settings
    from jobrunner.sources.contract import Source

DAY_S = 86400.0
MOST_ORDERED = 5
"""Sources of which every order is planned."""


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command(epilog="Example: jobrunner plan papers.json --source openalex")(plan)
    app.command(epilog="Example: jobrunner duplicates --json")(duplicates)
    app.command(epilog="Example: jobrunner explain 10.1038/nature14539 citations")(explain)
    app.command(epilog="Example: jobrunner review -o review.jsonl")(review)


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
    from jobrunner.inputs.json_list import open_input
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
    from jobrunner.engine.run import sources_before

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
    orders = permutations(sources) if len(sources) <= MOST_ORDERED else [sources]
    return advise(
        found,
        {name: tally.plan(before, changed) for name, changed in supposing.items()},
        {
            tuple(one.name for one in order): tally.plan(_before(order, in_order=True))
            for order in orders
        },
    )


def duplicates(session: SessionArgument = None, as_json: AsJson = False, db: Db = None) -> None:
    """List papers that are the same work.

    They share an identifier, as given or as found. Nothing is dropped: this only reports.
    """
    from jobrunner.operations.duplicates import find_duplicates
    from jobrunner.operations.select import latest_session

    database = open_db(db)
    found = find_duplicates(database, latest_session(database, session).id)
    if as_json:
        print_json(found)
        return
    for group in found:
        fact(f"papers {', '.join(map(str, group.positions))}:")
        for one in group.evidence:
            places = ", ".join(map(str, one.positions))
            fact(f"  {one.scheme} {one.value} in {places} (from {', '.join(one.origins)})")
    say(f"works that stand in the list more than once: {len(found)}")


def explain(
    paper: Annotated[
        str, typer.Argument(metavar="PAPER", help="A position (from 0), a key or an identifier.")
    ],
    field: Annotated[
        str | None, typer.Argument(metavar="FIELD", help="One field [default: all].")
    ] = None,
    session: SessionOption = None,
    policy: PolicyFile = None,
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """Say why a paper's values are what they are.

    Every value that there is, where it came from, and why one was chosen; under another --policy
    too, without asking any source again.
    """
    from jobrunner.operations.explain import explain_paper
    from jobrunner.operations.select import latest_session

    database = open_db(db)
    chosen = latest_session(database, session)
    rules = policy_in(policy, chosen.options.sources) or chosen.options.policy
    found = explain_paper(database, chosen.id, paper, rules, field)
    if as_json:
        print_json(found)
        return
    fact(f"paper {found.position} {found.key}".rstrip())
    if found.unusable:
        fact(f"  cannot be used: {found.unusable}")
    for source, outcome in found.outcomes.items():
        fact(f"  {source}: {outcome}")
    for one in found.fields:
        _show_field(one)
    for conflict in found.conflicts:
        others = ", ".join(f"{other['value']} ({other['source']})" for other in conflict.others)
        fact(f"conflict: {conflict.field} {conflict.value} ({conflict.source}), not {others}")


def _show_field(one: FieldExplained) -> None:
    by = f" ({one.source})" if one.source else ""
    fact(f"{one.field}: {_short(one.value)}{by}")
    fact(f"  rule: {one.rule}")
    for said in one.said:
        match = f", by {said.match.by} {said.match.score:.2f}" if said.match else ""
        at = f", {said.retrieved_at}" if said.retrieved_at else ""
        fact(f"  {said.source}{match}{at}: {_short(said.value)}")


def _short(value: object) -> str:
    import msgspec

    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= 160 else text[:159] + "…"


def review(
    session: SessionArgument = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write the ambiguous papers here."),
    ] = None,
    answers: Annotated[
        Path | None,
        typer.Option("--answers", metavar="FILE", help="Read the answers in this file back."),
    ] = None,
    answered: Annotated[
        bool, typer.Option("--answered", help="With -o: also those answered before.")
    ] = False,
    db: Db = None,
) -> None:
    """Decide about ambiguous papers.

    -o writes them to a file, one JSON object a line, with their candidates. Put the id of the right
    candidate, or "none", after "answer" in each line that you can decide, and read the file back
    with --answers. To change an answer, read back a file that has another one.
    """
    from jobrunner.cli.session_run import check_output
    from jobrunner.operations.review import commit_answers, write_questions
    from jobrunner.operations.select import latest_session
    from jobrunner.store.runs import take_lease

    if (output is None) == (answers is None):
        raise SettingsError("give either --output or --answers", hint="see `jobrunner review -h`")
    if answered and output is None:
        raise SettingsError(
            "--answered chooses what --output writes", hint="with --answers, leave it out"
        )
    database = open_db(db)
    chosen = latest_session(database, session)
    if output is not None:
        check_output(output, database.path, chosen.input_path)
        count = write_questions(database, chosen.id, output, answered=answered)
        say(f"{count} questions written")
        fact(str(output))
    elif answers is not None:
        with take_lease(database, chosen.id) as lease:
            count, left = commit_answers(database, lease, answers)
        say(f"{counted(count, 'answer')} committed; still ambiguous: {counted(left, 'paper')}")
        say(f"next: {command(f'jobrunner snapshot {chosen.id}')}")
