"""A paper and a record of it, each field of which a test may change."""

from __future__ import annotations

from jobrunner.models import Author, Identifiers, Paper, Record

LONG = "Measuring the cost of sparse attention over long documents"
TWO = ("Ann Lee", "Bo Chen")


def paper(
    title: str = LONG,
    authors: tuple[str, ...] = TWO,
    year: int | None = 2020,
    venue: str = "",
    identifiers: Identifiers | None = None,
) -> Paper:
    return Paper(
        id=1,
        position=0,
        key="p",
        title=title,
        authors=authors,
        year=year,
        venue=venue,
        identifiers=identifiers or {},
    )


def record(
    title: str = LONG,
    authors: tuple[str, ...] = TWO,
    year: int | None = 2020,
    id: str = "W1",  # noqa: A002 (the name of the record's field)
    venue: str | None = None,
    type: str | None = None,  # noqa: A002
    identifiers: dict[str, str] | None = None,
    citations: int | None = None,
) -> Record:
    return Record(
        id=id,
        title=title,
        authors=tuple(Author(name=name) for name in authors),
        year=year,
        venue=venue,
        type=type,
        identifiers=identifiers or {},
        citations=citations,
    )
