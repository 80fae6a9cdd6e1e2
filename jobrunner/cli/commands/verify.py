"""``snapshot``, ``verify`` and ``restore``: the files that a run leaves."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jobrunner.cli.console import command, counted, fact, print_json, say
from jobrunner.cli.options import AsJson, Db, PolicyFile, SessionArgument, open_db, policy_in
from jobrunner.errors import GET_BACK, DamageFound, JobrunnerError
from jobrunner.files.path_queries import is_directory, is_file

MAKE_AGAIN = (
    "the database is whole: delete what is damaged of the snapshots, then make a new one with"
    " `jobrunner snapshot SESSION`"
)
"""What to do about damaged or missing snapshots alone."""


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command(epilog="Example: jobrunner snapshot 20261124-013000-3f9a")(snapshot)
    app.command(epilog="Example: jobrunner verify enriched.json")(verify)
    app.command(epilog="Example: jobrunner restore .jobrunner/SESSION --db new/state.db")(restore)


def snapshot(
    session: SessionArgument = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="OUT", help="Write it here, also beside a run."),
    ] = None,
    policy: PolicyFile = None,
    db: Db = None,
) -> None:
    """Write the enriched papers as of now.

    Without --output it becomes the session's newest snapshot, which needs that no run is at work.
    With --policy the view is made again under another policy, without asking any source: for this
    file only with --output, else from now on.
    """
    from jobrunner.cli.session_run import check_output
    from jobrunner.operations import resume
    from jobrunner.operations.select import choose_session
    from jobrunner.snapshots import write
    from jobrunner.store.runs import take_lease

    database = open_db(db)
    chosen = choose_session(database, session)
    rules = policy_in(policy, chosen.options.sources)
    if output is not None:
        check_output(output, database.path, chosen.input_path)
        count = write.write_copy(database, chosen.id, output, rules)
        say(f"{counted(count, 'paper')} written")
        fact(str(output))
        return
    with take_lease(database, chosen.id) as lease:
        resume.apply_changes(database, lease, chosen, resume.Changes(policy=rules))
        place = Path(chosen.output) if chosen.output else None
        row = write.take_snapshot(database, lease, "asked for", place)
    say(f"{counted(row.papers, 'paper')} written")
    fact(str(database.path.parent / row.path))


def verify(
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="SESSION|FILE",
            help="A session's id, or a snapshot file [default: all sessions].",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
    db: Db = None,
) -> None:
    """Recount and check everything.

    Rows against counters, snapshots against checksums, the database by SQLite's own check. Exit
    code 6 if anything is wrong.
    """
    from jobrunner.operations.verify import verify_file

    if what is not None and is_file(Path(what)):
        problems, papers = verify_file(Path(what))
        _conclude(
            {what: problems}, counted(papers, "paper"), "use another snapshot", as_json=as_json
        )
    elif what is not None and not {"/", "."}.isdisjoint(what):  # no session's id has these
        raise JobrunnerError(f"{what}: no such file", hint="name a snapshot's file, or a session")
    else:
        _verify_sessions(what, db, as_json=as_json)


def _verify_sessions(session: str | None, db: Path | None, *, as_json: bool) -> None:
    from jobrunner.operations.verify import examine_session, verify_database
    from jobrunner.store.sessions import get_session, list_sessions

    database = open_db(db)
    wrong = verify_database(database)
    found = {str(database.path): wrong} if wrong else {}
    whole = not wrong
    try:
        for one in [get_session(database, session)] if session else list_sessions(database):
            examined = examine_session(database, one.id)
            found[one.id] = examined.rows + examined.files
            whole = whole and not examined.rows
    except DamageFound as error:
        found.setdefault(str(database.path), []).append(str(error))
        whole = False
    hint = MAKE_AGAIN if whole else GET_BACK
    _conclude(found, "rows, counters and snapshots agree", hint, as_json=as_json)


def _conclude(found: dict[str, list[str]], fine: str, hint: str, *, as_json: bool) -> None:
    wrong = sum(len(problems) for problems in found.values())
    if as_json:
        print_json({"ok": not wrong, "problems": found})
    else:
        for name, problems in found.items():
            for line in problems or [f"ok, {fine}"]:
                fact(f"{name}: {line}")
    if wrong:
        count = "1 problem" if wrong == 1 else f"{wrong} problems"
        raise DamageFound(f"{count} found", hint=hint)


def restore(
    snapshot_: Annotated[
        Path,
        typer.Argument(
            metavar="SNAPSHOT",
            help="A snapshot file, with its .sha256 beside it, or the directory of a session: its"
            " newest whole snapshot.",
        ),
    ],
    db: Db = None,
) -> None:
    """Make a session from a snapshot.

    The snapshot alone suffices. What was committed after the snapshot is pending again. Where a
    database holds the session, name one in another directory with --db.
    """
    from jobrunner.operations.restore import examine, newest_whole
    from jobrunner.operations.restore import restore as restore_session
    from jobrunner.store.progress import read_progress

    if is_directory(snapshot_):
        whole, problems = newest_whole(snapshot_)
        for problem in problems:
            say(f"passed over: {problem}")
        say(f"restoring {whole.path}")
    elif is_file(snapshot_):
        whole = examine(snapshot_)
    else:
        raise JobrunnerError(f"{snapshot_}: no such file", hint="name a snapshot's .json file")
    database = open_db(db, create=True)
    session, missing = restore_session(database, whole)
    papers = read_progress(database, session.id).papers
    say(f"session {session.id} is back, with {counted(papers, 'paper')}")
    for sentence in missing:
        say(f"  {sentence}")
    say(f"next: {command(f'jobrunner resume {session.id}')}")
    fact(session.id)
