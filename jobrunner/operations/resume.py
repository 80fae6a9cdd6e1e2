"""Prepares a resume: checks that results stay the same, and applies changes to the session."""

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
    """How the input file compares with the input that the session was loaded from."""

    SAME = "the file is unchanged"
    CHANGED = "the file has changed"
    MISSING = "the file does not exist"
    NO_FILE = "it came from standard input"


def check_fingerprint(session: SessionRow, *, allow_changes: bool) -> str | None:
    """Describe the change that would alter the session's results, or return None without one.

    Raises :class:`Refused` if there is such a change and ``allow_changes`` is false.
    """
    if session.options.rules == RULES:
        return None
    change = f"matching rules {session.options.rules} (made by {session.version}) became {RULES}"
    if not allow_changes:
        raise Refused(
            f"resuming {session.id} would change results: {change}",
            hint=f"start a new session with `jobrunner run INPUT --new`, or mix both results with"
            f" `jobrunner resume {session.id} --allow-changes`",
        )
    return change


def input_state(session: SessionRow) -> InputState:
    """Compare the input file with the input that the session was loaded from."""
    if session.input_path is None:
        return InputState.NO_FILE
    path = Path(session.input_path)
    if not is_file(path):
        return InputState.MISSING
    same = sha256_of(path) == session.input_sha256
    return InputState.SAME if same else InputState.CHANGED


def add_new_papers(database: Database, lease: Lease, session: SessionRow) -> int:
    """Add the papers of a changed input that the session does not hold; return how many.

    Papers are equal if their text is equal. No paper is removed. After an interruption the call can
    be repeated. Raises InputError, and adds nothing, if the file is missing or not fully readable.
    """
    path = _input_file(session)
    # Read the file to its end once before anything is stored: a broken file must add nothing.
    with open_input(path) as papers:
        for _ in papers.papers():
            pass
    known = _known(database, session)
    reopen(database, lease, kind=EventKind.INPUT, message=f"adding new papers from {path}")
    with open_input(path) as papers:
        new = _new(papers.papers(), known)
        added = add_papers(database, session.id, new, first=known.total())
        crash_points.point("input.added")
        update_input(database, lease, path=str(path), sha256=papers.sha256, added=added)
    return added


def _count_new_papers(database: Database, session: SessionRow) -> tuple[int, int]:
    """Return the number of new papers in the input, and how many of them are usable."""
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
            f"cannot add papers from {origin}: {state.value}", hint="omit --update-input"
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
    """What a resume changes in a session; None leaves a value unchanged.

    ``accepted`` describes a change of results that the user allowed; it is recorded as an event.
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
    """Apply changes to a leased session; return the changed session."""
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
    """Return sentences that describe what a resume with these options would do, and why.

    Raises the errors that the resume would raise.
    """
    new, usable = _count_new_papers(database, session) if update_input else (None, 0)
    sentences = [_last_run(database, session), _input_plan(session, new)]
    sentences += _sources_plan(read_progress(database, session.id), sources, usable)
    if is_snapshot_owed(database, session.id):
        sentences.append("a snapshot is due: the newest one lacks committed batches")
    if session.options.rules != RULES:
        sentences.append(
            f"REFUSED without --allow-changes: matching rules {session.options.rules} became"
            f" {RULES}"
        )
    return sentences


def _input_plan(session: SessionRow, new: int | None) -> str:
    if new is not None:
        return f"adds {new} new papers from {session.input_path}"
    state = input_state(session)
    if state is InputState.CHANGED:
        return (
            f"the input {session.input_path} has changed: the session keeps its papers,"
            " --update-input adds the new ones"
        )
    return f"does not read the input again ({state.value})"


def _last_run(database: Database, session: SessionRow) -> str:
    runs = list_runs(database, session.id)
    if not runs:
        return f"session {session.id} has no runs yet"
    last = runs[-1]
    if last.ended_at is not None:
        return f"the last run (pid {last.pid}) ended as {last.ending}: {last.reason}"
    if is_running(database, session.id):
        return f"REFUSED: it is running (host {last.host}, pid {last.pid}, {last.started_at})"
    return f"the last run (pid {last.pid}) was killed; only its batches in flight are repeated"


def _sources_plan(progress: Progress, chosen: tuple[str, ...], new: int) -> list[str]:
    """Return a sentence for each source: the ``chosen`` ones, then those to be dropped."""
    present = {source.name: source for source in progress.sources}
    names = chosen or tuple(source.name for source in progress.active)
    plans = [_source_plan(name, present.get(name), new) for name in names]
    dropped = [name for name in present if name not in names]
    return plans + [f"{name} is dropped; its results stay" for name in dropped]


def _source_plan(name: str, source: SourceProgress | None, new: int) -> str:
    """Return what a source will be queried for; ``new`` papers count as pending."""
    if source is None:
        return f"{name} is new in this session: queries it for all papers"
    pending, papers = source.pending + new, source.papers + new
    if not pending:
        return f"{name} has answered all {papers} papers and is not queried again"
    sentence = f"queries {name} for the {pending} of {papers} papers without an answer"
    if source.error:
        sentence += f"; it stopped because: {source.error}"
    if source.not_before:
        sentence += f"; it can continue at {source.not_before}"
    return sentence
