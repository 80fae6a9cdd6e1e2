"""A word index of titles, which stands in for the search engine of a service."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import NamedTuple

_WORD = re.compile(r"\w+")
_TAG = re.compile(r"<[^<>]*>")


class Hit(NamedTuple):
    """A title that was found: its position in the list, and its similarity from 0 to 1."""

    place: int
    score: float


def words_of(text: str) -> list[str]:
    """Return the words of a text without case, accents and markup."""
    plain = unicodedata.normalize("NFKD", _TAG.sub(" ", text).casefold())
    return _WORD.findall("".join(c for c in plain if not unicodedata.combining(c)))


class TitleIndex:
    """Finds titles by their words."""

    def __init__(self, titles: Iterable[str]) -> None:
        self._places: dict[str, set[int]] = {}
        self._sizes: list[int] = []
        for place, title in enumerate(titles):
            words = set(words_of(title))
            self._sizes.append(len(words))
            for word in words:
                self._places.setdefault(word, set()).add(place)

    def holding_all(self, text: str) -> list[Hit]:
        """Return the titles that contain all words of a text, those with fewest others first."""
        words = set(words_of(text))
        sets = sorted((self._places.get(word, set()) for word in words), key=len)
        if not sets:
            return []
        return self._ranked(((p, len(words)) for p in set.intersection(*sets)), len(words))

    def holding_most(self, text: str, *, least: float = 0.5, most: int = 1000) -> list[Hit]:
        """Return the titles that share words with a text, most similar first.

        A title must contain at least the fraction ``least`` of the words. Words that occur in
        ``most`` titles or more raise scores but select no titles, unless all words are that common.
        """
        words = set(words_of(text))
        sets = [found for word in words if (found := self._places.get(word))]
        rare = [found for found in sets if len(found) < most] or sorted(sets, key=len)[:1]
        places = set[int]().union(*rare)
        counts = ((place, sum(place in found for found in sets)) for place in places)
        enough = ((place, count) for place, count in counts if count >= least * len(words))
        return self._ranked(enough, len(words))

    def _ranked(self, counts: Iterable[tuple[int, int]], asked: int) -> list[Hit]:
        hits = [Hit(p, round(2 * count / (asked + self._sizes[p]), 6)) for p, count in counts]
        return sorted(hits, key=lambda hit: (-hit.score, hit.place))
