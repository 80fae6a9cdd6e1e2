"""How two lists of authors relate."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from jobrunner.matching.author_names import surname_keys
from jobrunner.models import Record

MOST_AUTHORS = 100
"""Authors of a side that are compared; sources cut their lists there too."""


class Authors(Struct, frozen=True):
    """How two lists of authors relate; ``known`` if both sides name any."""

    known: bool
    shared: int = 0
    fewer: int = 0
    first: bool = False

    @property
    def agree(self) -> bool:
        """One in common of at most two, else half of the shorter list, or the first."""
        if self.fewer <= 2:
            return self.shared >= 1
        return self.first or self.shared * 2 >= self.fewer


def compare_authors(left: Sequence[str], right: Sequence[str]) -> Authors:
    """Compare two lists of names by surname, whatever the order of names and their parts."""
    ones = [keys for name in left[:MOST_AUTHORS] if (keys := surname_keys(name))]
    twos = [keys for name in right[:MOST_AUTHORS] if (keys := surname_keys(name))]
    if not ones or not twos:
        return Authors(known=False)
    fewer, more = sorted((ones, twos), key=len)
    remaining = list(more)
    shared = 0
    for keys in fewer:
        found = next((i for i, other in enumerate(remaining) if not keys.isdisjoint(other)), None)
        if found is not None:
            shared += 1
            del remaining[found]
    return Authors(True, shared, len(fewer), not ones[0].isdisjoint(twos[0]))


def names_of(record: Record) -> list[str]:
    """Return the names of a record's authors, as many as are compared."""
    return [author.name for author in record.authors[:MOST_AUTHORS]]
