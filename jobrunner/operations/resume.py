"""Before a resume: whether the session's results would stay the same, and what is new."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

from msgspec import Struct, structs

from jobrunner import crash_points
from jobrunner.consolidation.policy import Policy
from jobrunner.errors import InputError, Refused
from jobrunner.files.checksums import sha256_of
from jobrunner.files.path_queries import is_file, real_path
from jobrunner.inputs.formats import open_input
from jobrunner.matching.decide import RULES
from jobrunner.models import EventKind, InputPaper
from jobrunner.store.database import Database
from jobrunner.store.events import add_event
from jobrunner.store.lease import Lease, is_running
from jobrunner.store.papers import add_papers
from jobrunner.store.progress import Progress, SourceProgress, read_progress
from jobrunner.store.rows import Options, SessionRow
from jobrunner.store.run_lifecycle import reopen
from jobrunner.store.runs import list_runs
from jobrunner.store.session_export import iter_given
from jobrunner.store.sessions import get_session, set_options, update_input
from jobrunner.store.snapshots import is_snapshot_owed


class InputState(StrEnum):
    """How the input file compares with what the session holds."""

    SAME = "the file is as it was"
    CHANGED = "the file has changed"
    MISSING = "the file is gone"
    NO_FILE = "it came from standard input"


def check_fingerprint(session: SessionRow, *, allow_changes: bool) -> str | None:
    """Return what would change the session's results, if that is allowed; None if nothing would.

    Raises :class:`Refused` with the difference if it is not allowed.
    """
    if session.options.rules == RULES:
        return None
    change = f"matching rules {session.options.rules} (made by {session.version}) became {RULES}"
    if not allow_changes:
        raise Refused(
            f"going on with {session.id} would change results: {change}",
            hint=f"start afresh with `jobrunner run INPUT --new`, or mix both with"
            f" `jobrunner resume {session.id} --allow-changes`",
        )
    return change


def input_state(session: SessionRow) -> InputState:
    """Compare the input file with what the session was made from."""
    if session.input_path is None:
        return InputState.NO_FILE
    path = Path(session.input_path)
    if not is_file(path):
        return InputState.MISSING
    same = sha256_of(path) == session.input_sha256
    return InputState.SAME if same else InputState.CHANGED


def add_new_papers(database: Database, lease: Lease, session: SessionRow) -> int:
    """Add the papers of a changed input that the session does not hold; return how many.

    Papers are the same if their text is. None is removed. Cut off, it can be done again. Raises
    InputError if there is no file any more, or it cannot be read to its end; then none is added.
    """
    path = _input_file(session)
    with open_input(path) as papers:
        for _ in papers.papers():
            pass
    known = _known(database, session)
    reopen(database, lease, kind=EventKind.INPUT, message=f"new papers of {path} are added")
    with open_input(path) as papers:
        new = _new(papers.papers(), known)
        added = add_papers(database, session.id, new, first=known.total())
        crash_points.point("input.added")
        update_input(database, lease, path=str(path), sha256=papers.sha256, added=added)
    return added


def _count_new_papers(database: Database, session: SessionRow) -> tuple[int, int]:
    """Return how many papers are new in the input, and how many of them can be used."""
    count = usable = 0
    with open_input(_input_file(session)) as papers:
        for paper in _new(papers.papers(), _known(database, session)):
            count += 1
            usable += not paper.unusable
    return count, usable


def _input_file(session: SessionRow) -> Path:
    state = input_state(session)
    if session.input_path is None or state is InputState.MISSING:
        origin = session.input_path or "the input"
        raise InputError(
            f"no papers can be added from {origin}: {state.value}", hint="leave out --update-input"
        )
    return Path(session.input_path)


def _known(database: Database, session: SessionRow) -> Counter[bytes]:
    with database.read() as connection:
        return Counter(_digest(given) for given in iter_given(connection, session.id))


def _new(papers: Iterator[InputPaper], known: Counter[bytes]) -> Iterator[InputPaper]:
    for paper in papers:
        digest = _digest(paper.given)
        if known[digest] > 0:
            known[digest] -= 1
        else:
            yield paper


def _digest(given: str) -> bytes:
    return hashlib.blake2b(given.encode(), digest_size=16).digest()


class Changes(Struct, frozen=True, kw_only=True):
    """What a resume changes of a session; None leaves a thing as it is.

    ``accepted`` is a change of results that the user allowed, to be kept in the history.
    """

    sources: tuple[str, ...] | None = None
    output: Path | None = None
    batch_size: int | None = None
    checkpoint_interval: float | None = None
    base_urls: dict[str, str] = {}
    budgets: dict[str, int] = {}
    max_requests: dict[str, int] = {}
    policy: Policy | None = None
    accepted: str | None = None


def apply_changes(
    database: Database, lease: Lease, session: SessionRow, changes: Changes
) -> SessionRow:
    """Change a leased session as asked; return it as it is now."""
    session = get_session(database, session.id)  # another run may have changed it before the lease
    options = _changed(session.options, changes)
    if changes.accepted:
        add_event(database, session.id, EventKind.WARNING, f"allowed: {changes.accepted}")
        options = structs.replace(options, rules=RULES)
    output = str(real_path(changes.output)) if changes.output else session.output
    if options != session.options or output != session.output:
        set_options(database, lease, options, output)
    crash_points.point("sources.chosen")
    return get_session(database, session.id)


def _changed(options: Options, changes: Changes) -> Options:
    single = {
        "sources": changes.sources,
        "batch_size": changes.batch_size,
        "checkpoint_interval": changes.checkpoint_interval,
        "policy": changes.policy,
    }
    given = {name: value for name, value in single.items() if value is not None}
    return structs.replace(
        options,
        base_urls={**options.base_urls, **changes.base_urls},
        budgets={**options.budgets, **changes.budgets},
        max_requests={**options.max_requests, **changes.max_requests},
        **given,
    )


def explain(
    database: Database,
    session: SessionRow,
    sources: tuple[str, ...] = (),
    *,
    update_input: bool = False,
) -> list[str]:
    """Say in sentences what a resume would do, and why; options as given to it.

    Raises what the resume would raise.
    """
    new, usable = _count_new_papers(database, session) if update_input else (None, 0)
    sentences = [_last_run(database, session), _input_plan(session, new)]
    sentences += _sources_plan(read_progress(database, session.id), sources, usable)
    if is_snapshot_owed(database, session.id):
        sentences.append("a snapshot is owed: something is committed that none shows yet")
    if session.options.rules != RULES:
        sentences.append(
            f"REFUSED without --allow-changes: matching rules {session.options.rules} are now"
            f" {RULES}"
        )
    return sentences


def _input_plan(session: SessionRow, new: int | None) -> str:
    if new is not None:
        return f"new papers of {session.input_path} are added: {new}"
    state = input_state(session)
    if state is InputState.CHANGED:
        return (
            f"the input {session.input_path} has changed: the papers that the session holds are"
            " used, --update-input adds the new ones"
        )
    return f"the input is not read again ({state.value})"


def _last_run(database: Database, session: SessionRow) -> str:
    runs = list_runs(database, session.id)
    if not runs:
        return f"session {session.id} has not been run yet"
    last = runs[-1]
    if last.ended_at is not None:
        return f"the last run (pid {last.pid}) ended {last.ending}: {last.reason}"
    if is_running(database, session.id):
        return f"REFUSED: it is running (host {last.host}, pid {last.pid}, {last.started_at})"
    return f"the last run (pid {last.pid}) was killed; only its batches in flight are asked again"


def _sources_plan(progress: Progress, chosen: tuple[str, ...], new: int) -> list[str]:
    """Say what becomes of each source: of those ``chosen``, and of those that are not any more."""
    present = {source.name: source for source in progress.sources}
    names = chosen or tuple(source.name for source in progress.active)
    plans = [_source_plan(name, present.get(name), new) for name in names]
    dropped = [name for name in present if name not in names]
    return plans + [f"{name} is dropped, what it found stays" for name in dropped]


def _source_plan(name: str, source: SourceProgress | None, new: int) -> str:
    """Say what is asked of a source, ``new`` papers that are added first included."""
    if source is None:
        return f"{name} is new in this session and is asked about all papers"
    pending, papers = source.pending + new, source.papers + new
    if not pending:
        return f"{name} has answered all {papers} papers and is not asked again"
    sentence = f"{name} is asked about {pending} of {papers} papers that have no record"
    if source.error:
        sentence += f"; it had stopped: {source.error}"
    if source.not_before:
        sentence += f"; it can go on at {source.not_before}"
    return sentence
