"""Find the papers that are pending for a source: those without a record of that source.

One or more scans return the papers of a query. Each scan reads something that only grows (positions
of papers, committed batches) once, in bounded windows. No query takes long, however large the
session is, and no list of pending work is kept in memory. A scan starts where the source stopped
and reads the earlier part last, so a resume continues without first reading what is done.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection, TextClause, bindparam, text

from jobrunner.models import BatchKind, Identifiers, Paper
from jobrunner.store.database import Database
from jobrunner.store.json_columns import to_json

POSITIONS = 500
"""Positions per window."""

BATCHES = 10
"""Batches per window."""


class PendingQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Selects the pending papers of one source for lookup or for search.

    ``schemes``: the schemes that the source can look up. A paper with such an identifier (from one
    of ``origins``) is looked up, unless a lookup has missed it before; every other is searched.
    ``waits``: ids of the source states that must have a record of the paper first.
    """

    session_id: str
    source_id: int
    kind: BatchKind
    schemes: tuple[str, ...]
    origins: tuple[str, ...]
    waits: tuple[int, ...] = ()


class PendingScan:
    """Reads the papers of a query, window by window.

    A place is a position or a batch number. ``pending`` selects the papers of a window, ``first``
    the place after which the scan starts (no row: at the beginning), ``last`` the last place so
    far. ``of`` is the source whose batches are read, for a scan of batches.
    """

    def __init__(
        self,
        query: PendingQuery,
        *,
        pending: TextClause,
        first: TextClause,
        last: TextClause,
        window: int,
        of: int = 0,
    ) -> None:
        self._pending = pending
        self._first = first
        self._last = last
        self._window = window
        self._ahead = _Places()
        self._behind: _Places | None = None
        self._of = {"session": query.session_id, "source": query.source_id, "of": of}
        self._parameters = {
            **self._of,
            "schemes": query.schemes or ("",),
            "origins": query.origins,
            "waits": query.waits,
            "all": len(query.waits),
        }

    def next_window(self, connection: Connection) -> list[int] | None:
        """Return the ids of pending papers in the next window, or None at the current end."""
        if self._behind is None:
            self._behind = _Places(upto=self._place(connection, self._first))
            self._ahead.after = self._behind.upto
        self._ahead.upto = self._place(connection, self._last)
        for places in (self._ahead, self._behind):
            if places.after < places.upto:
                window = places.take(self._window)
                return list(connection.scalars(self._pending, {**self._parameters, **window}))
        return None

    def _place(self, connection: Connection, query: TextClause) -> int:
        place = connection.execute(query, self._of).scalar()
        return -1 if place is None else int(place)


class _Places(msgspec.Struct):
    """Places that a scan has yet to read: after ``after``, up to and including ``upto``."""

    after: int = -1
    upto: int = -1

    def take(self, most: int) -> dict[str, int]:
        """Remove the next window of places and return its bounds."""
        window = {"after": self.after, "upto": min(self.after + most, self.upto)}
        self.after = window["upto"]
        return window


_LAST_ANSWERED = (
    "SELECT r.paper_id FROM record r WHERE r.batch_id ="
    " (SELECT id FROM batch WHERE source_id = :source ORDER BY number DESC LIMIT 1)"
)


def _position_scan(query: PendingQuery) -> PendingScan:
    """Return the scan of a session's papers by position."""
    pending = _pending(
        "FROM paper p WHERE p.session_id = :session AND p.position > :after"
        " AND p.position <= :upto",
        query,
        "ORDER BY p.position",
    )
    first = text(f"SELECT max(position) FROM paper WHERE id IN ({_LAST_ANSWERED})")  # noqa: S608
    last = text("SELECT max(position) FROM paper WHERE session_id = :session")
    return PendingScan(query, pending=pending, first=first, last=last, window=POSITIONS)


def _batch_scan(query: PendingQuery, of: int, table: str) -> PendingScan:
    """Return the scan of a source's committed batches, by their records or lookup misses."""
    pending = _pending(
        f"FROM batch b CROSS JOIN {table} t ON t.batch_id = b.id"
        " CROSS JOIN paper p ON p.id = t.paper_id WHERE b.source_id = :of"
        " AND b.number > :after AND b.number <= :upto AND p.session_id = :session",
        query,
        "ORDER BY b.number, p.position",
    )
    first = text(
        f"SELECT max(b.number) FROM {table} t CROSS JOIN batch b ON b.id = t.batch_id"  # noqa: S608
        f" WHERE t.source_id = :of AND t.paper_id IN ({_LAST_ANSWERED})"
    )
    last = text("SELECT max(number) FROM batch WHERE source_id = :of")
    return PendingScan(query, pending=pending, first=first, last=last, window=BATCHES, of=of)


def scans_of(query: PendingQuery) -> list[PendingScan]:
    """Return the scans that together find every paper of a query, whenever it becomes ready."""
    # A paper becomes ready when the last source it waits for commits it: scan those batches.
    scans = [_batch_scan(query, of, "record") for of in query.waits] or [_position_scan(query)]
    if query.kind is BatchKind.SEARCH:
        scans.append(_batch_scan(query, query.source_id, "lookup_miss"))
    return scans


_HAS_RECORD = "EXISTS (SELECT 1 FROM record r WHERE r.paper_id = p.id AND r.source_id = :source)"
_HAS_IDENTIFIER = (
    "EXISTS (SELECT 1 FROM identifier i WHERE i.paper_id = p.id"
    " AND i.scheme IN :schemes AND i.origin IN :origins)"
)
_WAS_MISSED = (
    "EXISTS (SELECT 1 FROM lookup_miss m WHERE m.paper_id = p.id AND m.source_id = :source)"
)
_IS_READY = (
    " AND :all = (SELECT count(*) FROM record w WHERE w.paper_id = p.id AND w.source_id IN :waits)"
)


def _pending(origin: str, query: PendingQuery, order: str) -> TextClause:
    by_lookup = f"({_HAS_IDENTIFIER} AND NOT {_WAS_MISSED})"
    kind = by_lookup if query.kind is BatchKind.LOOKUP else f"NOT {by_lookup}"
    ready = _IS_READY if query.waits else ""
    # CASE tests the record first: for a paper that is done, SQLite then reads only the index. A
    # resume has to skip all of them.
    rest = f"p.unusable IS NULL AND {kind}{ready}"
    select = f"SELECT p.id {origin} AND CASE WHEN {_HAS_RECORD} THEN FALSE ELSE {rest} END"
    lists = ("schemes", "origins", "waits") if query.waits else ("schemes", "origins")
    return text(f"{select} {order}").bindparams(
        *(bindparam(name, expanding=True) for name in lists)
    )


_PAPERS = (
    "SELECT p.id, p.position, p.key, p.title, p.authors, p.year, p.venue"
    " FROM json_each(?) j CROSS JOIN paper p ON p.id = j.value ORDER BY j.key"
)
_IDENTIFIERS = (
    "SELECT i.paper_id, i.scheme, i.value, i.origin"
    " FROM json_each(?) j CROSS JOIN identifier i ON i.paper_id = j.value"
    " WHERE i.origin IN (SELECT value FROM json_each(?))"
    " ORDER BY i.paper_id, i.scheme, i.ordinal, i.value"
)


def load_papers(database: Database, ids: Sequence[int], origins: tuple[str, ...]) -> list[Paper]:
    """Return papers in the order of ``ids``, with the identifiers that came from ``origins``.

    If a scheme has several values, they are in the order of ``origins``.
    """
    wanted = to_json(ids)
    with database.read() as connection:
        identifiers = _identifiers(connection, wanted, origins)
        return [
            Paper(
                id=id_,
                position=position,
                key=key,
                title=title,
                authors=_NAMES.decode(authors),
                year=year,
                venue=venue,
                identifiers=identifiers.get(id_, {}),
            )
            for id_, position, key, title, authors, year, venue in connection.exec_driver_sql(
                _PAPERS, (wanted,)
            ).all()
        ]


_NAMES = msgspec.json.Decoder(tuple[str, ...])


def _identifiers(
    connection: Connection, wanted: str, origins: tuple[str, ...]
) -> dict[int, Identifiers]:
    rows = connection.exec_driver_sql(_IDENTIFIERS, (wanted, to_json(origins))).all()
    if len(origins) > 1:
        place = {origin: index for index, origin in enumerate(origins)}
        rows = sorted(rows, key=lambda row: place[row[3]])
    by_paper: dict[int, dict[str, tuple[str, ...]]] = {}
    for paper_id, scheme, value, _origin in rows:
        of_paper = by_paper.setdefault(paper_id, {})
        earlier = of_paper.get(scheme, ())
        if value not in earlier:
            of_paper[scheme] = (*earlier, value)
    return by_paper
