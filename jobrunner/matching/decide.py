"""Deciding whether a source's record is of the paper that was asked for.

A title alone never decides: authors, year, container or an identifier have to support it, and what
they leave open is for a person to review. An API's own score is not looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from jobrunner.matching.author_similarity import Authors, compare_authors, names_of
from jobrunner.matching.preprints import is_preprint, may_be_preprint, other_doi
from jobrunner.matching.title_normalisation import normalise_title
from jobrunner.matching.title_similarity import (
    Titles,
    compare_titles,
    kinds_of,
    language_of,
    similarity,
)
from jobrunner.matching.venues import other_venue, same_venue
from jobrunner.models import Answer, Candidate, Match, Paper, Record

PREPRINT_LAG = 4
"""Most years between a preprint and what was published of it."""

SAME_TITLE = 0.6
"""Similarity of titles from which an identifier is believed without further support."""

RENAMED = 0.5
"""Similarity below which titles of the same authors are taken for two works'. Of random pairs of
titles in the recorded works of the three sources, 99.5 % are less alike (measured)."""

MOST_CANDIDATES = 10

_NEVER_PAPERS = frozenset(("component", "journal", "journal-issue", "grant", "peer-review"))
_SELDOM_PAPERS = frozenset(
    (
        "erratum",
        "retraction",
        "editorial",
        "letter",
        "dataset",
        "paratext",
        "book",
        "reference-entry",
    )
)


RULES = 2
"""The version of these rules; it grows whenever the same records would be judged differently."""


class Verdict(StrEnum):
    """Whether a record is of a paper; REVIEW: a person has to look."""

    MATCH = "match"
    REVIEW = "review"
    NO_MATCH = "no_match"


_STRICTNESS = {Verdict.MATCH: 0, Verdict.REVIEW: 1, Verdict.NO_MATCH: 2}


def judge(paper: Paper, record: Record) -> tuple[Verdict, Match]:
    """Decide by title, and by everything that has to support it.

    The match's reasons name what supported ('title', 'authors', 'year', 'venue', 'doi') and what
    stood against it ('authors-differ', 'year+7', 'number', 'generic-title', ...).
    """
    titles = compare_titles(paper.title, record.title)
    shared = shared_schemes(paper, record)
    if titles.relation == "other":
        return Verdict.NO_MATCH, Match(by="title", score=titles.score, reasons=("title-differs",))
    authors = compare_authors(paper.authors, names_of(record))
    venue = same_venue(paper.venue, record.venue)
    findings = [
        _by_title(titles, supported=bool(shared)),
        _by_authors(titles, authors, supported=bool(shared) or _same_issue(paper, record, venue)),
        _by_year(paper, record, titles, venue=venue),
        _by_kind(paper, titles, record),
    ]
    if not shared and other_doi(paper, record):
        findings.append((Verdict.REVIEW, "other-doi"))
    verdict = max((verdict for verdict, _ in findings), key=_STRICTNESS.__getitem__)
    reasons = [reason for _, reason in findings if reason]
    reasons += [*(("venue",) if venue else ()), *shared]
    return verdict, Match(by="title", score=round(titles.score, 4), reasons=tuple(reasons))


def _by_title(titles: Titles, *, supported: bool) -> tuple[Verdict, str]:
    if titles.conflict:
        return Verdict.NO_MATCH, titles.conflict
    if titles.relation == "part":
        return (
            Verdict.REVIEW if titles.score >= 0.8 or supported else Verdict.NO_MATCH
        ), "title-part"
    if titles.generic:
        return (Verdict.MATCH if supported else Verdict.REVIEW), "generic-title"
    if titles.short and titles.relation != "same":
        subtitle = titles.relation == "subtitle"
        return (Verdict.REVIEW if subtitle else Verdict.NO_MATCH), f"short-{titles.relation}"
    return Verdict.MATCH, {"same": "title", "near": "title~", "word": "title+word"}.get(
        titles.relation, titles.relation
    )


def _by_authors(titles: Titles, authors: Authors, *, supported: bool) -> tuple[Verdict, str]:
    if not authors.known:
        sure = supported and titles.words >= 5
        return (Verdict.MATCH if sure else Verdict.REVIEW), "no-authors"
    if authors.agree:
        if titles.relation == "word" and authors.shared < max(2, authors.fewer * 0.75):
            return Verdict.REVIEW, "authors"
        weak = (titles.short or titles.relation == "subtitle") and (
            authors.shared * 2 < authors.fewer and not supported
        )
        return (Verdict.REVIEW if weak else Verdict.MATCH), "authors"
    if authors.shared:
        return Verdict.REVIEW, "few-authors"
    doubtful = supported and titles.relation == "same"
    return (Verdict.REVIEW if doubtful else Verdict.NO_MATCH), "authors-differ"


def _same_issue(paper: Paper, record: Record, venue: bool) -> bool:
    return venue and paper.year is not None and paper.year == record.year


def _by_year(paper: Paper, record: Record, titles: Titles, *, venue: bool) -> tuple[Verdict, str]:
    if paper.year is None or record.year is None:
        weak = titles.short or titles.relation in ("subtitle", "word")
        return (Verdict.REVIEW if weak and not venue else Verdict.MATCH), "no-year"
    lag = record.year - paper.year
    if lag == 0:
        return Verdict.MATCH, "year"
    reason = f"year{lag:+d}"
    if abs(lag) <= PREPRINT_LAG and other_venue(paper.venue, record.venue):
        return Verdict.REVIEW, f"{reason}-other-venue"
    if abs(lag) == 1:
        return (Verdict.REVIEW if titles.relation == "word" else Verdict.MATCH), reason
    if abs(lag) > PREPRINT_LAG:
        same = titles.relation == "same" and not titles.short
        return (Verdict.REVIEW if same else Verdict.NO_MATCH), reason
    versions = is_preprint(record) or may_be_preprint(paper)
    sure = versions and titles.relation in ("same", "near") and not titles.short
    return (Verdict.MATCH if sure else Verdict.REVIEW), reason


def _by_kind(paper: Paper, titles: Titles, record: Record) -> tuple[Verdict, str]:
    kind = record.type or ""
    if kind in _NEVER_PAPERS and not kinds_of(paper.title):
        return Verdict.NO_MATCH, f"type-{kind}"
    if kind in _SELDOM_PAPERS and titles.relation != "same":
        return Verdict.REVIEW, f"type-{kind}"
    return Verdict.MATCH, ""


def check_identifier(paper: Paper, record: Record, scheme: str) -> tuple[Verdict, Match]:
    """Check that an identifier led to the paper; some are wrong, and chapters carry their book's.

    MATCH unless the titles have nothing to do with each other. Then it is MATCH still for a title
    in another language or a renamed preprint (same authors, about the same year), REVIEW if some
    author is the same or nothing is known of them, and NO_MATCH if the authors are others too.
    """
    authors = compare_authors(paper.authors, names_of(record))
    strangers = authors.known and not authors.shared
    if not normalise_title(paper.title) or not normalise_title(record.title):
        reason = "authors-differ" if strangers else "no-title"
        verdict = Verdict.REVIEW if strangers else Verdict.MATCH
        return verdict, Match(by=scheme, score=0.0, reasons=(scheme, reason))
    score = similarity(paper.title, record.title)
    if score >= SAME_TITLE:
        reason = "title" if score == 1.0 else "title~"
        agreement = ("authors",) if authors.agree and authors.known else ()
        odd = ("authors-differ",) if strangers else ()
        return Verdict.MATCH, Match(
            by=scheme, score=score, reasons=(scheme, reason, *agreement, *odd)
        )
    verdict, reason = _under_another_title(paper, record, authors, score)
    return verdict, Match(by=scheme, score=score, reasons=(scheme, "title-differs", reason))


def _under_another_title(
    paper: Paper, record: Record, authors: Authors, score: float
) -> tuple[Verdict, str]:
    if not authors.known:
        return Verdict.REVIEW, "no-authors"
    if not authors.shared:
        return Verdict.NO_MATCH, "authors-differ"
    close = paper.year is None or record.year is None or abs(paper.year - record.year) <= 2
    languages = {language_of(paper.title), language_of(record.title)}
    translated = len(languages) == 2 and ("other" in languages or "" not in languages)
    if authors.agree and close and translated:
        return Verdict.MATCH, "translation"
    if authors.shared >= 2 and authors.shared * 2 >= authors.fewer and close and score >= RENAMED:
        return Verdict.MATCH, "renamed"
    return Verdict.REVIEW, "authors"


def choose(paper: Paper, records: Sequence[Record]) -> Answer:
    """Choose among what a search by title found; the order of the records makes no difference.

    Several that match are one answer only if they are evidently one work (such as a preprint and
    what was published of it); else they are all candidates for review.
    """
    judged = [(*judge(paper, record), record) for record in records]
    judged = [entry for entry in judged if entry[0] is not Verdict.NO_MATCH]
    judged.sort(key=lambda entry: _rank(paper, *entry))
    if not judged:
        return Answer.not_found()
    passing = [entry for entry in judged if entry[0] is Verdict.MATCH]
    if passing:
        _, match, best = passing[0]
        others = [record for _, _, record in passing[1:] if record.id != best.id]
        if all(_evidently_one(best, other) for other in others):
            versions = (f"versions={len(others) + 1}",) if others else ()
            return Answer.found(
                best, Match(by=match.by, score=match.score, reasons=(*match.reasons, *versions))
            )
        reason = f"{len(others) + 1} different works match the title"
    else:
        reason = f"the title alone does not decide ({', '.join(judged[0][1].reasons)})"
    candidates = tuple(Candidate(record=r, match=m) for _, m, r in judged[:MOST_CANDIDATES])
    return Answer.ambiguous(candidates, reason)


def _rank(
    paper: Paper, verdict: Verdict, match: Match, record: Record
) -> tuple[int, int, int, float, int, int, int, int, str]:
    """Order by verdict, then by what ties a record to this very version, then by its weight."""
    lag = abs(paper.year - record.year) if paper.year and record.year else 9
    return (
        _STRICTNESS[verdict],
        -len(shared_schemes(paper, record)),
        -int(same_venue(paper.venue, record.venue)),
        -match.score,
        int(lag > 1),
        int(is_preprint(record)),
        lag,
        -(record.citations or 0),
        record.id,
    )


def _evidently_one(one: Record, two: Record) -> bool:
    """Tell whether two records are of one work: one DOI, or equal titles, authors and times."""
    doi = one.identifiers.get("doi")
    other = two.identifiers.get("doi")
    if doi and doi == other:
        return True
    if normalise_title(one.title) != normalise_title(two.title):
        return False
    if not compare_authors(names_of(one), names_of(two)).agree:
        return False
    lag = abs(one.year - two.year) if one.year and two.year else 0
    if is_preprint(one) or is_preprint(two) or not doi or not other:
        return lag <= PREPRINT_LAG
    return False


def shared_schemes(paper: Paper, record: Record) -> tuple[str, ...]:
    """Return the schemes in which the record carries an identifier of the paper."""
    mine = paper.identifiers
    return tuple(s for s, value in record.identifiers.items() if s in mine and value in mine[s])
