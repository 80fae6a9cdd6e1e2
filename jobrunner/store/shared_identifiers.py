"""Papers of a session that share an identifier, from the input or from a source."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from msgspec import Struct
from sqlalchemy import bindparam, text

from jobrunner.store.database import Database

UNIQUE_SCHEMES = (
    "doi", "arxiv", "openalex", "s2", "corpusid", "pmid", "pmcid", "mag", "acl", "dblp"
)  # fmt: skip
"""Schemes in which one value identifies one work."""


class Shared(Struct, frozen=True, kw_only=True):
    """One identifier that several papers have. ``origins``: the input or sources that gave it."""

    scheme: str
    value: str
    positions: tuple[int, ...]
    origins: tuple[str, ...]


_SHARED = text(
    """
    SELECT i.scheme, i.value, json_group_array(DISTINCT p.position) AS positions,
        json_group_array(DISTINCT i.origin) AS origins
    FROM paper p CROSS JOIN identifier i ON i.paper_id = p.id
    WHERE p.session_id = :session AND i.scheme IN :schemes
    GROUP BY i.scheme, i.value HAVING count(DISTINCT p.position) > 1
    ORDER BY min(p.position), i.scheme, i.value
    """
).bindparams(bindparam("schemes", expanding=True))


def iter_shared(database: Database, session_id: str) -> Iterator[Shared]:
    """Yield every identifier that several papers of a session have."""
    with database.read() as connection:
        parameters = {"session": session_id, "schemes": UNIQUE_SCHEMES}
        for row in connection.execute(_SHARED, parameters):
            yield Shared(
                scheme=row.scheme,
                value=row.value,
                positions=tuple(sorted(msgspec.json.decode(row.positions))),
                origins=tuple(sorted(msgspec.json.decode(row.origins))),
            )
