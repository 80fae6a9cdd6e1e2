"""``sessions``: list, show, delete and clean."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from jobrunner.cli.console import Table, counted, fact, print_json, say, show_fact
from jobrunner.cli.options import AsJson, Db, DryRun, SessionArgument, Yes, open_db, show_commands
from jobrunner.errors import ExitCode, SettingsError

if TYPE_CHECKING:
    from jobrunner.store.database import Database
    from jobrunner.store.rows import SessionRow

sessions = typer.Typer(
    invoke_without_command=True,
    callback=show_commands,
    help="List, show, delete and clean up sessions.",
)


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.add_typer(sessions, name="sessions", epilog="Example: jobrunner sessions list")


@sessions.command("list", epilog="Example: jobrunner sessions list --json")
def list_(as_json: AsJson = False, db: Db = None) -> None:
    """List all sessions, the oldest first."""
    from jobrunner.operations.status import read_status
    from jobrunner.store.sessions import list_sessions

    database = open_db(db)
    found = [read_status(database, one, fields=as_json) for one in list_sessions(database)]
    if as_json:
        print_json(found)
        return
    if not found:
        say("there are no sessions yet: start one with `jobrunner run INPUT`")
        return
    columns = [("session", "left"), ("state", "left"), ("papers", "right"), ("done", "right")]
    rows = [
        [
            status.session,
            status.state,
            status.papers,
            " ".join(f"{s.name} {s.done}/{s.papers}" for s in status.sources),
            status.input_path or "standard input",
        ]
        for status in found
    ]
    show_fact(Table([*columns, ("input", "left")], rows))


@sessions.command(epilog="Example: jobrunner sessions show 20261124-013000-3f9a")
def show(
    session: SessionArgument = None,
    unusable: Annotated[
        bool, typer.Option("--unusable", help="List the papers that cannot be used instead.")
    ] = False,
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """Show a session's history: runs, sources, snapshots, warnings, in the order they came."""
    from jobrunner.operations.select import latest_session
    from jobrunner.store.events import list_events
    from jobrunner.store.runs import list_runs
    from jobrunner.store.session_export import list_unusable
    from jobrunner.store.snapshots import list_snapshots

    database = open_db(db)
    chosen = latest_session(database, session)
    if unusable:
        papers = list_unusable(database, chosen.id)
        if as_json:
            print_json([{"position": position, "reason": why} for position, why in papers])
        for position, why in () if as_json else papers:
            fact(f"paper {position}: {why}")
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
    fact(f"session {chosen.id}, made by jobrunner {chosen.version}, {chosen.created_at}")
    fact(f"input   {chosen.input_path or 'standard input'} ({chosen.input_format})")
    fact(f"sha256  {chosen.input_sha256}")
    fact(f"sources {', '.join(chosen.options.sources)}")
    for event in events:
        fact(f"{event.at}  {event.kind:<11} {event.message}")


@sessions.command(epilog="Example: jobrunner sessions delete 20261124-013000-3f9a --dry-run")
def delete(
    session: Annotated[str, typer.Argument(metavar="SESSION", help="A session's id.")],
    dry_run: DryRun = False,
    yes: Yes = False,
    db: Db = None,
) -> None:
    """Delete a session with everything that it found, and its directory with the snapshots."""
    from jobrunner.store.sessions import get_session

    database = open_db(db)
    _delete(database, [get_session(database, session)], dry_run=dry_run, yes=yes)


@sessions.command(epilog="Example: jobrunner sessions clean --older-than 30 --dry-run")
def clean(
    older_than: Annotated[
        float, typer.Option("--older-than", metavar="DAYS", min=0, help="Days since the last run.")
    ] = 30.0,
    dry_run: DryRun = False,
    yes: Yes = False,
    db: Db = None,
) -> None:
    """Delete completed sessions of long ago, and what interrupted loads have left."""
    from jobrunner import clock
    from jobrunner.models import SessionStatus
    from jobrunner.operations.load import abandoned_sessions, delete_abandoned
    from jobrunner.store.sessions import list_sessions

    database = open_db(db)
    limit = clock.to_text(datetime.now(UTC) - timedelta(days=older_than))

    def is_old(session: SessionRow) -> bool:
        return session.status is SessionStatus.COMPLETED and session.updated_at <= limit

    old = [session for session in list_sessions(database) if is_old(session)]
    if dry_run:
        abandoned, done = len(abandoned_sessions(database)), "would be deleted"
    else:
        abandoned, done = delete_abandoned(database), "deleted"
    if abandoned:
        say(f"{counted(abandoned, 'session')} never loaded whole {done}")
    if old:
        _delete(database, old, dry_run=dry_run, yes=yes, wanted=is_old)
    else:
        say(f"no session was completed more than {older_than:g} days ago")


def _delete(
    database: Database,
    chosen: list[SessionRow],
    *,
    dry_run: bool,
    yes: bool,
    wanted: Callable[[SessionRow], bool] = lambda _: True,
) -> None:
    """Delete sessions if the user confirms it: those that are ``wanted`` still when he does."""
    from jobrunner.operations.delete import delete_whole
    from jobrunner.store.paths import session_directory

    for session in chosen:
        directory = session_directory(database.path, session.id)
        say(f"{session.id} ({session.status}), with {directory}")
    if dry_run:
        say("nothing is deleted (--dry-run)")
        return
    if not yes and not _confirmed(len(chosen)):
        raise typer.Exit(ExitCode.ERROR)
    for session in chosen:
        if delete_whole(database, session.id, wanted=wanted):
            fact(f"deleted {session.id}")
        else:
            say(f"{session.id} is left: it has been worked on meanwhile")


def _confirmed(count: int) -> bool:
    import sys

    if not sys.stdin.isatty():
        raise SettingsError("nobody to ask whether to delete", hint="confirm with --yes")
    what = "it" if count == 1 else f"these {count} sessions"
    return typer.confirm(f"Delete {what} for good?", err=True)
