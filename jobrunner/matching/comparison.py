"""The comparison of a paper and a record: everything that the rules use."""

from __future__ import annotations

from msgspec import Struct

from jobrunner.matching.author_similarity import AuthorComparison, compare_authors, names_of
from jobrunner.matching.title_comparison import TitleComparison
from jobrunner.matching.venues import same_venue
from jobrunner.models import Paper, Record


class Comparison(Struct, frozen=True):
    """How a record relates to a paper.

    ``lag``: by how many years the record is later, None if a year is unknown. ``shared_schemes``:
    the schemes in which both have the same identifier.
    """

    paper: Paper
    record: Record
    titles: TitleComparison
    authors: AuthorComparison
    lag: int | None
    same_venue: bool
    shared_schemes: tuple[str, ...]


def compare(paper: Paper, record: Record, titles: TitleComparison) -> Comparison:
    """Compare everything but the titles, which come first: most records fail on them alone."""
    return Comparison(
        paper,
        record,
        titles,
        compare_authors(paper.authors, names_of(record)),
        years_between(paper.year, record.year),
        same_venue(paper.venue, record.venue),
        shared_schemes(paper, record),
    )


def years_between(earlier: int | None, later: int | None) -> int | None:
    """Return by how many years the second is later, None if a year is unknown."""
    if earlier is None or later is None:
        return None
    return later - earlier


def shared_schemes(paper: Paper, record: Record) -> tuple[str, ...]:
    """Return the schemes in which the record has one of the paper's identifiers."""
    given = paper.identifiers
    return tuple(
        scheme for scheme, value in record.identifiers.items() if value in given.get(scheme, ())
    )
