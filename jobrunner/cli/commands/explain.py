"""``explain``: explain where a paper's values come from."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from jobrunner.cli.console import print_result
from jobrunner.cli.json_output import print_json
from jobrunner.cli.option_values import policy_in
from jobrunner.cli.options import AsJson, Db, PolicyFile, SessionOption
from jobrunner.cli.state_database import open_db
from jobrunner.operations.explain import Explained, FieldExplained, explain_paper
from jobrunner.operations.select import latest_session

LONGEST_VALUE = 160
"""Characters shown of a value: a whole abstract would bury the other values."""


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(epilog="Example: jobrunner explain 10.1038/nature14539 citations")(explain)


def explain(
    context: typer.Context,
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
    """Explain where a paper's values come from.

    The command lists all values of each field with their sources, and the rule that chose one of
    them. With --policy, it shows the choice under another policy without new requests.
    """
    database = open_db(context.obj, db)
    chosen = latest_session(database, session)
    rules = policy_in(policy, chosen.options.sources) or chosen.options.policy
    explained = explain_paper(database, chosen.id, paper, rules, field)
    if as_json:
        print_json(explained)
    else:
        _print_paper(explained)


def _print_paper(paper: Explained) -> None:
    print_result(f"paper {paper.position} {paper.key}".rstrip())
    if paper.unusable:
        print_result(f"  cannot be used: {paper.unusable}")
    for source, outcome in paper.outcomes.items():
        kind, colon, reason = outcome.partition(":")
        print_result(f"  {source}: {kind.replace('_', ' ')}{colon}{reason}")
    for field in paper.fields:
        _print_field(field)
    for conflict in paper.conflicts:
        others = ", ".join(f"{other.value} ({other.source})" for other in conflict.others)
        winner = f"{conflict.value} ({conflict.source})"
        print_result(f"conflict: {conflict.field} {winner}, not {others}")


def _print_field(field: FieldExplained) -> None:
    by = f" ({field.source})" if field.source else ""
    print_result(f"{field.field}: {_short(field.value)}{by}")
    print_result(f"  rule: {field.rule}")
    for said in field.said:
        match = f", by {said.match.by} {said.match.score:.2f}" if said.match else ""
        at = f", {said.retrieved_at}" if said.retrieved_at else ""
        print_result(f"  {said.source}{match}{at}: {_short(said.value)}")


def _short(value: object) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"
