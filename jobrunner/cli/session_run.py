"""Running a session from the command line: checks before, progress during, a report after."""

from __future__ import annotations

import resource
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import typer
from msgspec import structs

from jobrunner.cli.address_check import check_addresses, named_addresses, show_addresses
from jobrunner.cli.command_context import CommandContext
from jobrunner.cli.commands.status import print_next_step
from jobrunner.cli.console import counted, drop_output, print_message, print_result
from jobrunner.cli.json_output import print_json
from jobrunner.cli.option_values import (
    budgets_of,
    max_requests_of,
    policy_in,
    seconds_of,
    settings_of,
)
from jobrunner.cli.output_file import announced_output, check_directory, check_output
from jobrunner.cli.run_display import RunDisplay
from jobrunner.cli.run_hints import add_next_command, print_hint
from jobrunner.cli.source_table import source_table
from jobrunner.cli.tables import print_message_table
from jobrunner.engine.run import Ending, RunRequest, run_session
from jobrunner.errors import FileError, JobrunnerError, SettingsError
from jobrunner.files.path_queries import real_path
from jobrunner.operations.resume import (
    Changes,
    InputState,
    add_new_papers,
    apply_changes,
    check_fingerprint,
    input_state,
)
from jobrunner.operations.retry import Retries, retire
from jobrunner.operations.status import read_status
from jobrunner.settings.confirmations import confirm
from jobrunner.snapshots.publish import Output
from jobrunner.sources.contract import Source
from jobrunner.sources.registry import open_source
from jobrunner.store.audit import check_positions
from jobrunner.store.database import Database
from jobrunner.store.lease import Lease, is_running, take_lease
from jobrunner.store.progress import read_progress
from jobrunner.store.rows import SessionRow
from jobrunner.store.session_export import list_unusable
from jobrunner.store.sessions import list_sessions

SHOWN_UNUSABLE = 10
OPEN_FILES = 64
"""Enough for the database, its log, snapshots, and a connection for each request in flight."""


class Start:
    """Starts runs with the given settings, time limit and report format."""

    def __init__(
        self,
        context: CommandContext,
        email: str | None,
        base_urls: Sequence[str],
        max_time: str | None,
        *,
        as_json: bool,
    ) -> None:
        self.settings = settings_of(email, base_urls)
        self._context = context
        self._max_seconds = seconds_of(max_time)
        self._as_json = as_json

    def check(
        self,
        names: Sequence[str],
        output: Path | None,
        database: Path,
        input_path: Path | str | None,
    ) -> None:
        """Raise SettingsError early for faults that would otherwise show only after loading."""
        _check_open_files()
        self._open(names, {})
        if output is not None:
            check_output(output, database, input_path)
            check_directory(output)

    def remember(self, names: Sequence[str], output: Path | None, session_id: str) -> None:
        """Remember what this command names for a session, before the session can be resumed."""
        addresses = named_addresses(self.settings, names)
        place = str(real_path(output)) if output else None
        try:
            confirm(session_id, addresses, place)
        except FileError as error:
            named = (("--base-url", addresses), ("-o", place))
            options = " and ".join(option for option, value in named if value)
            print_message(f"warning: {error}; a later resume needs {options} again")

    def _open(self, names: Sequence[str], remembered: dict[str, str]) -> list[Source]:
        return [open_source(name, self.settings.of(name, remembered)) for name in names]

    def begin(self, database: Database, lease: Lease, session: SessionRow, origin: str) -> NoReturn:
        """Run a session that was just loaded."""
        with lease:
            show_addresses(self.settings, session.options.sources, session)
            self._print_loaded(database, session, origin)
            self._work(database, lease, session, is_named=True)

    def go_on(
        self,
        database: Database,
        session: SessionRow,
        changes: Changes,
        *,
        update_input: bool = False,
        retries: Retries | None = None,
        allow_changes: bool = False,
    ) -> NoReturn:
        """Continue an existing session after applying the changes."""
        names = changes.sources or session.options.sources
        check_addresses(self.settings, names, session)
        check_positions(database, session.id)
        accepted = check_fingerprint(session, allow_changes=allow_changes)
        changes = structs.replace(changes, accepted=accepted)
        with take_lease(database, session.id) as lease:
            _update_input(database, lease, session, update=update_input)
            self.remember(names, changes.output, session.id)
            session = apply_changes(database, lease, session, changes)
            if retries is not None:
                count = retire(database, lease, retries)
                print_message(f"retrying {counted(count, 'paper')}")
            show_addresses(self.settings, names, session)
            print_message(f"session {session.id} continues")
            self._work(database, lease, session, is_named=changes.output is not None)

    def go_on_as_loaded(
        self,
        database: Database,
        session: SessionRow,
        changes: Changes,
        *,
        in_order: bool,
        strict: bool,
    ) -> NoReturn:
        """Continue a session, or raise SettingsError if ``in_order`` or ``strict`` contradicts it.

        Both take effect only in a new session: the order of the sources decides which requests
        were sent, and the papers are already loaded.
        """
        afresh = "start a new session with `jobrunner run INPUT --new`"
        if in_order and not session.options.in_order:
            raise SettingsError(
                f"session {session.id} was started without --in-order and must continue without it",
                hint=f"omit --in-order, or {afresh}",
            )
        for position, reason in list_unusable(database, session.id, 1) if strict else ():
            raise SettingsError(
                f"session {session.id} holds unusable papers; the first is paper {position}:"
                f" {reason}",
                hint=f"omit --strict to continue with the others, or correct them and {afresh}",
            )
        self.go_on(database, session, changes)

    def _work(
        self, database: Database, lease: Lease, session: SessionRow, *, is_named: bool
    ) -> NoReturn:
        """Run a leased session, print a report and exit with the code of its ending.

        ``is_named``: the user named the output in this command.
        """
        _warn_of_others(database, session)
        output = announced_output(database, session, is_named=is_named)
        ending = self._run(database, lease, session, output)
        lease.release()
        try:
            self._report(database, session, ending)
        except BrokenPipeError:  # the exit code describes the session, not the report's reader
            drop_output()
        except FileError as error:
            print_message(str(error))
        raise typer.Exit(ending.exit_code)

    def _run(
        self, database: Database, lease: Lease, session: SessionRow, output: Output | None
    ) -> Ending:
        display = RunDisplay()
        request = RunRequest(
            database=database,
            lease=lease,
            session=session,
            sources=self._open(session.options.sources, session.options.base_urls),
            output=output,
            email=self.settings.email,
            max_seconds=self._max_seconds,
            is_last=True,
            companion=lambda: display.show_progress(lambda: read_progress(database, session.id)),
        )
        with display.showing_warnings():
            try:
                return run_session(request)
            except JobrunnerError as error:
                add_next_command(error, session)
                raise

    def _print_loaded(self, database: Database, session: SessionRow, origin: str) -> None:
        progress = read_progress(database, session.id)
        papers = counted(progress.papers, "paper")
        print_message(f"session {session.id}: {papers} from {origin}")
        if not progress.unusable:
            return
        print_message(f"{counted(progress.unusable, 'unusable paper')}, kept unchanged:")
        for position, reason in list_unusable(database, session.id, SHOWN_UNUSABLE):
            print_message(f"  paper {position}: {reason}")
        if progress.unusable > SHOWN_UNUSABLE:
            command = self._context.command(f"jobrunner sessions show {session.id} --unusable")
            print_message(f"  ... full list: {command}")

    def _report(self, database: Database, session: SessionRow, ending: Ending) -> None:
        """Print how a run ended and what to type next."""
        status = read_status(database, session, fields=self._as_json)
        if self._as_json:
            print_json(status)
            return
        print_message_table(source_table(status.sources))
        print_message(f"{ending.ending}: {ending.reason}")
        for name, error in ending.stopped.items():
            print_hint(name, error)
        print_next_step(self._context, status)
        if status.output:
            print_result(status.output)


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
    """Return the session options that a command line sets, for a new or an existing session."""
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


def _check_open_files() -> None:
    """Raise JobrunnerError if the limit on open files is too low.

    During a run the same limit would surface as a confusing failure of the database or a source.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < OPEN_FILES and hard > soft:
        soft = min(hard, OPEN_FILES)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft < OPEN_FILES:
        raise JobrunnerError(
            f"only {soft} files may be open at a time; a run needs {OPEN_FILES}",
            hint="raise the limit on open files (ulimit -n)",
        )


def _warn_of_others(database: Database, session: SessionRow) -> None:
    """Warn about active runs on the same database that query the same sources."""
    for other in list_sessions(database):
        shared = [name for name in other.options.sources if name in session.options.sources]
        if shared and other.id != session.id and is_running(database, other.id):
            print_message(
                f"session {other.id} is querying {', '.join(shared)} too: each run keeps the"
                " limits, but together they may exceed them"
            )


def _update_input(database: Database, lease: Lease, session: SessionRow, *, update: bool) -> None:
    """Add the new papers of the input file if requested; otherwise report a changed file."""
    if update:
        added = add_new_papers(database, lease, session)
        print_message(f"added {counted(added, 'new paper')} from {session.input_path}")
    elif input_state(session) is InputState.CHANGED:
        print_message(
            f"{session.input_path} has changed; continuing with the papers already in the session"
            " (--update-input adds the new ones)"
        )
