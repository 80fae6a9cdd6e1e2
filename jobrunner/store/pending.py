"""What is pending for a source, found in the rows: papers without a record of that source.

A lane of a source reads its papers from one or more feeds. A feed walks once along something that
only grows (positions of papers, committed batches), one bounded window at a time, so that no
question takes long however large the session is, and nothing about pending work is kept in memory.
It begins where the source came to last, and what lies before comes later: of what is done a resume
has nothing to pass by before it can go on.
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


class Lane(msgspec.Struct, frozen=True, kw_only=True):
    """Which papers a lane takes.

    ``schemes``: those by which the source looks up; a paper that has one (from one of ``origins``)
    and was not missed by a lookup belongs to the lookup lane, every other to the search lane.
    ``waits``: ids of the source states that must have a record of the paper first.
    """

    session_id: str
    source_id: int
    kind: BatchKind
    schemes: tuple[str, ...]
    origins: tuple[str, ...]
    waits: tuple[int, ...] = ()


class Feed:
    """One walk along the papers of a lane.

    ``pending`` selects the papers of a window, ``first`` the place after which to begin (none: the
    beginning), ``last`` the last place that there is by now.
    """

    def __init__(
        self,
        lane: Lane,
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
        self._ahead = _Stretch()
        self._behind: _Stretch | None = None
        self._of = {"session": lane.session_id, "source": lane.source_id, "of": of}
        self._parameters = {
            **self._of,
            "schemes": lane.schemes or ("",),
            "origins": lane.origins,
            "waits": lane.waits,
            "all": len(lane.waits),
        }

    def step(self, connection: Connection) -> list[int] | None:
        """Return the ids of the next window's pending papers, None at the present end."""
        if self._behind is None:
            begin = connection.execute(self._first, self._of).scalar()
            self._behind = _Stretch(upto=-1 if begin is None else begin)
            self._ahead.after = self._behind.upto
        last = connection.execute(self._last, self._of).scalar()
        self._ahead.upto = -1 if last is None else last
        for stretch in (self._ahead, self._behind):
            if stretch.after < stretch.upto:
                window = stretch.pass_by(self._window)
                return list(connection.scalars(self._pending, {**self._parameters, **window}))
        return None


class _Stretch(msgspec.Struct):
    """Places that a walk has still to pass by: those after one, up to and with another."""

    after: int = -1
    upto: int = -1

    def pass_by(self, most: int) -> dict[str, int]:
        """Pass by the next places; return where they begin and end."""
        window = {"after": self.after, "upto": min(self.after + most, self.upto)}
        self.after = window["upto"]
        return window


_LAST_ANSWERED = (
    "SELECT r.paper_id FROM record r WHERE r.batch_id ="
    " (SELECT id FROM batch WHERE source_id = :source ORDER BY number DESC LIMIT 1)"
)


def _position_feed(lane: Lane) -> Feed:
    """Walk along the papers of a session by position."""
    pending = _pending(
        "FROM paper p WHERE p.session_id = :session AND p.position > :after"
        " AND p.position <= :upto",
        lane,
        "ORDER BY p.position",
    )
    first = text(f"SELECT max(position) FROM paper WHERE id IN ({_LAST_ANSWERED})")  # noqa: S608
    last = text("SELECT max(position) FROM paper WHERE session_id = :session")
    return Feed(lane, pending=pending, first=first, last=last, window=POSITIONS)


def _batch_feed(lane: Lane, of: int, table: str) -> Feed:
    """Walk along a source's committed batches: the papers that it answered, or those it missed."""
    pending = _pending(
        f"FROM batch b CROSS JOIN {table} t ON t.batch_id = b.id"
        " CROSS JOIN paper p ON p.id = t.paper_id WHERE b.source_id = :of"
        " AND b.number > :after AND b.number <= :upto AND p.session_id = :session",
        lane,
        "ORDER BY b.number, p.position",
    )
    first = text(
        f"SELECT max(b.number) FROM {table} t CROSS JOIN batch b ON b.id = t.batch_id"  # noqa: S608
        f" WHERE t.source_id = :of AND t.paper_id IN ({_LAST_ANSWERED})"
    )
    last = text("SELECT max(number) FROM batch WHERE source_id = :of")
    return Feed(lane, pending=pending, first=first, last=last, window=BATCHES, of=of)


def feeds_of(lane: Lane) -> list[Feed]:
    """Return the feeds that together bring every paper of a lane, whenever it becomes ready."""
    feeds = [_batch_feed(lane, of, "record") for of in lane.waits] or [_position_feed(lane)]
    if lane.kind is BatchKind.SEARCH:
        feeds.append(_batch_feed(lane, lane.source_id, "lookup_miss"))
    return feeds


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


def _pending(origin: str, lane: Lane, order: str) -> TextClause:
    by_lookup = f"({_HAS_IDENTIFIER} AND NOT {_WAS_MISSED})"
    kind = by_lookup if lane.kind is BatchKind.LOOKUP else f"NOT {by_lookup}"
    ready = _IS_READY if lane.waits else ""
    # Of a paper that is done the index alone is read: a resume passes by all of them.
    rest = f"p.unusable IS NULL AND {kind}{ready}"
    query = f"SELECT p.id {origin} AND CASE WHEN {_HAS_RECORD} THEN FALSE ELSE {rest} END"
    lists = ("schemes", "origins", "waits") if lane.waits else ("schemes", "origins")
    found = text(f"{query} {order}")
    for name in lists:
        found = found.bindparams(bindparam(name, expanding=True))
    return found


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
