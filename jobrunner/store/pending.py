"""What is pending for a source, found in the rows: papers without a record of that source.

One or more scans bring the papers of a query. A scan reads once what only grows (positions of
papers, committed batches), one bounded window at a time, so that no query takes long however large
the session is, and nothing about pending work is kept in memory. It begins where the source came to
last, and what lies before comes later: a resume need not read what is done before it can go on.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection, TextClause, bindparam, text

from jobrunner.models import BatchKind, Identifiers, Paper
from jobrunner.store.database import Database
from jobrunner.store.json_columns import to_json

POSITIONS = 500
"""Papers that one window of positions covers."""

BATCHES = 10
"""Batches that one window of batches covers."""


class PendingQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which pending papers are wanted: those of one source that are to be looked up, or searched.

    ``schemes``: those by which the source looks up; a paper that has one (from one of ``origins``)
    and was not missed by a lookup is to be looked up, every other is to be searched.
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

    ``pending`` selects the papers of a window, ``first`` the place after which to begin (none: the
    beginning), ``last`` the last place that there is by now. ``of`` is the source whose batches are
    read, where they are.
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
        """Return the ids of the next window's pending papers, None at the present end."""
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
    """Places that a scan has still to read: those after one, up to and with another."""

    after: int = -1
    upto: int = -1

    def take(self, most: int) -> dict[str, int]:
        """Take the next places away; return where they begin and end."""
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
    """Return the scan of a source's committed batches: of the papers it answered, or it missed."""
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
    """Return the scans that together bring every paper of a query, whenever it becomes ready."""
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
    # Of a paper that is done the index alone is read: a resume passes by all of them.
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

    Of several values of a scheme those of the first origin come first.
    """
    wanted = to_json(ids)
    with database.read() as connection:
        known = _identifiers(connection, wanted, origins)
        return [
            Paper(
                id=id_,
                position=position,
                key=key,
                title=title,
                authors=_NAMES.decode(authors),
                year=year,
                venue=venue,
                identifiers=known.get(id_, {}),
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
    found: dict[int, dict[str, tuple[str, ...]]] = {}
    for paper_id, scheme, value, _origin in rows:
        of_paper = found.setdefault(paper_id, {})
        have = of_paper.get(scheme, ())
        if value not in have:
            of_paper[scheme] = (*have, value)
    return found
