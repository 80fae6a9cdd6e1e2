"""Recognises preprints by record, DOI or venue."""

from __future__ import annotations

import re
from functools import lru_cache

from jobrunner.identifiers.schemes import ARXIV_DOI
from jobrunner.matching.title_normalisation import LONGEST
from jobrunner.models import Paper, Record

PREPRINT_PREFIXES = (
    ARXIV_DOI, *(f"10.1101/{digit}" for digit in range(10)), "10.64898/", "10.2139/", "10.20944/",
    "10.21203/", "10.31234/", "10.31219/", "10.31235/", "10.36227/", "10.26434/", "10.22541/",
    "10.5281/", "10.31222/", "10.48448/", "10.31223/", "10.33774/", "10.14293/",
    "10.7287/peerj.preprints",
)  # fmt: skip
"""DOI prefixes of preprint servers and repositories; many such works also have another DOI.

DOIs of bioRxiv and medRxiv continue with a digit. The journals of Cold Spring Harbor share the
prefix 10.1101 but continue with letters: 10.1101/gr.107524.110 is in Genome Research."""

_PREPRINT_VENUE = re.compile(
    r"\b(?:arxiv|biorxiv|medrxiv|chemrxiv|ssrn|corr|preprints?|research square|techrxiv|psyarxiv)\b"
)
_PREPRINT_TYPES = frozenset(("preprint", "posted-content"))


def other_doi(paper: Paper, record: Record) -> bool:
    """Return whether both are published, with different DOIs."""
    theirs = record.identifiers.get("doi")
    mine = paper.identifiers.get("doi", ())
    if not theirs or not mine or theirs in mine:
        return False
    return not any(map(is_preprint_doi, (theirs, *mine)))


def is_preprint_doi(doi: str) -> bool:
    """Return whether a preprint server or a repository assigned this DOI."""
    return doi.startswith(PREPRINT_PREFIXES)


def is_preprint(record: Record) -> bool:
    """Return whether a record describes a preprint, not its publication."""
    return (
        record.type in _PREPRINT_TYPES
        or is_preprint_doi(record.identifiers.get("doi", ""))
        or is_preprint_venue(record.venue or "")
    )


def may_be_preprint(paper: Paper) -> bool:
    """Return whether the given paper can be a preprint: it says so or has no venue."""
    return (
        "arxiv" in paper.identifiers
        or not paper.venue
        or is_preprint_venue(paper.venue)
        or any(map(is_preprint_doi, paper.identifiers.get("doi", ())))
    )


@lru_cache(maxsize=4096)
def is_preprint_venue(venue: str) -> bool:
    """Return whether a venue is a preprint server."""
    return bool(_PREPRINT_VENUE.search(venue[:LONGEST].casefold()))
