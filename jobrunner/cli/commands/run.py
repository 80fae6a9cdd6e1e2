"""``run``: create a session from a paper list and run it."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import NoReturn

import typer

from jobrunner.cli.address_check import check_addresses
from jobrunner.cli.console import input_name, print_message
from jobrunner.cli.options import (
    AsJson,
    BaseUrls,
    BatchSize,
    Budgets,
    Db,
    Email,
    InOrder,
    InputList,
    Interval,
    MaxRequests,
    MaxTime,
    New,
    Output,
    PolicyFile,
    ResumeIfAny,
    Sources,
    Strict,
)
from jobrunner.cli.session_run import Start, changes_of
from jobrunner.cli.state_database import database_path, open_db
from jobrunner.consolidation.policy import DEFAULT
from jobrunner.errors import Refused, SettingsError
from jobrunner.files.checksums import sha256_of
from jobrunner.files.path_queries import exists, is_file
from jobrunner.inputs.formats import open_input
from jobrunner.matching.decide import RULES
from jobrunner.operations.load import check_unfinished, delete_abandoned, load_session
from jobrunner.operations.resume import Changes
from jobrunner.operations.select import unfinished_sessions
from jobrunner.settings.settings import Settings
from jobrunner.store.database import Database
from jobrunner.store.rows import Options, SessionRow

DEFAULT_INTERVAL = 5.0
"""Minutes between snapshots."""


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(epilog="Example: jobrunner run papers.json -o enriched.json --max-time 2h")(run)


def run(
    context: typer.Context,
    input_: InputList,
    source: Sources = [],
    in_order: InOrder = False,
    output: Output = None,
    resume_: ResumeIfAny = False,
    new: New = False,
    strict: Strict = False,
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

    Every batch is committed when it is complete. However the run ends, `jobrunner resume`
    continues from the last committed batch.
    """
    if new and resume_:
        raise SettingsError(
            "--new and --resume cannot be used together", hint="use only one of them"
        )
    path = None if input_ == "-" else Path(input_)
    start = Start(context.obj, email, base_url, max_time, as_json=as_json)
    asked = changes_of(
        start, source, output, batch_size, checkpoint_interval, budget, max_requests, policy
    )
    options = _options(asked, start.settings, in_order=in_order)
    start.check(options.sources, output, database_path(db), path)
    _check_input(path)
    if not exists(database_path(db)):  # a refused run must leave nothing behind
        check_addresses(start.settings, options.sources)
    database = open_db(context.obj, db, create=True)
    delete_abandoned(database)
    if not new:
        unfinished = _unfinished(database, path)
        if unfinished and (resume_ or _user_resumes(database, unfinished, path)):
            start.go_on_as_loaded(database, unfinished[-1], asked, in_order=in_order, strict=strict)
        new = bool(unfinished)  # the user chose a new session
    _begin(start, database, path, options, output, strict=strict, new=new)


def _begin(
    start: Start,
    database: Database,
    path: Path | None,
    options: Options,
    output: Path | None,
    *,
    strict: bool,
    new: bool,
) -> NoReturn:
    """Load a new session and run it."""
    check_addresses(start.settings, options.sources)
    session, lease = load_session(
        database,
        path,
        options,
        output=output,
        strict=strict,
        new=new,
        before=partial(start.remember, options.sources, output),
    )
    start.begin(database, lease, session, input_name(path))


def _options(asked: Changes, settings: Settings, *, in_order: bool) -> Options:
    """Return the options that a new session stores."""
    interval = asked.checkpoint_interval
    return Options(
        sources=asked.sources or settings.default_sources,
        in_order=in_order,
        rules=RULES,
        base_urls=asked.base_urls,
        batch_size=asked.batch_size,
        checkpoint_interval=DEFAULT_INTERVAL if interval is None else interval,
        budgets=asked.budgets,
        max_requests=asked.max_requests,
        policy=asked.policy or settings.policy or DEFAULT,
    )


def _check_input(path: Path | None) -> None:
    """Raise InputError for a missing file before a database is created."""
    if path is not None and not exists(path):
        open_input(path)


def _unfinished(database: Database, path: Path | None) -> list[SessionRow]:
    """Return the unfinished sessions of an input."""
    if path is None or not is_file(path):
        return []
    return unfinished_sessions(database, sha256_of(path))


def _user_resumes(database: Database, sessions: list[SessionRow], path: Path | None) -> bool:
    """Ask the user whether to continue the last session; raise Refused if there is no terminal."""
    try:
        check_unfinished(database, path, sessions)
    except Refused as refused:
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise
        print_message(str(refused))
    return typer.confirm("Continue it? (answering no starts a new session)", default=True, err=True)
