"""Checks whether an identifier led to the right paper."""

from __future__ import annotations

from jobrunner.matching.author_similarity import AuthorComparison, compare_authors, names_of
from jobrunner.matching.comparison import years_between
from jobrunner.matching.title_language import are_of_two_languages
from jobrunner.matching.title_normalisation import normalise_title
from jobrunner.matching.title_similarity import RENAMED_LIKENESS, SAME_LIKENESS, similarity
from jobrunner.matching.verdict import Finding, Verdict
from jobrunner.models import Match, Paper, Record

RENAMING_LAG = 2
"""Most years between two versions of a work with different titles. Half of the lag of a preprint
with the same title, because here the title is no evidence."""

RENAMING_AUTHORS = 2
"""Fewest authors in common in that case: many people share a surname."""


def check_identifier(paper: Paper, record: Record, scheme: str) -> tuple[Verdict, Match]:
    """Check that an identifier led to the paper: some are wrong, and chapters have their book's.

    MATCH unless the titles are unrelated. With unrelated titles: MATCH for a translated title or a
    renamed preprint (same authors, about the same year), REVIEW if an author is the same or the
    authors are unknown, NO_MATCH if the authors differ too.
    """
    authors = compare_authors(paper.authors, names_of(record))
    if not normalise_title(paper.title) or not normalise_title(record.title):
        verdict, reason = _without_title(authors)
        return verdict, Match(by=scheme, score=0.0, reasons=(scheme, reason))
    score = similarity(paper.title, record.title)
    if score >= SAME_LIKENESS:
        reasons = (scheme, *_under_its_title(authors, score))
        return Verdict.MATCH, Match(by=scheme, score=score, reasons=reasons)
    verdict, reason = _under_another_title(paper, record, authors, score)
    return verdict, Match(by=scheme, score=score, reasons=(scheme, "title-differs", reason))


def _without_title(authors: AuthorComparison) -> Finding:
    if authors.differ:
        return Verdict.REVIEW, "authors-differ"
    return Verdict.MATCH, "no-title"


def _under_its_title(authors: AuthorComparison, score: float) -> tuple[str, ...]:
    """Return the reasons; they include the authors, which do not change the verdict here."""
    title = "title" if score == 1.0 else "title~"
    if authors.agree:
        return title, "authors"
    if authors.differ:
        return title, "authors-differ"
    return (title,)


def _under_another_title(
    paper: Paper, record: Record, authors: AuthorComparison, score: float
) -> Finding:
    if not authors.known:
        return Verdict.REVIEW, "no-authors"
    if not authors.shared:
        return Verdict.NO_MATCH, "authors-differ"
    if abs(years_between(paper.year, record.year) or 0) > RENAMING_LAG:
        return Verdict.REVIEW, "authors"
    if authors.agree and are_of_two_languages(paper.title, record.title):
        return Verdict.MATCH, "translation"
    if score >= RENAMED_LIKENESS and _are_enough_for_renaming(authors):
        return Verdict.MATCH, "renamed"
    return Verdict.REVIEW, "authors"


def _are_enough_for_renaming(authors: AuthorComparison) -> bool:
    return authors.half_agree and authors.shared >= RENAMING_AUTHORS
