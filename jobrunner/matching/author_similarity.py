"""How two lists of authors relate."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import filterfalse

from msgspec import Struct

from jobrunner.matching.author_names import surname_keys
from jobrunner.models import Record

MOST_AUTHORS = 100
"""Authors of a side that are compared; sources cut their lists there too."""

FEW_AUTHORS = 2
"""Up to so many on the shorter side, one in common is enough: there is at most one other."""

ENOUGH_AUTHORS = 0.5
"""Share of the shorter list that has to be in common, where there are more than a few."""

MOST_OF_THE_AUTHORS = 0.75
"""Share that is asked for where titles differ in a whole word. It leaves room for one misspelt
name of four."""

LEAST_OF_THE_AUTHORS = 2
"""How many have to be in common there at least: one surname alone is shared by many people."""


class AuthorComparison(Struct, frozen=True):
    """How two lists of authors relate.

    ``known`` if both sides name any, ``shared`` is how many are in common, ``fewer`` the length of
    the shorter list, ``first`` whether the first authors are the same.
    """

    known: bool
    shared: int = 0
    fewer: int = 0
    first: bool = False

    @property
    def agree(self) -> bool:
        """One in common of at most two, else half of the shorter list, or the first."""
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
        """Whether both sides name authors, and none is in common."""
        return self.known and not self.shared


def compare_authors(left: Sequence[str], right: Sequence[str]) -> AuthorComparison:
    """Compare two lists of names by surname, whatever the order of names and their parts."""
    left_keys, right_keys = _keys_of(left), _keys_of(right)
    if not left_keys or not right_keys:
        return AuthorComparison(known=False)
    fewer, more = sorted((left_keys, right_keys), key=len)
    same_first = not left_keys[0].isdisjoint(right_keys[0])
    return AuthorComparison(True, _persons_in_common(fewer, more), len(fewer), same_first)


def _keys_of(names: Sequence[str]) -> list[frozenset[str]]:
    # Names without a key ("et al.") are nobody's.
    return list(filter(None, map(surname_keys, names[:MOST_AUTHORS])))


def _persons_in_common(fewer: list[frozenset[str]], more: list[frozenset[str]]) -> int:
    remaining = list(more)
    for keys in fewer:
        person = next(filterfalse(keys.isdisjoint, remaining), None)
        # Nobody is counted twice: of two brothers on one side, each needs his own on the other.
        if person is not None:
            remaining.remove(person)
    return len(more) - len(remaining)


def names_of(record: Record) -> list[str]:
    """Return the names of a record's authors, as many as are compared."""
    return [author.name for author in record.authors[:MOST_AUTHORS]]
