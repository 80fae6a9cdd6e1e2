"""Papers of a session that share an identifier, as given or as found."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from msgspec import Struct
from sqlalchemy import bindparam, text

from jobrunner.store.database import Database

TELLING = ("doi", "arxiv", "openalex", "s2", "corpusid", "pmid", "pmcid", "mag", "acl", "dblp")
"""Schemes in which one value stands for one work."""


class Shared(Struct, frozen=True, kw_only=True):
    """One identifier that several papers have; ``origins`` say who told it."""

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
    """Yield every identifier that more than one paper of a session has."""
    with database.read() as connection:
        for row in connection.execute(_SHARED, {"session": session_id, "schemes": TELLING}):
            yield Shared(
                scheme=row.scheme,
                value=row.value,
                positions=tuple(sorted(msgspec.json.decode(row.positions))),
                origins=tuple(sorted(msgspec.json.decode(row.origins))),
            )
