"""``run``, ``resume`` and ``retry``: the commands that work on a session."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jobrunner.cli.console import counted, fact, print_json, say
from jobrunner.cli.options import (
    AsJson,
    BaseUrls,
    BatchSize,
    Budgets,
    Db,
    DryRun,
    Email,
    InOrder,
    Interval,
    MaxRequests,
    MaxTime,
    PolicyFile,
    SessionArgument,
    Sources,
    budgets_of,
    max_requests_of,
    open_db,
    policy_in,
)
from jobrunner.cli.session_run import Start, check_loaded, chosen_sources, go_on, tell_loaded
from jobrunner.errors import Refused, SettingsError
from jobrunner.files.path_queries import exists, is_file

if TYPE_CHECKING:
    from jobrunner.operations.resume import Changes
    from jobrunner.store.database import Database
    from jobrunner.store.rows import SessionRow


Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="OUT",
        help="Also keep the newest snapshot here [default: only under the database].",
        show_default=False,
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command(epilog="Example: jobrunner run papers.json -o enriched.json --max-time 2h")(run)
    app.command(epilog="Example: jobrunner resume --explain")(resume)
    app.command(epilog="Example: jobrunner retry 20261124-013000-3f9a --failed")(retry)


def run(
    input_: Annotated[
        str,
        typer.Argument(
            metavar="INPUT",
            help="A paper list: JSON, an object with `papers`, or JSON Lines; - is standard input.",
            show_default=False,
        ),
    ],
    source: Sources = [],
    in_order: InOrder = False,
    output: Output = None,
    resume_: Annotated[
        bool, typer.Option("--resume", help="Go on with this input's unfinished session, if any.")
    ] = False,
    new: Annotated[
        bool, typer.Option("--new", help="Start afresh, even if a session is unfinished.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at a paper that cannot be used.")
    ] = False,
    batch_size: BatchSize = None,
    checkpoint_interval: Interval = None,
    max_time: MaxTime = None,
    budget: Budgets = [],
    max_requests: MaxRequests = [],
    policy: PolicyFile = None,
    email: Email = None,
    base_url: BaseUrls = [],
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """Enrich a paper list from the sources.

    Every batch is committed at once: however the run ends, `jobrunner resume` goes on with the
    next one.
    """
    from jobrunner.consolidation.policy import DEFAULT
    from jobrunner.inputs.json_list import open_input
    from jobrunner.matching.decide import RULES
    from jobrunner.operations.load import delete_abandoned, load_session
    from jobrunner.store.database import default_path
    from jobrunner.store.rows import Options

    if new and resume_:
        raise SettingsError("--new and --resume exclude each other", hint="give one of them")
    path = None if input_ == "-" else Path(input_)
    start = Start(email, base_url, max_time, as_json=as_json)
    names = chosen_sources(source, start.config)
    budgets, requests = budgets_of(budget), max_requests_of(max_requests)
    rules = policy_in(policy)
    start.check(names, output, db or default_path(), path)
    if path is not None and not exists(path):
        open_input(path)  # raises, before a database is made
    database = open_db(db, create=True)
    delete_abandoned(database)
    sessions = [] if new or path is None else _unfinished(database, path)
    if sessions and path is not None and (resume_ or _goes_on(database, sessions, path)):
        check_loaded(database, sessions[-1], in_order=in_order, strict=strict)
        changes = changes_of(
            start, source, output, batch_size, checkpoint_interval, budget, max_requests, policy
        )
        go_on(database, sessions[-1], start, changes)
    options = Options(
        sources=names,
        in_order=in_order,
        rules=RULES,
        base_urls=start.settings.base_urls,
        batch_size=batch_size,
        checkpoint_interval=5.0 if checkpoint_interval is None else checkpoint_interval,
        budgets=budgets,
        max_requests=requests,
        policy=rules or start.config.policy or DEFAULT,
    )
    session, lease = load_session(
        database, path, options, output=output, strict=strict, new=new or bool(sessions)
    )
    with lease:
        tell_loaded(database, session, str(path or "standard input"))
        start.work(database, lease, session)


def _unfinished(database: Database, path: Path) -> list[SessionRow]:
    """Return the unfinished sessions of an input."""
    from jobrunner.files.atomic import sha256_of
    from jobrunner.operations.select import unfinished_sessions

    return unfinished_sessions(database, sha256_of(path)) if is_file(path) else []


def _goes_on(database: Database, sessions: list[SessionRow], path: Path) -> bool:
    """Ask whether to go on with the last session rather than start afresh."""
    from jobrunner.operations.load import check_unfinished

    try:
        check_unfinished(database, path, sessions)
    except Refused as refused:
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise
        say(str(refused))
    return typer.confirm("Go on with it? (no starts afresh)", default=True, err=True)


def changes_of(
    start: Start,
    source: list[str],
    output: Path | None,
    batch_size: int | None,
    checkpoint_interval: float | None,
    budget: list[str],
    max_requests: list[str],
    policy: Path | None,
) -> Changes:
    """Return what the options of a command change of a session that exists."""
    from jobrunner.operations.resume import Changes

    return Changes(
        sources=tuple(dict.fromkeys(source)) or None,
        output=output,
        batch_size=batch_size,
        checkpoint_interval=checkpoint_interval,
        base_urls=start.settings.base_urls,
        budgets=budgets_of(budget),
        max_requests=max_requests_of(max_requests),
        policy=policy_in(policy),
    )


def resume(
    session: SessionArgument = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say what would be done and why; do nothing.")
    ] = False,
    update_input: Annotated[
        bool, typer.Option("--update-input", help="Add papers that are new in the input file.")
    ] = False,
    source: Sources = [],
    output: Output = None,
    batch_size: BatchSize = None,
    checkpoint_interval: Interval = None,
    allow_changes: Annotated[
        bool, typer.Option("--allow-changes", help="Go on even if results would change.")
    ] = False,
    max_time: MaxTime = None,
    budget: Budgets = [],
    max_requests: MaxRequests = [],
    policy: PolicyFile = None,
    email: Email = None,
    base_url: BaseUrls = [],
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """Go on with an unfinished session.

    It goes on after the last committed batch. The input file is not needed any more. With --source
    the session's sources become those named: new ones are added, others dropped (what they found
    stays).
    """
    from jobrunner.operations import resume as resuming
    from jobrunner.operations.select import choose_session

    start = Start(email, base_url, max_time, as_json=as_json)
    database = open_db(db)
    chosen = choose_session(database, session, unfinished=True)
    names = tuple(dict.fromkeys(source))
    path = Path(chosen.input_path) if chosen.input_path else None
    start.check(names or chosen.options.sources, output, database.path, path)
    if explain:
        said = resuming.explain(database, chosen, names, update_input=update_input)
        if as_json:
            print_json(said)
        for line in () if as_json else said:
            fact(line)
        return
    changes = changes_of(
        start, source, output, batch_size, checkpoint_interval, budget, max_requests, policy
    )
    go_on(database, chosen, start, changes, update_input=update_input, allow_changes=allow_changes)


def retry(
    session: Annotated[str, typer.Argument(metavar="SESSION", help="A session's id.")],
    failed: Annotated[
        bool, typer.Option("--failed", help="Ask again about failed papers.")
    ] = False,
    not_found: Annotated[
        bool, typer.Option("--not-found", help="Ask again about papers that were not found.")
    ] = False,
    source: Sources = [],
    dry_run: DryRun = False,
    output: Output = None,
    max_time: MaxTime = None,
    budget: Budgets = [],
    max_requests: MaxRequests = [],
    email: Email = None,
    base_url: BaseUrls = [],
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """Ask again about papers that failed.

    Or, with --not-found, about those that were not found. What the sources had said of them is
    kept in the database.
    """
    from jobrunner.models import Outcome
    from jobrunner.operations import retry as retrying
    from jobrunner.operations.select import choose_session

    start = Start(email, base_url, max_time, as_json=as_json)
    database = open_db(db)
    chosen = choose_session(database, session)
    outcomes = [Outcome.NOT_FOUND] if not_found else []
    if failed or not not_found:
        outcomes.append(Outcome.FAILED)
    retries = retrying.Retries(outcomes=tuple(outcomes), sources=tuple(source))
    if dry_run:
        counts = retrying.count_retried(database, chosen, retries)
        if as_json:
            print_json(counts)
        for one in () if as_json else counts:
            what = f"{counted(one.papers, 'paper')} ({one.outcome.value.replace('_', ' ')})"
            fact(f"{one.source}: {what} would be asked about again")
        return
    path = Path(chosen.input_path) if chosen.input_path else None
    start.check(chosen.options.sources, output, database.path, path)
    changes = changes_of(start, [], output, None, None, budget, max_requests, None)
    go_on(database, chosen, start, changes, retries=retries)
