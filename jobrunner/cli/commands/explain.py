"""``explain``: why the values of a paper are what they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from jobrunner.cli.console import fact, print_json
from jobrunner.cli.options import (
    AsJson,
    Db,
    PolicyFile,
    SessionOption,
    open_db,
    policy_in,
)

if TYPE_CHECKING:
    from jobrunner.operations.explain import FieldExplained


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(epilog="Example: jobrunner explain 10.1038/nature14539 citations")(explain)


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
        others = ", ".join(f"{other.value} ({other.source})" for other in conflict.others)
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
