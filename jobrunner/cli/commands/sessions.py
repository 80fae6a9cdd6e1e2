"""``sessions``: list, show, delete and clean up sessions."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from jobrunner import clock
from jobrunner.cli.command_group import show_commands
from jobrunner.cli.console import counted, input_name, print_message, print_result
from jobrunner.cli.json_output import print_json, print_json_or_lines
from jobrunner.cli.options import AsJson, Db, DryRun, LatestSessionArgument, Yes, number_of
from jobrunner.cli.state_database import open_db
from jobrunner.cli.tables import Table, print_result_table
from jobrunner.errors import ExitCode, SettingsError
from jobrunner.models import SessionStatus
from jobrunner.operations.delete import delete_whole
from jobrunner.operations.load import abandoned_sessions, delete_abandoned
from jobrunner.operations.select import latest_session
from jobrunner.operations.status import Status, read_status
from jobrunner.store.database import Database
from jobrunner.store.events import list_events
from jobrunner.store.paths import session_directory
from jobrunner.store.rows import SessionRow
from jobrunner.store.runs import list_runs
from jobrunner.store.session_export import list_unusable
from jobrunner.store.sessions import get_session, list_sessions
from jobrunner.store.snapshots import list_snapshots

COLUMNS = [
    ("session", "left"),
    ("state", "left"),
    ("papers", "right"),
    ("done", "right"),
    ("input", "left"),
]

sessions = typer.Typer(
    invoke_without_command=True,
    callback=show_commands,
    help="List, show, delete and clean up sessions.",
)


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.add_typer(sessions, name="sessions", epilog="Example: jobrunner sessions list")


@sessions.command("list", epilog="Example: jobrunner sessions list --json")
def list_(context: typer.Context, as_json: AsJson = False, db: Db = None) -> None:
    """List all sessions, oldest first."""
    database = open_db(context.obj, db)
    statuses = [read_status(database, row, fields=as_json) for row in list_sessions(database)]
    if as_json:
        print_json(statuses)
    elif statuses:
        print_result_table(Table(COLUMNS, [_cells(status) for status in statuses]))
    else:
        print_message("no sessions yet: start one with `jobrunner run INPUT`")


def _cells(status: Status) -> list[object]:
    return [
        status.session,
        status.state,
        status.papers,
        " ".join(f"{source.name} {source.done}/{source.papers}" for source in status.sources),
        input_name(status.input_path),
    ]


@sessions.command(epilog="Example: jobrunner sessions show 20261124-013000-3f9a")
def show(
    context: typer.Context,
    session: LatestSessionArgument = None,
    unusable: Annotated[
        bool, typer.Option("--unusable", help="List the unusable papers instead.")
    ] = False,
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """Show a session's history.

    The history lists runs, sources, snapshots and warnings, the oldest first.
    """
    database = open_db(context.obj, db)
    chosen = latest_session(database, session)
    if unusable:
        _print_unusable(database, chosen.id, as_json=as_json)
        return
    events = list_events(database, chosen.id)
    if as_json:
        parts = {
            "session": chosen,
            "runs": list_runs(database, chosen.id),
            "snapshots": list_snapshots(database, chosen.id),
            "events": events,
        }
        print_json(parts)
        return
    print_result(f"session {chosen.id}, created by jobrunner {chosen.version}, {chosen.created_at}")
    print_result(f"input   {input_name(chosen.input_path)} ({chosen.input_format})")
    print_result(f"sha256  {chosen.input_sha256}")
    print_result(f"sources {', '.join(chosen.options.sources)}")
    for event in events:
        print_result(f"{event.at}  {event.kind:<11} {event.message}")


def _print_unusable(database: Database, session_id: str, *, as_json: bool) -> None:
    papers = list_unusable(database, session_id)
    described = [{"position": position, "reason": reason} for position, reason in papers]
    lines = (f"paper {position}: {reason}" for position, reason in papers)
    print_json_or_lines(described, lines, as_json=as_json)


@sessions.command(epilog="Example: jobrunner sessions delete 20261124-013000-3f9a --dry-run")
def delete(
    context: typer.Context,
    session: Annotated[str, typer.Argument(metavar="SESSION", help="A session's id.")],
    dry_run: DryRun = False,
    yes: Yes = False,
    db: Db = None,
) -> None:
    """Delete a session and its results.

    The command also deletes the session's directory, which contains its snapshots.
    """
    database = open_db(context.obj, db)
    _delete(database, [get_session(database, session)], dry_run=dry_run, yes=yes)


@sessions.command(epilog="Example: jobrunner sessions clean --older-than 30 --dry-run")
def clean(
    context: typer.Context,
    older_than: Annotated[
        float,
        typer.Option(
            "--older-than",
            metavar="DAYS",
            parser=number_of(float, "--older-than", 0),
            help="Minimum number of days since the last change.",
        ),
    ] = 30.0,
    dry_run: DryRun = False,
    yes: Yes = False,
    db: Db = None,
) -> None:
    """Delete old completed sessions.

    The command also deletes sessions whose loading was interrupted.
    """
    database = open_db(context.obj, db)
    limit = clock.to_text(datetime.now(UTC) - timedelta(days=older_than))

    def is_old(session: SessionRow) -> bool:
        return session.status is SessionStatus.COMPLETED and session.updated_at <= limit

    old = [session for session in list_sessions(database) if is_old(session)]
    if dry_run:
        abandoned, done = len(abandoned_sessions(database)), "would be deleted"
    else:
        abandoned, done = delete_abandoned(database), "deleted"
    if abandoned:
        print_message(f"{counted(abandoned, 'incompletely loaded session')} {done}")
    if old:
        _delete(database, old, dry_run=dry_run, yes=yes, wanted=is_old)
    else:
        print_message(f"no session was completed more than {older_than:g} days ago")


def _delete(
    database: Database,
    chosen: list[SessionRow],
    *,
    dry_run: bool,
    yes: bool,
    wanted: Callable[[SessionRow], bool] = lambda _: True,
) -> None:
    """Delete the sessions that are still ``wanted`` after the user has confirmed."""
    for session in chosen:
        directory = session_directory(database.path, session.id)
        print_message(f"{session.id} ({session.status}), with {directory}")
    if dry_run:
        print_message("nothing was deleted (--dry-run)")
        return
    if not yes and not _confirmed(len(chosen)):
        raise typer.Exit(ExitCode.ERROR)
    for session in chosen:
        if delete_whole(database, session.id, wanted=wanted):
            print_result(f"deleted {session.id}")
        else:
            print_message(f"{session.id} kept: another run has used it since")


def _confirmed(count: int) -> bool:
    if not sys.stdin.isatty():
        raise SettingsError("cannot ask for confirmation without a terminal", hint="add --yes")
    what = "it" if count == 1 else f"these {count} sessions"
    return typer.confirm(f"Delete {what} permanently?", err=True)
