"""Insert the papers of a session while it is loaded."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from sqlalchemy import Connection

from jobrunner import crash_points
from jobrunner.models import Identifiers, InputPaper
from jobrunner.store import schema
from jobrunner.store.bulk_insert import Insertion, next_id
from jobrunner.store.database import Database
from jobrunner.store.json_columns import to_json

LOAD_CHUNK = 1000
"""Papers per transaction while a session is loaded. It stays invisible until all are inserted."""

INPUT = "input"
"""The origin of identifiers that were given in the input."""


def add_papers(
    database: Database, session_id: str, papers: Iterable[InputPaper], *, first: int = 0
) -> int:
    """Insert papers in chunks, starting at position ``first``. Return their number."""
    count = 0
    iterator = iter(papers)
    while chunk := list(islice(iterator, LOAD_CHUNK)):
        with database.write() as connection:
            _insert_papers(connection, session_id, chunk, first + count)
            crash_points.point("load.inside")
        count += len(chunk)
    return count


def _insert_papers(
    connection: Connection, session_id: str, chunk: list[InputPaper], position: int
) -> None:
    first_id = next_id(connection, schema.paper)
    numbered = list(enumerate(chunk))
    PAPER.insert(
        connection,
        [paper_row(paper, session_id, first_id + n, position + n) for n, paper in numbered],
    )
    IDENTIFIER.insert(
        connection,
        [
            row
            for n, paper in numbered
            for row in identifier_rows(first_id + n, paper.identifiers, INPUT)
        ],
    )


PAPER = Insertion(
    schema.paper, "id", "session_id", "position", "key", "title", "authors", "year", "venue",
    "unusable", "given",
)  # fmt: skip
IDENTIFIER = Insertion(schema.identifier, "paper_id", "scheme", "value", "origin", "ordinal")


def identifier_rows(
    paper_id: int, identifiers: Identifiers, origin: str
) -> list[tuple[object, ...]]:
    """Return the identifiers that one origin gave for a paper, as rows of :data:`IDENTIFIER`."""
    return [
        (paper_id, scheme, value, origin, ordinal)
        for scheme, values in identifiers.items()
        for ordinal, value in enumerate(dict.fromkeys(values))
    ]


def paper_row(paper: InputPaper, session_id: str, row_id: int, position: int) -> tuple[object, ...]:
    """Return a paper as a row of :data:`PAPER`."""
    return (
        *(row_id, session_id, position, paper.key, paper.title, to_json(paper.authors)),
        *(paper.year, paper.venue, paper.unusable, paper.given),
    )
