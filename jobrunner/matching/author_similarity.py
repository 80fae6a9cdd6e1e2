"""What two descriptions of papers have in common besides their titles."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from msgspec import Struct
from rapidfuzz import fuzz

from jobrunner.identifiers.schemes import ARXIV_DOI
from jobrunner.matching.author_names import surname_keys
from jobrunner.matching.title_normalisation import LONGEST, normalise_title
from jobrunner.models import Paper, Record

MOST_AUTHORS = 100
"""Authors of a side that are compared; sources cut their lists there too."""

PREPRINT_PREFIXES = (
    ARXIV_DOI, *(f"10.1101/{digit}" for digit in range(10)), "10.64898/", "10.2139/", "10.20944/",
    "10.21203/", "10.31234/", "10.31219/", "10.31235/", "10.36227/", "10.26434/", "10.22541/",
    "10.5281/", "10.31222/", "10.48448/", "10.31223/", "10.33774/", "10.14293/",
    "10.7287/peerj.preprints",
)  # fmt: skip
"""How DOIs begin that preprint servers and repositories give; many a work has another DOI too.

bioRxiv and medRxiv number theirs; the journals of Cold Spring Harbor, which share the prefix
10.1101, begin with letters: 10.1101/gr.107524.110 is of Genome Research."""

_JOURNAL = re.compile(
    r"\b(?:journal|j|trans|transactions|letters|lett|annals|magazine|rev|review|bulletin|bull"
    r"|communications|commun|record|rec|zeitschrift|revista|revue)\b"
)
_PREPRINT_VENUE = re.compile(
    r"\b(?:arxiv|biorxiv|medrxiv|chemrxiv|ssrn|corr|preprints?|research square|techrxiv|psyarxiv)\b"
)
_PREPRINT_TYPES = frozenset(("preprint", "posted-content"))


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


def shared_schemes(paper: Paper, record: Record) -> tuple[str, ...]:
    """Return the schemes in which the record carries an identifier of the paper."""
    mine = paper.identifiers
    return tuple(s for s, value in record.identifiers.items() if s in mine and value in mine[s])


def other_doi(paper: Paper, record: Record) -> bool:
    """Tell whether both are published, and under different DOIs."""
    theirs = record.identifiers.get("doi")
    mine = paper.identifiers.get("doi", ())
    if not theirs or not mine or theirs in mine:
        return False
    return not any(map(is_preprint_doi, (theirs, *mine)))


def is_preprint_doi(doi: str) -> bool:
    """Tell whether a preprint server or a repository has given this DOI."""
    return doi.startswith(PREPRINT_PREFIXES)


def is_preprint(record: Record) -> bool:
    """Tell whether a record is of a preprint and not of what was published of it."""
    return (
        record.type in _PREPRINT_TYPES
        or is_preprint_doi(record.identifiers.get("doi", ""))
        or is_preprint_venue(record.venue or "")
    )


def may_be_preprint(paper: Paper) -> bool:
    """Tell whether the paper as given may be a preprint: it says so, or names no venue."""
    return (
        "arxiv" in paper.identifiers
        or not paper.venue
        or is_preprint_venue(paper.venue)
        or any(map(is_preprint_doi, paper.identifiers.get("doi", ())))
    )


@lru_cache(maxsize=4096)
def is_preprint_venue(venue: str) -> bool:
    """Tell whether a venue is a preprint server."""
    return bool(_PREPRINT_VENUE.search(venue[:LONGEST].casefold()))


def other_venue(left: str | None, right: str | None) -> bool:
    """Tell a journal from what is none; a name says so by words such as "Trans." or "Journal"."""
    one, two = normalise_title(left or ""), normalise_title(right or "")
    if not one or not two or is_preprint_venue(one) or is_preprint_venue(two):
        return False
    first, second = bool(_JOURNAL.search(one)), bool(_JOURNAL.search(two))
    return first != second and "".join(w[0] for w in (one if first else two).split()) not in (
        one,
        two,
    )


def same_venue(left: str | None, right: str | None) -> bool:
    """Tell whether two names of venues are evidently of one."""
    one, two = normalise_title(left or ""), normalise_title(right or "")
    return bool(one and two) and (one == two or fuzz.token_sort_ratio(one, two) >= 90)
