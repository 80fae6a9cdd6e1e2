"""Labelled pairs of descriptions of papers: are they of one work?"""

from __future__ import annotations

import csv
import gzip
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from random import Random

from jobrunner.errors import UnreadableError
from jobrunner.matching.title_normalisation import normalise_title
from jobrunner.models import Author, Paper, Record
from jobrunner.sources.crossref import records as crossref_records
from jobrunner.sources.openalex import records as openalex_records
from jobrunner.sources.semantic_scholar import records as semantic_scholar_records

Pair = tuple[Paper, Record, bool]

_COLUMN = re.compile(r"COL (\w+) VAL ?")
_YEAR = re.compile(r"[12]\d{3}")
_PUBLISHED = re.compile(r"10\.(?!48550|1101|2139|5281|21203|20944)")


def paper_of(record: Record) -> Paper:
    """Return a record as if a person had given it, without identifiers."""
    return Paper(
        id=0,
        position=0,
        key=record.id,
        title=record.title,
        authors=tuple(author.name for author in record.authors),
        year=record.year,
        venue=record.venue or "",
    )


def columns(data: Path, name: str) -> list[Pair]:
    """Read a set of pairs that are written as ``COL name VAL value ...``, a tab, the other, 0|1."""
    pairs: list[Pair] = []
    with gzip.open(data / "matching" / f"{name}.txt.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            left, right, label = line.rstrip("\n").split("\t")
            pairs.append((paper_of(_row("l", left)), _row("r", right), label == "1"))
    return pairs


def _row(key: str, text: str) -> Record:
    parts = _COLUMN.split(text)
    row = {name: value.strip() for name, value in zip(parts[1::2], parts[2::2], strict=True)}
    year = _YEAR.search(row.get("year", ""))
    return Record(
        id=key,
        title=row.get("title", ""),
        authors=tuple(Author(name=n.strip()) for n in row["authors"].split(" , ") if n.strip()),
        year=int(year[0]) if year else None,
        venue=row.get("venue") or None,
    )


def cora(data: Path, negatives: int = 5) -> list[Pair]:
    """Read Cora's true pairs, and for each paper its most alike papers that are not the same."""
    with gzip.open(data / "matching/cora/cora.csv.gz", "rt", encoding="utf-8") as lines:
        rows = {row["Entity Id"]: _citation(row) for row in csv.DictReader(lines, delimiter="|")}
    with gzip.open(data / "matching/cora/cora_gt.csv.gz", "rt", encoding="utf-8") as lines:
        truth = {frozenset(line.strip().split("|")) for line in lines if "|" in line}
    pairs = [(paper_of(rows[a]), rows[b], True) for a, b in map(sorted, truth) if a in rows]
    words = {key: set(normalise_title(row.title).split()) for key, row in rows.items()}
    for key, row in rows.items():
        others = (k for k in rows if k != key and frozenset((key, k)) not in truth)
        alike = sorted(others, key=lambda k: (-_jaccard(words[key], words[k]), k))[:negatives]
        pairs += [(paper_of(row), rows[k], False) for k in alike]
    return pairs


def _citation(row: dict[str, str]) -> Record:
    authors = re.sub(r"\s+and\s+|\s*&\s*", ", ", row["author"] or "").strip(" .,")
    year = _YEAR.search(row["year"] or "") or _YEAR.search(row["venue"] or "")
    return Record(
        id=row["Entity Id"],
        title=(row["title"] or "").strip(" '\".,`"),
        authors=tuple(Author(name=name) for name in _names(authors)),
        year=int(year[0]) if year else None,
        venue=row["venue"] or None,
    )


def _names(authors: str) -> Iterator[str]:
    """Yield the names of "p. auer, n. cesa-bianchi" and of "auer, p., cesa-bianchi, n."."""
    parts = [part.strip() for part in authors.split(",") if part.strip(" .")]
    initials = re.compile(r"(?:\w\.?[ -]?){1,3}")
    if any(initials.fullmatch(part) for part in parts):
        family = ""
        for part in parts:
            if initials.fullmatch(part) and family:
                yield f"{family}, {part}"
                family = ""
            else:
                if family:
                    yield family
                family = part
        if family:
            yield family
    else:
        yield from parts


def _jaccard(one: set[str], two: set[str]) -> float:
    return len(one & two) / (len(one | two) or 1)


_RECORDS: tuple[tuple[str, Callable[[dict[str, object]], Record]], ...] = (
    ("crossref_works", crossref_records.record_of),
    ("openalex_works", openalex_records.record_of),
    ("s2_papers", semantic_scholar_records.record_of),
)


def records(data: Path) -> dict[str, list[Record]]:
    """Read the recorded works of each source that have a title."""
    found: dict[str, list[Record]] = {}
    for name, record_of in _RECORDS:
        kept: dict[str, Record] = {}
        with gzip.open(data / "records" / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
            for line in lines:
                try:
                    record = record_of(json.loads(line))
                except UnreadableError:
                    continue
                if record.title:
                    kept[record.id] = record
        found[name] = list(kept.values())
    return found


def across_sources(found: dict[str, list[Record]], seed: int = 1) -> list[Pair]:
    """Pair records of different sources: one DOI is one work; other DOI and like title is another.

    Not paired are equal titles under different DOIs: those can be versions of one work.
    """
    by_doi: dict[str, list[tuple[str, Record]]] = defaultdict(list)
    for source, rows in found.items():
        for record in rows:
            if doi := record.identifiers.get("doi"):
                by_doi[doi].append((source, record))
    pairs = [
        (paper_of(one), _bare(two), True)
        for entries in by_doi.values()
        for (left, one), (right, two) in combinations(entries, 2)
        if left != right
    ]
    return pairs + list(_like_titles(found, Random(seed)))


def _like_titles(found: dict[str, list[Record]], random: Random) -> Iterator[Pair]:
    rows = [record for source in found.values() for record in source]
    rows = [r for r in rows if _PUBLISHED.match(r.identifiers.get("doi", ""))]
    random.shuffle(rows)
    by_words: dict[tuple[str, ...], list[Record]] = defaultdict(list)
    for record in rows:
        words = [word for word in normalise_title(record.title).split() if len(word) > 3]
        for pair in set(combinations(sorted(words)[:8], 2)):
            by_words[pair].append(record)
    seen: set[frozenset[str]] = set()
    for group in by_words.values():
        for one, two in combinations(group[:6], 2):
            titles = normalise_title(one.title), normalise_title(two.title)
            dois = frozenset((one.identifiers["doi"], two.identifiers["doi"]))
            alike = _jaccard(set(titles[0].split()), set(titles[1].split())) >= 0.4
            if titles[0] != titles[1] and alike and len(dois) == 2 and dois not in seen:
                seen.add(dois)
                yield paper_of(one), _bare(two), False


def one_title_two_dois(found: dict[str, list[Record]]) -> list[Pair]:
    """Pair Crossref's published works of equal titles and different DOIs; labels are unknown."""
    by_title: dict[str, list[Record]] = defaultdict(list)
    for record in found["crossref_works"]:
        if _PUBLISHED.match(record.identifiers.get("doi", "")):
            by_title[normalise_title(record.title)].append(record)
    return [
        (paper_of(one), _bare(two), False)
        for group in by_title.values()
        for one, two in combinations(group[:8], 2)
    ]


def arxiv_neighbours(data: Path) -> list[Pair]:
    """Pair each arXiv record with the five others whose titles share most words: all different."""
    rows: list[Record] = []
    path = data / "matching/arxiv_to_journal/20250425_arxiv_sample_1.jsonl.gz"
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            work = json.loads(line)["attributes"]
            names = tuple(Author(name=creator["name"]) for creator in work["creators"])
            title, year = work["titles"][0]["title"], work["publicationYear"]
            rows.append(Record(id=work["doi"], title=title, authors=names, year=year))
    words = {row.id: set(normalise_title(row.title).split()) for row in rows}
    pairs: list[Pair] = []
    for row in rows:
        others = sorted(rows, key=lambda r: (-_jaccard(words[row.id], words[r.id]), r.id))[:6]
        pairs += [(paper_of(row), other, False) for other in others if other.id != row.id]
    return pairs


def _bare(record: Record) -> Record:
    """Return a record without identifiers, which would give the label away."""
    return Record(
        id=record.id,
        title=record.title,
        authors=record.authors,
        year=record.year,
        venue=record.venue,
        type=record.type,
    )
