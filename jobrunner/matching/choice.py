"""Chooses among the records that a search by title returned."""

from __future__ import annotations

from collections.abc import Sequence

from jobrunner.matching.author_similarity import compare_authors, names_of
from jobrunner.matching.comparison import shared_schemes, years_between
from jobrunner.matching.decide import judge
from jobrunner.matching.preprints import is_preprint
from jobrunner.matching.title_normalisation import normalise_title
from jobrunner.matching.venues import same_venue
from jobrunner.matching.verdict import STRICTNESS, Verdict
from jobrunner.matching.year_rules import ADJACENT_YEARS, PREPRINT_LAG
from jobrunner.models import Answer, Candidate, Match, Paper, Record

MOST_CANDIDATES = 10
"""Most records kept for review; a person would not read more."""

_UNKNOWN_LAG = 9
"""Distance for ranking records of unknown year: after all possible versions of the paper."""

Judged = tuple[Verdict, Match, Record]


def choose(paper: Paper, records: Sequence[Record]) -> Answer:
    """Choose among the results of a search by title; their order does not matter.

    Several matching records give one answer only if they are evidently one work, such as a preprint
    and its publication. Otherwise all of them become candidates for review.
    """
    judged = _ranked(paper, records)
    if not judged:
        return Answer.not_found()
    matching = [entry for entry in judged if entry[0] is Verdict.MATCH]
    if not matching:
        doubts = ", ".join(judged[0][1].reasons)
        return _for_review(judged, f"the title alone does not decide ({doubts})")
    _, match, best = matching[0]
    others = [record for _, _, record in matching if record.id != best.id]
    if not all(_are_one_work(best, other) for other in others):
        return _for_review(judged, f"{len(others) + 1} different works match the title")
    if others:
        reasons = (*match.reasons, f"versions={len(others) + 1}")
        match = Match(by=match.by, score=match.score, reasons=reasons)
    return Answer.found(best, match)


def _ranked(paper: Paper, records: Sequence[Record]) -> list[Judged]:
    """Judge the records, drop those that do not match, and sort the rest, best first."""
    judged = [(*judge(paper, record), record) for record in records]
    possible = [entry for entry in judged if entry[0] is not Verdict.NO_MATCH]
    possible.sort(key=lambda entry: _rank(paper, *entry))
    return possible


def _rank(
    paper: Paper, verdict: Verdict, match: Match, record: Record
) -> tuple[int, int, int, float, int, int, int, int, str]:
    """Sort by verdict, then by evidence for this version of the work, then by citations."""
    lag = years_between(paper.year, record.year)
    distance = _UNKNOWN_LAG if lag is None else abs(lag)
    return (
        STRICTNESS[verdict],
        -len(shared_schemes(paper, record)),
        -int(same_venue(paper.venue, record.venue)),
        -match.score,
        int(distance > ADJACENT_YEARS),
        int(is_preprint(record)),
        distance,
        -(record.citations or 0),
        record.id,
    )


def _for_review(judged: Sequence[Judged], reason: str) -> Answer:
    best = judged[:MOST_CANDIDATES]
    candidates = [Candidate(record=record, match=match) for _, match, record in best]
    return Answer.ambiguous(tuple(candidates), reason)


def _are_one_work(one: Record, two: Record) -> bool:
    """Return whether two records are of one work: same DOI, or same title, authors and time."""
    doi = one.identifiers.get("doi")
    if doi and doi == two.identifiers.get("doi"):
        return True
    if normalise_title(one.title) != normalise_title(two.title):
        return False
    if not compare_authors(names_of(one), names_of(two)).agree:
        return False
    return _may_be_versions(one, two)


def _may_be_versions(one: Record, two: Record) -> bool:
    """Return whether two records can be versions: one is a preprint or has no DOI.

    Two published DOIs mean two works, even if everything else agrees.
    """
    if abs(years_between(one.year, two.year) or 0) > PREPRINT_LAG:
        return False
    if is_preprint(one) or is_preprint(two):
        return True
    return "doi" not in one.identifiers or "doi" not in two.identifiers
