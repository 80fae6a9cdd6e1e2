"""Input papers that turn out to be the same work: reported with the evidence, never dropped."""

from __future__ import annotations

from msgspec import Struct

from jobrunner.store.database import Database
from jobrunner.store.shared_identifiers import Shared, iter_shared


class Duplicates(Struct, frozen=True, kw_only=True):
    """Positions of papers that are one work, and the identifiers that say so."""

    positions: tuple[int, ...]
    evidence: tuple[Shared, ...]


def find_duplicates(database: Database, session_id: str) -> list[Duplicates]:
    """Return the groups of papers that share identifiers, by their first position."""
    evidence = list(iter_shared(database, session_id))
    leader: dict[int, int] = {}

    def lead(position: int) -> int:
        while (above := leader.setdefault(position, position)) != position:
            position = above
        return position

    for shared in evidence:
        first = min(lead(position) for position in shared.positions)
        for position in shared.positions:
            leader[lead(position)] = first
    groups: dict[int, list[int]] = {}
    for position in sorted(leader):
        groups.setdefault(lead(position), []).append(position)
    proofs: dict[int, list[Shared]] = {}
    for shared in evidence:
        proofs.setdefault(lead(shared.positions[0]), []).append(shared)
    return [
        Duplicates(positions=tuple(positions), evidence=tuple(proofs[first]))
        for first, positions in sorted(groups.items())
    ]
