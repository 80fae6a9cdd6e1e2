"""What must be true of every disk that a power cut may leave."""

from __future__ import annotations

import hashlib
import re
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from msgspec import Struct

from jobrunner.errors import JobrunnerError
from jobrunner.files.checksums import read_sidecar, sha256_of, sidecar_of
from jobrunner.operations.verify import verify_session
from jobrunner.store.database import Database, open_database
from jobrunner.store.sessions import list_sessions
from jobrunner.store.snapshots import list_snapshots, newest_path, snapshot_directory
from tests.promises.power.disk import Disk, File
from tests.promises.power.recorder import ANNOUNCED, Kind, Op
from tests.support.program import Program, papers_of

OUT = "out.json"

LOADED = re.compile(r"^session \S+(?:: | restored with )(\d+) papers?", re.MULTILINE)
ROWS_OF_BATCHES = """
    SELECT batch_id, paper_id, outcome, data FROM record
    UNION ALL SELECT batch_id, paper_id, outcome, data FROM retired_record
    UNION ALL SELECT batch_id, paper_id, 'passed_on', NULL FROM lookup_miss
    ORDER BY batch_id, paper_id, outcome
"""


class Reported(Struct):
    """What the program had told the world: in its log of the run, and on its standard error."""

    papers: int | None = None
    batches: int = 0
    snapshot: int = 0
    completed: bool = False

    def hear(self, op: Op) -> None:
        """Take in what was said, if something was."""
        if op.kind is Kind.SAY or op.path.endswith("/run.log"):
            said = op.data.decode(errors="replace")
            self.batches += said.count(" committed")
            if loaded := LOADED.search(said):
                self.papers = int(loaded[1])
            if taken := re.search(r"snapshot (\d+): \d+ papers", said):
                self.snapshot = int(taken[1])
            if op.kind is Kind.SAY and said.startswith((ANNOUNCED, "completed: ")):
                self.completed = said.startswith("completed: ")


class Truth(Struct):
    """What was committed in all, in order; the checksum of each document with its place in the log.

    ``papers`` are the enriched papers at the end.
    """

    batches: list[list[Any]]
    documents: list[tuple[int, str]]
    papers: list[dict[str, Any]]

    def until(self, cut: int) -> list[str]:
        """Return the checksums of all documents that were finished before a cut."""
        return [digest for place, digest in self.documents if place < cut]


def batches_of(path: Path) -> list[list[Any]]:
    """Return the batches of a database in the order of their commits, each with all it holds."""
    with closing(sqlite3.connect(path)) as connection:
        found = {row[0]: list(row) for row in connection.execute("SELECT * FROM batch ORDER BY id")}
        for batch, *row in connection.execute(ROWS_OF_BATCHES):
            found[batch].append(row)
    return list(found.values())


def truth_of(ops: Sequence[Op], disk: Disk, program: Program) -> Truth:
    """Do all recorded changes to a disk; return what there is to be kept, and what there was."""
    documents = []
    for place, op in enumerate(ops):
        disk.apply(op)
        if op.kind is Kind.RENAME and op.other.endswith(".json"):
            node = disk.find(op.other)
            assert isinstance(node, File)
            documents.append((place, hashlib.sha256(node.now).hexdigest()))
    out = program.directory / OUT
    papers = papers_of(out) if out.exists() else []
    return Truth(batches=batches_of(program.database), documents=documents, papers=papers)


def find_losses(program: Program, cut: int, reported: Reported, truth: Truth) -> list[str]:
    """Look at what a power cut has left; return everything that must not be so."""
    documents = truth.until(cut)
    try:
        losses = _find_in_database(program, reported, truth, documents)
    except JobrunnerError as error:
        losses = [f"the database does not open: {error}"]
    out = program.directory / OUT
    return losses + _find_in_document(out, documents, is_last=reported.completed)


def _find_in_database(
    program: Program, reported: Reported, truth: Truth, documents: list[str]
) -> list[str]:
    is_new = reported.papers is None
    with closing(open_database(program.database, create=is_new)) as database:
        sessions = list_sessions(database)
        if not sessions:
            return [] if is_new else ["the session is lost"]
        session = sessions[0].id
        losses = verify_session(database, session)
        papers = database_count(database, "paper")
        if not is_new and papers != reported.papers:
            losses.append(f"{papers} papers of {reported.papers}")
        if reported.completed and sessions[0].status != "completed":
            losses.append(f"a completed session is {sessions[0].status}")
        losses += _find_in_snapshots(database, session, reported, documents)
    there = batches_of(program.database)
    if len(there) < reported.batches:
        losses.append(f"{len(there)} batches of {reported.batches}")
    if there != truth.batches[: len(there)]:
        losses.append("the batches are not those that were committed")
    return losses


def database_count(database: Database, table: str) -> int:
    with database.read() as connection:
        return int(connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one())  # noqa: S608


def _find_in_snapshots(
    database: Database, session: str, reported: Reported, documents: list[str]
) -> list[str]:
    numbers = [row.number for row in list_snapshots(database, session)]
    losses = []
    if max(numbers, default=0) < reported.snapshot:
        losses.append(f"snapshots {numbers}, but {reported.snapshot} was reported")
    for path in snapshot_directory(database, session).glob("[0-9]*.json"):
        losses += _find_in_document(path, documents)
    newest = newest_path(database, session)
    return losses + _find_in_document(newest, documents, is_last=reported.completed)


def _find_in_document(path: Path, documents: list[str], *, is_last: bool = False) -> list[str]:
    """A document is an old one or a new one, whole; a checksum beside it is one of it."""
    if not path.exists():
        alone = sidecar_of(path).exists()
        return [f"{path.name} is missing"] if is_last else [f"{path.name}: no file"] * alone
    digest = sha256_of(path)
    losses = []
    if digest not in (documents[-1:] if is_last else documents):
        losses.append(f"{path.name} is none that was finished")
    if (is_last or sidecar_of(path).exists()) and read_sidecar(path) != digest:
        losses.append(f"{path.name} has not the checksum beside it")
    return losses
