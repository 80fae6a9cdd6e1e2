"""Read a whole session in one transaction and in constant memory."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence

import msgspec
from msgspec import Raw, Struct
from sqlalchemy import Connection, text

from jobrunner.errors import GET_BACK, DamageFound
from jobrunner.identifiers.extract import detect
from jobrunner.models import Given, Outcome
from jobrunner.store.batches import FIGURES
from jobrunner.store.database import Database
from jobrunner.store.rows import CommittedBatch

WINDOW = 500
"""Papers read at a time."""


class StoredRecord(Struct, frozen=True):
    """An answer from a source, as stored. ``match`` and ``data`` are JSON texts as stored."""

    source: str
    batch: int
    outcome: str
    match: str | None
    retrieved_at: str
    error: str | None
    data: str | None
    retired_at: str | None = None


class StoredPaper(Struct, frozen=True):
    """A paper with all its stored answers. ``given`` and ``authors`` are JSON texts.

    ``missed``: by source, the number of the batch in which its lookup did not find the paper.
    """

    position: int
    key: str
    given: str
    unusable: str | None
    records: Sequence[StoredRecord] = ()
    retired: Sequence[StoredRecord] = ()
    missed: dict[str, int] = {}
    title: str = ""
    authors: str = "[]"
    year: int | None = None
    venue: str = ""

    def as_given(self) -> Given:
        """Return the paper as given. Raises ValueError or MsgspecError if it is damaged."""
        return Given(
            fields=given_of(self.given),
            title=self.title,
            authors=_NAMES.decode(self.authors),
            year=self.year,
            venue=self.venue,
        )

    def record_texts(self) -> dict[str, str]:
        """Return the JSON texts of the records that count, by the name of their source."""
        return {
            answer.source: answer.data
            for answer in self.records
            if answer.outcome == Outcome.ENRICHED and answer.data
        }


_NAMES = msgspec.json.Decoder(tuple[str, ...])


def given_of(text: str) -> dict[str, object]:
    """Return the fields of a paper as given, from its JSON text; {} if that is not an object."""
    try:
        value: object = msgspec.json.decode(text)
    except msgspec.MsgspecError:  # such as a lone surrogate, which Python's own decoder accepts
        value = json.loads(text)
    return value if isinstance(value, dict) else {}


_WINDOW = "WHERE p.session_id = ? AND p.position >= ? AND p.position < ?"
_PAPERS = f"""
    SELECT id, position, key, given, unusable, title, authors, year, venue
    FROM paper p {_WINDOW} ORDER BY position
"""  # noqa: S608 - constants
_RECORD = """
    p.id, s.name, b.number, r.outcome, r.match, r.retrieved_at, r.error, r.data
"""
_JOINED = "JOIN batch b ON b.id = r.batch_id JOIN source_state s ON s.id = r.source_id"
_RECORDS = f"""
    SELECT {_RECORD} FROM paper p CROSS JOIN record r ON r.paper_id = p.id {_JOINED}
    {_WINDOW} ORDER BY p.position, s.ordinal
"""  # noqa: S608 - constants
_RETIRED = f"""
    SELECT {_RECORD}, r.retired_at FROM paper p
    CROSS JOIN retired_record r ON r.paper_id = p.id {_JOINED}
    {_WINDOW} ORDER BY p.position, r.id
"""  # noqa: S608 - constants
_MISSED = f"""
    SELECT p.id, s.name, b.number FROM paper p
    CROSS JOIN lookup_miss r ON r.paper_id = p.id {_JOINED} {_WINDOW}
"""  # noqa: S608 - constants
_FIGURES = ", ".join(f"b.{name}" for name in FIGURES)
_BATCHES = text(
    f"""
    SELECT s.name AS source, b.number, b.kind, b.run_id, {_FIGURES}
    FROM source_state s CROSS JOIN batch b ON b.source_id = s.id
    WHERE s.session_id = :session ORDER BY s.ordinal, b.number
    """  # noqa: S608 - constants
)


def iter_papers(connection: Connection, session_id: str) -> Iterator[StoredPaper]:
    """Yield the papers of a session by position."""
    first = 0
    while papers := _window(connection, session_id, first, first + WINDOW):
        yield from papers
        first += WINDOW


def _window(connection: Connection, session_id: str, first: int, last: int) -> list[StoredPaper]:
    """Return the papers from position ``first`` up to, but not including, ``last``."""
    window = (session_id, first, last)
    papers = connection.exec_driver_sql(_PAPERS, window).all()
    if not papers:
        return []
    records = _by_paper(connection, _RECORDS, window)
    retired = _by_paper(connection, _RETIRED, window)
    missed: dict[int, dict[str, int]] = {}
    for paper_id, source, batch in connection.exec_driver_sql(_MISSED, window):
        missed.setdefault(paper_id, {})[source] = batch
    return [
        StoredPaper(
            *(position, key, given, unusable),
            records=records.get(id_, ()),
            retired=retired.get(id_, ()),
            missed=missed.get(id_, {}),
            title=title,
            authors=authors,
            year=year,
            venue=venue,
        )
        for id_, position, key, given, unusable, title, authors, year, venue in papers
    ]


_BY_KEY = text("SELECT position FROM paper WHERE session_id = :session AND key = :name LIMIT 20")
_BY_IDENTIFIER = text(
    "SELECT DISTINCT p.position FROM paper p CROSS JOIN identifier i ON i.paper_id = p.id"
    " WHERE p.session_id = :session AND i.scheme = :scheme AND i.value = :value LIMIT 20"
)


def find_papers(connection: Connection, session_id: str, name: str) -> list[StoredPaper]:
    """Return the papers that match a key, a position (from 0) or an identifier, at most 20."""
    papers: list[StoredPaper] = []
    for position in _positions(connection, session_id, name):
        papers += _window(connection, session_id, position, position + 1)
    return papers


def _positions(connection: Connection, session_id: str, name: str) -> Sequence[int]:
    parameters = {"session": session_id, "name": name}
    positions = connection.execute(_BY_KEY, parameters).scalars().all()
    if positions:
        return positions
    if name.isascii() and name.isdigit():
        return [int(name)]
    identifier = detect(name)
    if identifier is None:
        return []
    parameters = {"session": session_id, "scheme": identifier[0], "value": identifier[1]}
    return connection.execute(_BY_IDENTIFIER, parameters).scalars().all()


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
    """Return (position, reason) of unusable papers, at most ``most`` (-1 for all)."""
    with database.read() as connection:
        rows = connection.execute(_UNUSABLE, {"session": session_id, "most": most})
        return [(row.position, row.unusable) for row in rows]


def _by_paper(
    connection: Connection, query: str, window: tuple[str, int, int]
) -> dict[int, list[StoredRecord]]:
    """Return the rows of a window by paper. Columns must be in the order of the fields."""
    by_paper: defaultdict[int, list[StoredRecord]] = defaultdict(list)
    for paper_id, *values in connection.exec_driver_sql(query, window).all():
        by_paper[paper_id].append(StoredRecord(*values))
    return by_paper


def iter_batches(
    connection: Connection, session_id: str, runs: Sequence[int]
) -> Iterator[CommittedBatch]:
    """Yield the batches of a session by source and number; ``runs`` are the ids of its runs."""
    place = {run_id: index for index, run_id in enumerate(runs)}
    for row in connection.execute(_BATCHES, {"session": session_id}):
        values = row._asdict()
        run_id = values.pop("run_id")
        if run_id not in place:
            name = f"batch {row.number} of {row.source}"
            raise DamageFound(f"{name} belongs to no run of its session", hint=GET_BACK)
        values["fields"] = Raw(row.fields.encode())
        yield CommittedBatch(run=place[run_id], **values)
