"""``status``: show a session's progress, from any process."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from jobrunner.cli.command_context import CommandContext
from jobrunner.cli.console import counted, input_name, print_message, print_result
from jobrunner.cli.json_output import print_json
from jobrunner.cli.options import AsJson, Db, LatestSessionArgument
from jobrunner.cli.source_table import source_table
from jobrunner.cli.state_database import open_db
from jobrunner.cli.tables import print_result_table
from jobrunner.models import SessionState
from jobrunner.operations.select import latest_session
from jobrunner.operations.status import Status, may_be_alive, read_status, resumable_at
from jobrunner.store.database import Database
from jobrunner.store.rows import SessionRow

EVERY_S = 1.0
"""Seconds between two updates of ``--watch``."""


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(epilog="Example: jobrunner status --watch")(status)


def status(
    context: typer.Context,
    session: LatestSessionArgument = None,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Keep updating until the run ends.")
    ] = False,
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """Show a session's progress.

    The command also shows whether a run is active and what to do next. All figures are counted from
    committed rows.
    """
    database = open_db(context.obj, db)
    chosen = latest_session(database, session)
    if watch and not as_json:
        _watch(context.obj, database, chosen)
    current = read_status(database, chosen, fields=as_json)
    if as_json:
        print_json(current)
    else:
        _print_status(context.obj, current)


def _print_status(context: CommandContext, status: Status) -> None:
    for line in _first_lines(status):
        print_result(line)
    print_result_table(source_table(status.sources))
    for line in _last_lines(context, status):
        print_result(line)


def _first_lines(status: Status) -> list[str]:
    """Return the lines above the table: state, runner and input."""
    origin = input_name(status.input_path)
    unusable = f" ({status.unusable} unusable)" if status.unusable else ""
    return [
        f"session {status.session}: {_state(status)}",
        f"input   {origin}, {counted(status.papers, 'paper')}{unusable}",
    ]


def _state(status: Status) -> str:
    last = status.last_run
    if last is None:
        return status.state
    runner = f"host {last.host}, pid {last.pid}"
    if status.state is SessionState.RUNNING:
        return f"running ({runner}, since {last.started_at})"
    if status.state is not SessionState.CRASHED:
        return f"{status.state} at {last.ended_at}"
    if may_be_alive(last):
        return f"crashed, or this is a copy: its runner ({runner}) is not using this database"
    return f"crashed: its runner ({runner}) is dead"


def _last_lines(context: CommandContext, status: Status) -> list[str]:
    """Return the lines below the table: errors, the newest snapshot, and the next command."""
    lines = []
    if status.last_error:
        lines.append(f"reason  {status.last_error}")
    if status.snapshot:
        owed = "; more batches have been committed since" if status.snapshot_owed else ""
        lines.append(
            f"newest  snapshot {status.snapshot.number}, {status.snapshot.created_at},"
            f" {counted(status.snapshot.papers, 'paper')}{owed}"
        )
    if status.output:
        lines.append(f"output  {status.output}")
    if status.next:
        lines.append(f"next    {_next_step(context, status.next, status)}")
    return lines


def _next_step(context: CommandContext, command: str, status: Status) -> str:
    """Return the command to type, and the time from which it is useful."""
    moment = resumable_at(status)
    return context.command(command) + (f"   (not before {moment})" if moment else "")


def print_next_step(context: CommandContext, status: Status) -> None:
    """Print the command to type next, if there is one."""
    if status.next:
        print_message(f"next: {_next_step(context, status.next, status)}")


def _watch(context: CommandContext, database: Database, session: SessionRow) -> None:
    """Show a session's progress live until its run ends."""
    # Importing rich takes longer than the rest of this command.
    from jobrunner.cli.live_view import LiveView  # noqa: PLC0415

    with LiveView(err=False) as view:
        while (status := read_status(database, session)).state is SessionState.RUNNING:
            table = source_table(status.sources)
            view.draw([*_first_lines(status), table, *_last_lines(context, status)])
            time.sleep(EVERY_S)
