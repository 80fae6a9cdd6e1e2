"""Working on a session from the command line: checked before, shown meanwhile, reported after."""

from __future__ import annotations

import os
import resource
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import typer

from jobrunner.cli.commands.status import tell_next
from jobrunner.cli.console import command, counted, drop_output, fact, print_json, say, show_talk
from jobrunner.cli.options import seconds_of
from jobrunner.cli.progress import show, source_table, talking
from jobrunner.errors import FileError, JobrunnerError, KeyRefused, SettingsError, StoreError
from jobrunner.files.path_queries import exists, is_directory, is_file, real_path

if TYPE_CHECKING:
    from jobrunner.engine.run import Ending
    from jobrunner.operations.resume import Changes
    from jobrunner.operations.retry import Retries
    from jobrunner.settings import Config, Settings
    from jobrunner.sources.contract import Source
    from jobrunner.store.database import Database
    from jobrunner.store.lease import Lease
    from jobrunner.store.rows import SessionRow

DEFAULT_SOURCES = ("openalex",)
SHOWN_UNUSABLE = 10
OPEN_FILES = 64
"""The database, its log, snapshots, and a connection for each request under way."""


def configured(email: str | None, base_urls: Sequence[str]) -> tuple[Config, Settings]:
    """Return what the configuration file says, and the settings of all sources."""
    from jobrunner.settings import read_config, read_settings
    from jobrunner.sources.registry import available

    names = list(available())
    config = read_config(Path(), os.environ, names)
    return config, read_settings(os.environ, names, config=config, email=email, base_urls=base_urls)


def chosen_sources(options: Sequence[str], config: Config) -> tuple[str, ...]:
    """Return the sources named by options, or else by the file, or else the default ones."""
    return tuple(dict.fromkeys(options)) or config.default_sources or DEFAULT_SOURCES


class Start:
    """How a run is to be started: settings of the sources, a time limit, the form of its report."""

    def __init__(
        self, email: str | None, base_urls: Sequence[str], max_time: str | None, *, as_json: bool
    ) -> None:
        self.config, self.settings = configured(email, base_urls)
        self.max_seconds = seconds_of(max_time)
        self.as_json = as_json

    def check(
        self, names: Sequence[str], output: Path | None, database: Path, input_path: Path | None
    ) -> None:
        """Raise SettingsError now for what would only fail when all papers are read."""
        _check_open_files()
        self._open(names, {})
        if output is not None:
            check_output(output, database, input_path)
            _check_directory(output)

    def _open(self, names: Sequence[str], remembered: dict[str, str]) -> list[Source]:
        from jobrunner.sources.registry import open_source

        return [open_source(name, self.settings.of(name, remembered)) for name in names]

    def work(self, database: Database, lease: Lease, session: SessionRow) -> NoReturn:
        """Run a leased session, report, and exit with its code."""
        from jobrunner.engine.run import RunRequest, run_session
        from jobrunner.store.progress import read_progress

        options = session.options
        _warn_of_others(database, session)
        request = RunRequest(
            database=database,
            lease=lease,
            session=session,
            sources=self._open(options.sources, options.base_urls),
            email=self.settings.email,
            max_seconds=self.max_seconds,
            companion=lambda: show(lambda: read_progress(database, session.id)),
        )
        with talking():
            try:
                ending = run_session(request)
            except JobrunnerError as error:
                _say_how_to_go_on(error, session)
                raise
        lease.release()
        try:
            report(database, session, ending, as_json=self.as_json)
        except BrokenPipeError:  # the exit code tells of the session, whoever reads the report
            drop_output()
        except FileError as error:
            say(str(error))
        raise typer.Exit(ending.exit_code)


def _warn_of_others(database: Database, session: SessionRow) -> None:
    """Say which runs at work on the same database ask the same sources, each at full speed."""
    from jobrunner.store.lease import is_running
    from jobrunner.store.sessions import list_sessions

    for other in list_sessions(database):
        shared = [name for name in other.options.sources if name in session.options.sources]
        if shared and other.id != session.id and is_running(database, other.id):
            say(
                f"session {other.id} asks {', '.join(shared)} at the same time: each run keeps the"
                " limits, both together may exceed them"
            )


def _say_how_to_go_on(error: JobrunnerError, session: SessionRow) -> None:
    """Add the next command to the hint of an error that asks for no other."""
    hint = error.hint or "find out why"
    resumable = isinstance(error, (StoreError, FileError)) or type(error) is JobrunnerError
    if resumable and "`jobrunner resume" not in hint:
        go_on = f"then `jobrunner resume {session.id}`: nothing committed is lost"
        error.hint = f"{hint}, {go_on}"


def _check_open_files() -> None:
    """Raise JobrunnerError if too few files may be open: deep in a run that is harder to tell."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < OPEN_FILES and hard > soft:
        soft = min(hard, OPEN_FILES)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft < OPEN_FILES:
        raise JobrunnerError(
            f"only {soft} files may be open at once; a run needs {OPEN_FILES}",
            hint="raise the limit on open files (ulimit -n)",
        )


def check_output(output: Path, database: Path, input_path: Path | str | None) -> None:
    """Raise SettingsError if a place cannot take a file, or that would replace one that is needed.

    Such are the session's input, and what the program keeps in and beside its database.
    """
    from jobrunner.store.paths import owner_of

    try:
        place, database = real_path(output), real_path(database)
        is_input = input_path is not None and place == real_path(Path(input_path))
    except OSError as error:  # links lead in a circle
        hint = "name another file with --output"
        raise SettingsError(f"cannot write {output}: {error.strerror}", hint=hint) from error
    if is_input:
        reason = "it is the input"
    elif owner := owner_of(place, database):
        reason = f"it belongs to {owner}"
    elif is_directory(place):
        reason = "it is a directory"
    elif str(output) == "-" or _is_device(output) or (exists(place) and not is_file(place)):
        reason = "it is no file"
    else:
        return
    raise SettingsError(f"cannot write {output}: {reason}", hint="name another file with --output")


def _is_device(path: Path) -> bool:
    """Tell whether a name is one of the system's, such as /dev/stdout, whatever it leads to now."""
    named = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow it
    return named.parent in (Path("/dev"), Path("/dev/fd")) or named.is_relative_to("/proc")


def _check_directory(output: Path) -> None:
    place = real_path(output)
    if not is_directory(place.parent):
        reason = "its directory does not exist"
    elif not os.access(place.parent, os.W_OK):
        reason = "its directory is read-only"
    else:
        return
    hint = "name another file, in a directory that exists, with --output"
    raise SettingsError(f"cannot write {output}: {reason}", hint=hint)


def check_loaded(database: Database, session: SessionRow, *, in_order: bool, strict: bool) -> None:
    """Raise SettingsError if a session is not as these options of a first run make it.

    Nothing changes that later: whether it is in order decides what it asks, and its papers are in.
    """
    from jobrunner.store.session_export import list_unusable

    afresh = "start afresh with `jobrunner run INPUT --new`"
    if in_order and not session.options.in_order:
        raise SettingsError(
            f"session {session.id} was begun without --in-order, and goes on without",
            hint=f"leave out --in-order, or {afresh}",
        )
    for position, reason in list_unusable(database, session.id, 1) if strict else ():
        raise SettingsError(
            f"session {session.id} holds papers that cannot be used, the first is {position}:"
            f" {reason}",
            hint=f"leave out --strict to go on with the others, or correct them and {afresh}",
        )


def go_on(
    database: Database,
    session: SessionRow,
    start: Start,
    changes: Changes,
    *,
    update_input: bool = False,
    retries: Retries | None = None,
    allow_changes: bool = False,
) -> NoReturn:
    """Take up a session that exists, changed as asked."""
    from msgspec import structs

    from jobrunner.operations import resume, retry
    from jobrunner.store.lease import take_lease

    accepted = resume.check_fingerprint(session, allow_changes=allow_changes)
    changes = structs.replace(changes, accepted=accepted)
    with take_lease(database, session.id) as lease:
        _tell_input(database, lease, session, update=update_input)
        session = resume.apply_changes(database, lease, session, changes)
        if retries is not None:
            count = retry.retire(database, lease, retries)
            say(f"asking again about {counted(count, 'paper')}")
        say(f"session {session.id} goes on")
        start.work(database, lease, session)


def tell_loaded(database: Database, session: SessionRow, name: str) -> None:
    from jobrunner.store.progress import read_progress
    from jobrunner.store.session_export import list_unusable

    progress = read_progress(database, session.id)
    say(f"session {session.id}: {counted(progress.papers, 'paper')} from {name}")
    if progress.unusable:
        say(f"{progress.unusable} of them cannot be used and are left as they are:")
        for position, reason in list_unusable(database, session.id, SHOWN_UNUSABLE):
            say(f"  paper {position}: {reason}")
        if progress.unusable > SHOWN_UNUSABLE:
            say(f"  ... all of them: {command(f'jobrunner sessions show {session.id} --unusable')}")


def _tell_input(database: Database, lease: Lease, session: SessionRow, *, update: bool) -> None:
    from jobrunner.operations import resume

    if update:
        added = resume.add_new_papers(database, lease, session)
        say(f"{counted(added, 'new paper')} of {session.input_path} added")
    elif resume.input_state(session) is resume.InputState.CHANGED:
        say(
            f"{session.input_path} has changed since; going on with the papers that the session"
            " holds (--update-input adds the new ones)"
        )


def report(database: Database, session: SessionRow, ending: Ending, *, as_json: bool) -> None:
    """Say how a run ended, and what to type next."""
    from jobrunner.operations.status import read_status
    from jobrunner.settings import variable

    status = read_status(database, session, fields=as_json)
    if as_json:
        print_json(status)
        return
    show_talk(source_table(status.sources))
    say(f"{ending.ending}: {ending.reason}")
    for name, error in ending.stopped.items():
        if isinstance(error, KeyRefused):
            key = variable(name, "API_KEY")
            say(f"  check the key: it is read from {key} or the configuration file")
        elif error.hint:
            say(f"  {error.hint}")
    tell_next(status)
    if status.output:
        fact(status.output)
