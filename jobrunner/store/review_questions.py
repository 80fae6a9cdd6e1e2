"""Ambiguous answers that need a person's decision, with their candidates."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from msgspec import Struct
from sqlalchemy import text

from jobrunner.models import Candidate
from jobrunner.store.database import Database


class Ambiguous(Struct, frozen=True, kw_only=True):
    """One source's ambiguous answer for one paper.

    ``answer`` is the decision of a person: the id of a candidate, or :data:`NONE`; None if open.
    """

    paper_id: int
    position: int
    source: str
    key: str
    title: str
    authors: tuple[str, ...]
    year: int | None
    reason: str | None
    candidates: tuple[Candidate, ...]
    answer: str | None = None


NONE = "none"
"""The decision that no candidate is the paper."""

_AMBIGUOUS = text(
    """
    SELECT p.id AS paper_id, p.position, s.name AS source, p.key, p.title, p.authors, p.year,
        r.error AS reason, r.data AS candidates
    FROM paper p CROSS JOIN record r ON r.paper_id = p.id JOIN source_state s ON s.id = r.source_id
    WHERE p.session_id = :session AND r.outcome = 'ambiguous'
    ORDER BY p.position, s.ordinal
    """
)


_DECIDED = text(
    f"""
    SELECT p.id AS paper_id, p.position, s.name AS source, p.key, p.title, p.authors, p.year,
        t.error AS reason, t.data AS candidates,
        CASE r.outcome WHEN 'enriched' THEN json_extract(r.data, '$.id') ELSE '{NONE}' END AS answer
    FROM source_state s CROSS JOIN batch b ON b.source_id = s.id AND b.kind = 'review'
    CROSS JOIN record r ON r.batch_id = b.id CROSS JOIN paper p ON p.id = r.paper_id
    JOIN retired_record t ON t.id = (
        SELECT max(id) FROM retired_record
        WHERE paper_id = r.paper_id AND source_id = r.source_id AND outcome = 'ambiguous'
    )
    WHERE s.session_id = :session
    ORDER BY p.position, s.ordinal
    """  # noqa: S608 - a constant
)


def iter_ambiguous(
    database: Database, session_id: str, *, decided: bool = False
) -> Iterator[Ambiguous]:
    """Yield the open ambiguous answers of a session by position, or the ``decided`` ones."""
    with database.read() as connection:
        query = _DECIDED if decided else _AMBIGUOUS
        for row in connection.execute(query, {"session": session_id}):
            values = row._asdict()
            values["authors"] = tuple(msgspec.json.decode(row.authors))
            values["candidates"] = msgspec.json.decode(
                row.candidates or "[]", type=tuple[Candidate, ...]
            )
            yield Ambiguous(**values)
