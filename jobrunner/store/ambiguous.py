"""Papers that a person must decide about, with the candidates."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from msgspec import Struct
from sqlalchemy import text

from jobrunner.papers import Candidate
from jobrunner.store.database import Database


class Ambiguous(Struct, frozen=True, kw_only=True):
    """One ambiguous answer about one paper."""

    paper_id: int
    position: int
    source: str
    key: str
    title: str
    authors: tuple[str, ...]
    year: int | None
    reason: str | None
    candidates: tuple[Candidate, ...]


_AMBIGUOUS = text(
    """
    SELECT p.id AS paper_id, p.position, s.name AS source, p.key, p.title, p.authors, p.year,
        r.error AS reason, r.data AS candidates
    FROM paper p CROSS JOIN record r ON r.paper_id = p.id JOIN source_state s ON s.id = r.source_id
    WHERE p.session_id = :session AND r.outcome = 'ambiguous'
    ORDER BY p.position, s.ordinal
    """
)


def iter_ambiguous(database: Database, session_id: str) -> Iterator[Ambiguous]:
    """Yield the ambiguous answers of a session by position."""
    with database.read() as connection:
        for row in connection.execute(_AMBIGUOUS, {"session": session_id}):
            values = row._asdict()
            values["authors"] = tuple(msgspec.json.decode(row.authors))
            values["candidates"] = msgspec.json.decode(
                row.candidates or "[]", type=tuple[Candidate, ...]
            )
            yield Ambiguous(**values)
