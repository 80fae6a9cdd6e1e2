"""Finds input papers that are the same work, with the evidence."""

from __future__ import annotations

from msgspec import Struct

from jobrunner.store.database import Database
from jobrunner.store.shared_identifiers import Shared, iter_shared


class Duplicates(Struct, frozen=True, kw_only=True):
    """Positions of papers that are the same work, and the identifiers that they share."""

    positions: tuple[int, ...]
    evidence: tuple[Shared, ...]


class _Groups:
    """A union-find over positions: the leader of a group is its smallest position."""

    def __init__(self) -> None:
        self._above: dict[int, int] = {}

    def leader(self, position: int) -> int:
        """Return the leader of the group that a position belongs to."""
        while (above := self._above.setdefault(position, position)) != position:
            position = above
        return position

    def join(self, positions: tuple[int, ...]) -> None:
        """Merge the groups of some positions."""
        leaders = {self.leader(position) for position in positions}
        first = min(leaders)
        for leader in leaders:
            self._above[leader] = first

    def members(self) -> dict[int, list[int]]:
        """Return the positions of every group by leader, both in ascending order."""
        members: dict[int, list[int]] = {}
        for position in sorted(self._above):
            members.setdefault(self.leader(position), []).append(position)
        return members


def find_duplicates(database: Database, session_id: str) -> list[Duplicates]:
    """Return the groups of papers that share identifiers, ordered by first position."""
    evidence = list(iter_shared(database, session_id))
    groups = _Groups()
    for shared in evidence:
        groups.join(shared.positions)
    proofs: dict[int, list[Shared]] = {}
    for shared in evidence:
        proofs.setdefault(groups.leader(shared.positions[0]), []).append(shared)
    return [
        Duplicates(positions=tuple(positions), evidence=tuple(proofs[leader]))
        for leader, positions in groups.members().items()
    ]
