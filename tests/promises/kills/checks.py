"""What must hold after every kill, counted by hand from a copy of what the dead run left.

The copy is what gets looked at, so that the next run meets the database as the kill left it: with
its write-ahead log, never folded by a reader.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from jobrunner.demo.server import Served
from jobrunner.operations.status import read_status
from jobrunner.operations.verify import verify_session
from jobrunner.snapshots.retention import KEEP
from jobrunner.store.database import open_database
from jobrunner.store.sessions import list_sessions
from tests.support.program import connect_ro
from tests.support.three_sources import questions_in

_PENDING = """
    SELECT count(*) FROM paper p JOIN source_state s ON s.session_id = p.session_id
    WHERE p.session_id = ? AND p.unusable IS NULL AND s.status <> 'dropped' AND NOT EXISTS
        (SELECT 1 FROM record r WHERE r.paper_id = p.id AND r.source_id = s.id)
"""
_RESTORED = "SELECT count(*) FROM event WHERE session_id = ? AND kind = 'restored'"
_LOADING = "SELECT id FROM session WHERE status = 'loading'"
OUTCOMES = ("enriched", "not_found", "ambiguous", "failed")

_BATCHES = """
    SELECT b.id, s.session_id, s.name, b.number, b.papers, b.enriched, b.not_found, b.ambiguous,
        b.failed, b.passed_on, b.kind, b.run_id, b.committed_at
    FROM batch b JOIN source_state s ON s.id = b.source_id
"""
_ANSWERS = """
    SELECT s.session_id, s.name, p.position, r.batch_id, r.outcome, r.data, r.source_id, 1 AS live
    FROM record r JOIN paper p ON p.id = r.paper_id LEFT JOIN source_state s ON s.id = r.source_id
    UNION ALL
    SELECT s.session_id, s.name, p.position, m.batch_id, 'passed_on', NULL, m.source_id, 1
    FROM lookup_miss m JOIN paper p ON p.id = m.paper_id
    LEFT JOIN source_state s ON s.id = m.source_id
    UNION ALL
    SELECT s.session_id, s.name, p.position, r.batch_id, r.outcome, r.data, r.source_id, 0
    FROM retired_record r JOIN paper p ON p.id = r.paper_id
    LEFT JOIN source_state s ON s.id = r.source_id
"""

Fact = tuple[object, ...]
"""Something committed: a batch with its counts, or an answer with its batch."""


class Asked(Struct, frozen=True):
    """A paper of one source by its number in the library, and how it is asked for."""

    source: str
    kind: str
    number: int


class State(Struct, frozen=True, kw_only=True):
    """What is committed in one session.

    ``facts`` never change nor vanish, nor do those of ``bystanders``. ``outcomes`` are those of
    the answered papers, by source and position; ``problems`` are what is wrong already.
    """

    session: str | None = None
    status: str = ""
    facts: frozenset[Fact] = frozenset()
    bystanders: frozenset[Fact] = frozenset()
    outcomes: dict[tuple[str, int], str] = {}
    passed_on: frozenset[tuple[str, int]] = frozenset()
    papers: int = 0
    restored: bool = False
    problems: tuple[str, ...] = ()


def look(directory: Path, scratch: Path, others: Sequence[str] = ()) -> State:
    """Check a directory in which no run is at work; ``others`` are sessions that are not ours."""
    shutil.rmtree(scratch, ignore_errors=True)
    state = directory / ".jobrunner"
    if not (state / "state.db").exists():
        return State()
    shutil.copytree(state, scratch / ".jobrunner", ignore=shutil.ignore_patterns("*-shm"))
    database = scratch / ".jobrunner" / "state.db"
    with closing(sqlite3.connect(database)) as connection:
        connection.row_factory = sqlite3.Row
        tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
        if not tables:  # killed before the tables were made
            return State(problems=tuple(_integrity(connection)))
        problems = [*_integrity(connection), *_counters(connection), *_runs(connection)]
        ours = [
            row["id"]
            for row in connection.execute("SELECT id FROM session WHERE status <> 'loading'")
            if row["id"] not in others
        ]
        if len(ours) > 1:
            problems.append(f"{len(ours)} sessions where one was made: {ours}")
        found = _state(connection, ours[0]) if ours else State()
        beside = frozenset(fact for other in others for fact in _state(connection, other).facts)
        problems += [line for name in ours for line in _snapshots(connection, scratch, name)]
    problems += _published(directory)
    problems += _by_jobrunner(database)
    if ours and not found.restored:  # else the log may be older than the rows
        problems += _log(directory, ours[0], found)
    return replace(found, problems=(*found.problems, *problems), bystanders=beside)


def _integrity(connection: sqlite3.Connection) -> Iterator[str]:
    for (line,) in connection.execute("PRAGMA integrity_check"):
        if line != "ok":
            yield f"integrity: {line}"
    for row in connection.execute("PRAGMA foreign_key_check"):
        yield f"integrity: a row of {row[0]} points at nothing"


def _counters(connection: sqlite3.Connection) -> Iterator[str]:
    """Count rows against counters, in every session but those that are not whole yet."""
    unseen = {row["id"] for row in connection.execute(_LOADING)}
    there: dict[int, dict[str, int]] = {}
    for row in connection.execute(_ANSWERS):
        counts = there.setdefault(row["batch_id"], {})
        counts[row["outcome"]] = counts.get(row["outcome"], 0) + 1
        if row["session_id"] is None:
            yield f"counters: a record of paper {row['position']} is of no source"
    for row in connection.execute(_BATCHES):
        counts = there.pop(row["id"], {})
        if row["session_id"] in unseen:
            continue
        name = f"batch {row['number']} of {row['name']}"
        if row["papers"] and not counts:
            yield f"counters: {name} is there without its records"
        for outcome in (*OUTCOMES, "passed_on"):
            if row[outcome] != counts.get(outcome, 0):
                yield (
                    f"counters: {name} counted {row[outcome]} {outcome},"
                    f" {counts.get(outcome, 0)} are there"
                )
    for batch_id in there:
        yield f"counters: records of batch {batch_id} are there without it"


def _runs(connection: sqlite3.Connection) -> Iterator[str]:
    """At most one run of a session has no end, and the session names it."""
    sql = "SELECT session_id, count(*) FROM run WHERE ended_at IS NULL GROUP BY session_id"
    for session, count in connection.execute(sql):
        if count > 1:
            yield f"lease: {count} runs of {session} are at work"
    sql = "SELECT count(*) FROM session s JOIN run r ON r.id = s.run_id WHERE r.ended_at NOTNULL"
    if connection.execute(sql).fetchone()[0]:
        yield "lease: a session names a run that has ended"


def _state(connection: sqlite3.Connection, session: str) -> State:
    batches = {row["id"]: row for row in connection.execute(_BATCHES)}
    found = connection.execute("SELECT status FROM session WHERE id = ?", (session,)).fetchone()
    facts: set[Fact] = {
        (row["name"], *tuple(row)[3:11], row["committed_at"])
        for row in batches.values()
        if row["session_id"] == session
    }
    outcomes, passed_on = {}, set()
    for answer in connection.execute(_ANSWERS):
        batch = batches.get(answer["batch_id"])
        if answer["session_id"] != session or batch is None:
            continue
        digest = hashlib.blake2b((answer["data"] or "").encode(), digest_size=8).hexdigest()
        key = (answer["name"], answer["position"])
        facts.add((*key, batch["number"], answer["outcome"], digest))
        if answer["live"] and answer["outcome"] == "passed_on":
            passed_on.add(key)
        elif answer["live"]:
            outcomes[key] = answer["outcome"]
    pending = connection.execute(_PENDING, (session,)).fetchone()[0]
    problems: tuple[str, ...] = ()
    if found and found["status"] == "completed" and pending:
        problems = (f"status: {session} is said to be completed, but {pending} are pending",)
    count = connection.execute("SELECT count(*) FROM paper WHERE session_id = ?", (session,))
    return State(
        session=session,
        status=found["status"] if found else "",
        facts=frozenset(facts),
        outcomes=outcomes,
        passed_on=frozenset(passed_on),
        papers=count.fetchone()[0],
        restored=bool(connection.execute(_RESTORED, (session,)).fetchone()[0]),
        problems=problems,
    )


def _snapshots(connection: sqlite3.Connection, place: Path, session: str) -> Iterator[str]:
    """Every recorded snapshot is there, whole, with its checksum, and shows committed batches."""
    batches = {
        (row["name"], row["number"]): row
        for row in connection.execute(_BATCHES)
        if row["session_id"] == session
    }
    sql = "SELECT path, sha256, bytes, papers FROM snapshot WHERE session_id = ? ORDER BY number"
    for path, sha256, size, papers in connection.execute(sql, (session,)):
        file = place / ".jobrunner" / path
        if not file.exists():
            yield f"snapshot: {path} is recorded, but not there"
            continue
        data = file.read_bytes()
        if hashlib.sha256(data).hexdigest() != sha256 or len(data) != size:
            yield f"snapshot: {path} is not what was recorded"
            continue
        if _sidecar(file) != sha256:
            yield f"snapshot: {path} has not its checksum beside it"
        document = json.loads(data)
        if len(document["papers"]) != papers:
            yield f"snapshot: {path} holds {len(document['papers'])} papers, not {papers}"
        for batch in document["batches"]:
            if (batch["source"], batch["number"]) not in batches:
                yield f"snapshot: {path} shows a batch that is not committed"


def _sidecar(file: Path) -> str | None:
    sidecar = file.with_name(f"{file.name}.sha256")
    if not sidecar.exists():
        return None
    digest, _, name = sidecar.read_text().rstrip("\n").partition("  ")
    return digest if name == file.name else f"of another file: {name}"


def _published(directory: Path) -> Iterator[str]:
    """What stands where users look is whole, and a checksum beside it is its own."""
    for file in (directory / "out.json", *directory.glob(".jobrunner/*/papers_enriched.json")):
        sidecar = _sidecar(file)
        if not file.exists():
            if sidecar:
                yield f"snapshot: the checksum of {file.name} is there without it"
            continue
        data = file.read_bytes()
        if sidecar is not None and sidecar != hashlib.sha256(data).hexdigest():
            yield f"snapshot: {file.name} has a checksum beside it that is not its own"
        try:
            json.loads(data)
        except ValueError:
            yield f"snapshot: {file.name} is torn"


def _by_jobrunner(database: Path) -> Iterator[str]:
    """What the program itself says: `verify` finds nothing, `status` shows the rows."""
    with closing(open_database(database)) as opened:
        for session in list_sessions(opened):
            yield from (f"verify: {line}" for line in verify_session(opened, session.id))
            status = read_status(opened, session)
            with opened.read() as connection:
                rows = connection.exec_driver_sql(
                    "SELECT s.name, r.outcome, count(*) FROM record r JOIN source_state s"
                    " ON s.id = r.source_id WHERE s.session_id = ? GROUP BY 1, 2",
                    (session.id,),
                ).all()
            counted = {(name, outcome): count for name, outcome, count in rows}
            for source in status.sources:
                for outcome in OUTCOMES:
                    shown, there = getattr(source, outcome), counted.get((source.name, outcome), 0)
                    if shown != there:
                        yield f"status: {source.name} shows {shown} {outcome}, {there} are there"


def _log(directory: Path, session: str, state: State) -> Iterator[str]:
    """What a run has logged as committed is committed."""
    path = directory / ".jobrunner" / session / "run.log"
    if not path.exists():
        return
    logged = sum("batch of" in line and "committed" in line for line in path.open(errors="replace"))
    there = sum(len(fact) > 5 for fact in state.facts)
    if logged > there:
        yield f"lost: {logged} batches were committed as the log tells, {there} are there"


def lost(before: State, after: State, *, may_go: bool = False) -> list[str]:
    """What was committed before and is not there any more; ``may_go``: the session was deleted."""
    if before.session is not None and after.session != before.session and not may_go:
        return [f"lost: the session {before.session}"]
    gone = [] if may_go else sorted(before.bystanders - after.bystanders, key=repr)
    if after.session == before.session:
        gone += sorted(before.facts - after.facts, key=repr)
    return [f"lost: {fact}" for fact in gone[:3]]


def not_restored(snapshot: Path, before: State, after: State) -> list[str]:
    """How a session that was made from a snapshot differs from what the snapshot holds."""
    document = json.loads(snapshot.read_bytes())
    held: set[Fact] = {("batch", batch["source"], batch["number"]) for batch in document["batches"]}
    for paper in document["papers"]:
        place = paper["position"]
        answers = [*paper.get("records", {}).items()]
        answers += [(entry["source"], entry) for entry in paper.get("retired", ())]
        held |= {(name, place, entry["batch"], entry["outcome"]) for name, entry in answers}
        missed = paper.get("missed", {})
        held |= {(name, place, number, "passed_on") for name, number in missed.items()}
    there: set[Fact] = {
        ("batch", fact[0], fact[1]) if len(fact) > 5 else fact[:4]  # batches are the longer facts
        for fact in after.facts
    }
    found = [f"restored: not there: {fact}" for fact in sorted(held - there, key=repr)[:3]]
    found += [f"restored: not in it: {fact}" for fact in sorted(there - held, key=repr)[:3]]
    strange = sorted(after.facts - before.facts, key=repr)
    return found + [f"restored: never committed: {fact}" for fact in strange[:3]]


def asked_again(
    before: State,
    logs: Mapping[str, Iterable[Served]],
    numbers: Mapping[int, Sequence[int]],
    again: Sequence[str] = (),
) -> list[str]:
    """Whose committed answers a service was asked for again, by the services' own log.

    ``numbers`` says at which positions a paper of the library stands; answers of the outcomes in
    ``again`` may be asked for again.
    """
    found = []
    for source, log in logs.items():
        for name, kind, number in questions_in(source, log):
            places = [(name, position) for position in numbers.get(number, ())]
            said = [before.outcomes.get(place) for place in places]
            if places and all(one is not None and one not in again for one in said):
                found.append(f"asked again: {name} for paper {number} ({kind}), {said[0]} before")
            elif (
                kind == "lookup"
                and places
                and all(
                    place in before.passed_on and before.outcomes.get(place) not in again
                    for place in places
                )
            ):
                found.append(f"asked again: {name} to look up {number}, known to be in vain")
    return sorted(set(found))


def leftovers(directory: Path, state: State) -> Iterator[str]:
    """Files that an ended session should not have left."""
    for path in directory.rglob("*.tmp"):
        yield f"leftover: {path.relative_to(directory)}"
    # Beside a restored session lie files of before, and nobody can tell a crash's from those.
    if state.session is not None and not state.restored:
        kept = list(directory.glob(f".jobrunner/{state.session}/snapshots/*.json"))
        if len(kept) > KEEP:
            yield f"leftover: {len(kept)} snapshots"


def rows_left(database: Path) -> dict[str, int]:
    """Return the tables that hold rows, with how many; that of the schema's version apart."""
    with closing(connect_ro(database)) as connection:
        names = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'alembic_version'"
        counts = {
            name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0]  # noqa: S608
            for (name,) in connection.execute(names).fetchall()
        }
    return {name: count for name, count in counts.items() if count}
