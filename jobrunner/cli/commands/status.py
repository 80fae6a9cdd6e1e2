"""``status``: how a session stands, asked from any other process."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from jobrunner.cli.console import command, counted, fact, picture, print_json, say, show_fact
from jobrunner.cli.options import AsJson, Db, SessionArgument, open_db
from jobrunner.cli.progress import source_table

if TYPE_CHECKING:
    from jobrunner.operations.status import Status
    from jobrunner.store.database import Database
    from jobrunner.store.rows import SessionRow

EVERY_S = 1.0


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(epilog="Example: jobrunner status --watch")(status)


def status(
    session: SessionArgument = None,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Show it again and again until the run ends.")
    ] = False,
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """Show how far a session is.

    Also whether a run is at work on it, and what to do next. Everything shown is counted from
    committed rows. Without SESSION it is the latest one.
    """
    from jobrunner.operations.select import latest_session
    from jobrunner.operations.status import read_status

    database = open_db(db)
    chosen = latest_session(database, session)
    if watch and not as_json:
        _watch(database, chosen)
    found = read_status(database, chosen, fields=as_json)
    if as_json:
        print_json(found)
    else:
        _show(found)


def _show(found: Status) -> None:
    for line in headline(found):
        fact(line)
    show_fact(source_table(found.sources))
    for line in details(found):
        fact(line)


def headline(found: Status) -> list[str]:
    """Return who works on what."""
    origin = found.input_path or "standard input"
    unusable = f" ({found.unusable} unusable)" if found.unusable else ""
    return [
        f"session {found.session}: {_state(found)}",
        f"input   {origin}, {counted(found.papers, 'paper')}{unusable}",
    ]


def _state(found: Status) -> str:
    from jobrunner.models import SessionState
    from jobrunner.operations.status import may_be_alive

    last = found.last_run
    if last is None:
        return found.state
    if found.state is SessionState.RUNNING:
        return f"running (host {last.host}, pid {last.pid}, since {last.started_at})"
    if found.state is SessionState.CRASHED:
        runner = f"host {last.host}, pid {last.pid}"
        if may_be_alive(last):
            return f"crashed, or a copy: its runner ({runner}) is not at work on this database"
        return f"crashed: its runner ({runner}) is dead"
    return f"{found.state} at {last.ended_at}"


def details(found: Status) -> list[str]:
    """Return what else is to be known, and what to type next."""
    lines = []
    if found.last_error:
        lines.append(f"reason  {found.last_error}")
    if found.snapshot:
        owed = ", more is committed since" if found.snapshot_owed else ""
        lines.append(
            f"newest  snapshot {found.snapshot.number}, {found.snapshot.created_at},"
            f" {counted(found.snapshot.papers, 'paper')}{owed}"
        )
    if found.output:
        lines.append(f"output  {found.output}")
    if found.next:
        lines.append(f"next    {next_step(found)}")
    return lines


def next_step(found: Status) -> str:
    """Return the command to type, and from when on it helps."""
    from jobrunner.operations.status import resumable_at

    moment = resumable_at(found)
    return command(found.next or "") + (f"   (from {moment} on)" if moment else "")


def tell_next(found: Status) -> None:
    """Say what to type next, if anything."""
    if found.next:
        say(f"next: {next_step(found)}")


def _watch(database: Database, session: SessionRow) -> None:
    """Draw how far a session is until its run ends."""
    from jobrunner.models import SessionState
    from jobrunner.operations.status import read_status

    with picture(err=False) as draw:
        while (found := read_status(database, session)).state is SessionState.RUNNING:
            draw([*headline(found), source_table(found.sources), *details(found)])
            time.sleep(EVERY_S)
