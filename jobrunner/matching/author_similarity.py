"""How two lists of authors relate."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import filterfalse

from msgspec import Struct

from jobrunner.matching.author_names import surname_keys
from jobrunner.models import Record

MOST_AUTHORS = 100
"""Most authors of a side that are compared; sources cut their lists there too."""

FEW_AUTHORS = 2
"""With at most this many authors on the shorter side, one in common is enough."""

ENOUGH_AUTHORS = 0.5
"""Share of the shorter list that must be in common if it is longer than that."""

MOST_OF_THE_AUTHORS = 0.75
"""Share that is required if titles differ by a whole word. It allows one misspelt name in four."""

LEAST_OF_THE_AUTHORS = 2
"""Fewest authors in common in that case: many people share a surname."""


class AuthorComparison(Struct, frozen=True):
    """How two lists of authors relate.

    ``known``: both sides have authors. ``shared``: number in common. ``fewer``: length of the
    shorter list. ``first``: the first authors are the same.
    """

    known: bool
    shared: int = 0
    fewer: int = 0
    first: bool = False

    @property
    def agree(self) -> bool:
        """Whether one of at most two is in common, else the first or half of the shorter list."""
        if self.fewer <= FEW_AUTHORS:
            return self.shared > 0
        return self.first or self.half_agree

    @property
    def half_agree(self) -> bool:
        """Whether half of the shorter list is in common."""
        return self.shared >= ENOUGH_AUTHORS * self.fewer

    @property
    def most_agree(self) -> bool:
        """Whether nearly the whole shorter list is in common."""
        return self.shared >= max(LEAST_OF_THE_AUTHORS, MOST_OF_THE_AUTHORS * self.fewer)

    @property
    def differ(self) -> bool:
        """Whether both sides have authors and none is in common."""
        return self.known and not self.shared


def compare_authors(left: Sequence[str], right: Sequence[str]) -> AuthorComparison:
    """Compare two lists of names by surname, in any order of names and name parts."""
    left_keys, right_keys = _keys_of(left), _keys_of(right)
    if not left_keys or not right_keys:
        return AuthorComparison(known=False)
    fewer, more = sorted((left_keys, right_keys), key=len)
    same_first = not left_keys[0].isdisjoint(right_keys[0])
    return AuthorComparison(True, _persons_in_common(fewer, more), len(fewer), same_first)


def _keys_of(names: Sequence[str]) -> list[frozenset[str]]:
    # Drop names without a key, such as "et al.".
    return list(filter(None, map(surname_keys, names[:MOST_AUTHORS])))


def _persons_in_common(fewer: list[frozenset[str]], more: list[frozenset[str]]) -> int:
    remaining = list(more)
    for keys in fewer:
        person = next(filterfalse(keys.isdisjoint, remaining), None)
        # Count nobody twice: two authors with one surname need two such authors on the other side.
        if person is not None:
            remaining.remove(person)
    return len(more) - len(remaining)


def names_of(record: Record) -> list[str]:
    """Return the names of a record's authors, up to the number that is compared."""
    return [author.name for author in record.authors[:MOST_AUTHORS]]
