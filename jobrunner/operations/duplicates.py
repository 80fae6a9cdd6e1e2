"""Input papers that turn out to be the same work: reported with the evidence, never dropped."""

from __future__ import annotations

from msgspec import Struct

from jobrunner.store.database import Database
from jobrunner.store.shared_identifiers import Shared, iter_shared


class Duplicates(Struct, frozen=True, kw_only=True):
    """Positions of papers that are one work, and the identifiers that say so."""

    positions: tuple[int, ...]
    evidence: tuple[Shared, ...]


class _Groups:
    """Positions that are joined into groups, each led by its first one (a union-find)."""

    def __init__(self) -> None:
        self._above: dict[int, int] = {}

    def leader(self, position: int) -> int:
        """Return the first position of a group."""
        while (above := self._above.setdefault(position, position)) != position:
            position = above
        return position

    def join(self, positions: tuple[int, ...]) -> None:
        """Make the groups of some positions one."""
        leaders = {self.leader(position) for position in positions}
        first = min(leaders)
        for leader in leaders:
            self._above[leader] = first

    def members(self) -> dict[int, list[int]]:
        """Return the positions of every group by its leader, both in order."""
        members: dict[int, list[int]] = {}
        for position in sorted(self._above):
            members.setdefault(self.leader(position), []).append(position)
        return members


def find_duplicates(database: Database, session_id: str) -> list[Duplicates]:
    """Return the groups of papers that share identifiers, by their first position."""
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
