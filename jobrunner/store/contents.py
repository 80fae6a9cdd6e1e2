"""Everything that a session holds, read in one transaction and in constant memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, Row, TextClause, text

from jobrunner.errors import GET_BACK, DamageFound
from jobrunner.identifiers import detect
from jobrunner.store.database import Database

WINDOW = 500
"""Papers that are read at a time."""


class StoredRecord(Struct, frozen=True, kw_only=True):
    """A row of a source's answer. ``match`` and ``data`` are JSON texts as stored."""

    source: str
    batch: int
    outcome: str
    match: str | None
    retrieved_at: str
    error: str | None
    data: str | None
    retired_at: str | None = None


class StoredPaper(Struct, frozen=True, kw_only=True):
    """A paper with all that is known of it. ``given`` is JSON text.

    ``missed``: the number of the batch in which a source's lookup did not find it, by source.
    """

    position: int
    key: str
    given: str
    unusable: str | None
    records: Sequence[StoredRecord] = ()
    retired: Sequence[StoredRecord] = ()
    missed: dict[str, int] = {}


class StoredBatch(Struct, frozen=True, kw_only=True):
    """A committed batch; ``run`` is the place of its run among the session's, from 0."""

    source: str
    number: int
    kind: str
    run: int
    papers: int
    enriched: int
    not_found: int
    ambiguous: int
    failed: int
    passed_on: int
    requests: int
    retries: int
    cost_micros: int
    fields: str
    started_at: str
    committed_at: str


_PAPERS = text(
    "SELECT id, position, key, given, unusable FROM paper WHERE session_id = :session"
    " AND position >= :first AND position < :last ORDER BY position"
)
_IN_WINDOW = (
    "JOIN batch b ON b.id = r.batch_id JOIN source_state s ON s.id = r.source_id"
    " WHERE p.session_id = :session AND p.position >= :first AND p.position < :last"
)
_RECORD = (
    "p.position, s.name AS source, b.number AS batch, r.outcome, r.match, r.retrieved_at,"
    " r.error, r.data"
)
_RECORDS = text(
    f"SELECT {_RECORD} FROM paper p CROSS JOIN record r ON r.paper_id = p.id"  # noqa: S608
    f" {_IN_WINDOW} ORDER BY p.position, s.ordinal"
)
_RETIRED = text(
    f"SELECT {_RECORD}, r.retired_at FROM paper p CROSS JOIN retired_record r"  # noqa: S608
    f" ON r.paper_id = p.id {_IN_WINDOW} ORDER BY p.position, r.id"
)
_MISSED = text(
    "SELECT p.position, s.name AS source, b.number AS batch FROM paper p"  # noqa: S608
    f" CROSS JOIN lookup_miss r ON r.paper_id = p.id {_IN_WINDOW}"
)
_BATCHES = text(
    """
    SELECT s.name AS source, b.number, b.kind, b.run_id, b.papers, b.enriched, b.not_found,
        b.ambiguous, b.failed, b.passed_on, b.requests, b.retries, b.cost_micros, b.fields,
        b.started_at, b.committed_at
    FROM source_state s CROSS JOIN batch b ON b.source_id = s.id
    WHERE s.session_id = :session ORDER BY s.ordinal, b.number
    """
)


def iter_papers(connection: Connection, session_id: str) -> Iterator[StoredPaper]:
    """Yield the papers of a session by position, inside a read transaction."""
    first = 0
    while papers := _window(connection, session_id, first, first + WINDOW):
        yield from papers
        first += WINDOW


def _window(connection: Connection, session_id: str, first: int, last: int) -> list[StoredPaper]:
    """Return the papers from a position on up to, but without, another one."""
    window = {"session": session_id, "first": first, "last": last}
    papers = connection.execute(_PAPERS, window).all()
    if not papers:
        return []
    records = _by_position(connection, _RECORDS, window)
    retired = _by_position(connection, _RETIRED, window)
    missed: dict[int, dict[str, int]] = {}
    for row in connection.execute(_MISSED, window):
        missed.setdefault(row.position, {})[row.source] = row.batch
    return [
        StoredPaper(
            position=row.position,
            key=row.key,
            given=row.given,
            unusable=row.unusable,
            records=records.get(row.position, ()),
            retired=retired.get(row.position, ()),
            missed=missed.get(row.position, {}),
        )
        for row in papers
    ]


_BY_KEY = text("SELECT position FROM paper WHERE session_id = :session AND key = :name LIMIT 20")
_BY_IDENTIFIER = text(
    "SELECT DISTINCT p.position FROM paper p CROSS JOIN identifier i ON i.paper_id = p.id"
    " WHERE p.session_id = :session AND i.scheme = :scheme AND i.value = :value LIMIT 20"
)


def find_papers(connection: Connection, session_id: str, name: str) -> list[StoredPaper]:
    """Return the papers that a key, a position (from 0) or an identifier names, at most 20."""
    rows = connection.execute(_BY_KEY, {"session": session_id, "name": name}).all()
    positions = [row.position for row in rows]
    if not positions and name.isascii() and name.isdigit():
        positions = [int(name)]
    elif not positions and (told := detect(name)):
        asked = {"session": session_id, "scheme": told[0], "value": told[1]}
        positions = [row.position for row in connection.execute(_BY_IDENTIFIER, asked)]
    found = [_window(connection, session_id, p, p + 1) for p in positions]
    return [paper for papers in found for paper in papers]


_GIVEN = text(
    "SELECT position, given FROM paper WHERE session_id = :session"
    " AND position >= :first AND position < :last ORDER BY position"
)


def iter_given(connection: Connection, session_id: str) -> Iterator[str]:
    """Yield the papers of a session as given, by position."""
    first = 0
    while rows := connection.execute(
        _GIVEN, {"session": session_id, "first": first, "last": first + WINDOW}
    ).all():
        yield from (row.given for row in rows)
        first += WINDOW


_UNUSABLE = text(
    "SELECT position, unusable FROM paper WHERE session_id = :session AND unusable IS NOT NULL"
    " ORDER BY position LIMIT :most"
)


def list_unusable(database: Database, session_id: str, most: int = -1) -> list[tuple[int, str]]:
    """Return (position, reason) of papers that cannot be used, at most ``most`` (-1 for all)."""
    with database.read() as connection:
        rows = connection.execute(_UNUSABLE, {"session": session_id, "most": most})
        return [(row.position, row.unusable) for row in rows]


def _by_position(
    connection: Connection, query: TextClause, window: dict[str, object]
) -> dict[int, list[StoredRecord]]:
    found: dict[int, list[StoredRecord]] = {}
    for row in connection.execute(query, window):
        found.setdefault(row.position, []).append(_record(row))
    return found


def _record(row: Row[Any]) -> StoredRecord:
    values = row._asdict()
    del values["position"]
    return StoredRecord(**values)


def iter_batches(
    connection: Connection, session_id: str, runs: Sequence[int]
) -> Iterator[StoredBatch]:
    """Yield the batches of a session by source and number; ``runs`` are the ids of its runs."""
    place = {run_id: index for index, run_id in enumerate(runs)}
    for row in connection.execute(_BATCHES, {"session": session_id}):
        values = row._asdict()
        run_id = values.pop("run_id")
        if run_id not in place:
            name = f"batch {row.number} of {row.source}"
            raise DamageFound(f"{name} is of no run of its session", hint=GET_BACK)
        yield StoredBatch(run=place[run_id], **values)
