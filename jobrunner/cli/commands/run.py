"""``run``: a paper list becomes a session, and is worked on."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jobrunner.cli.commands.resume import changes_of
from jobrunner.cli.console import say
from jobrunner.cli.options import (
    AsJson,
    BaseUrls,
    BatchSize,
    Budgets,
    Db,
    Email,
    InOrder,
    Interval,
    MaxRequests,
    MaxTime,
    Output,
    PolicyFile,
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
    from jobrunner.store.database import Database
    from jobrunner.store.rows import SessionRow


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(epilog="Example: jobrunner run papers.json -o enriched.json --max-time 2h")(run)


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
    from jobrunner.inputs.formats import open_input
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
    from jobrunner.files.checksums import sha256_of
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
