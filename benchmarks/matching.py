"""Measure matching on labelled pairs: ``python -m benchmarks.matching --data DIR``.

Two ways to decide are measured. *Rule* is what jobrunner does with what a search by title finds
(``jobrunner.matching.decide.judge``): it has to be right when it says yes, and leaves doubts to a
person. *Classifier* answers every pair, as the published systems do: a logistic regression that is
fitted here, on the training part of each set, with the standard library alone. Its threshold is
0.5. With ``--cross-validate`` it also decides each fifth of a training part, by a fit on the other
four.

The rule's constants were settled on the training parts of DBLP-ACM and DBLP-GoogleScholar, Cora
and the records of the three sources: its figures on the valid parts are held out, those on Cora and
the records are not. The classifier's weights are from the training parts alone, but its features
and its penalty were settled with the valid parts in view, over some forty fits: its figures
there are somewhat too good. Nothing was chosen by its cross-validated figures, which are held out,
and so would be a ``test`` part, which is measured where there is one. The published figures are on
test parts.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from random import Random
from zlib import crc32

from msgspec import Struct, structs

from benchmarks import labelled_pairs
from benchmarks.labelled_pairs import Pair
from benchmarks.logistic import fit, probability
from benchmarks.pair_features import features, rarity_of, venue_affinities
from jobrunner import __version__
from jobrunner.matching.decide import RULES, judge
from jobrunner.matching.verdict import Verdict
from jobrunner.models import Author, Paper, Record

SHARE_OF_TRUE = 5347 / 28707
"""In all of DBLP-GoogleScholar, as DeepMatcher states; its balanced training part cannot tell."""

FOLDS = 5


class Trained(Struct, frozen=True):
    """A set with a training part. ``dirty``: values are moved in it as in the Dirty sets."""

    name: str
    train: str
    dirty: bool = False
    published: str = ""


TRAINED = (
    Trained(
        "Structured.DBLP-ACM",
        "Structured.DBLP-ACM.train",
        published="ZeroER 96.00, DeepMatcher 98.4, CollaborER 98.63, Ditto 98.99",
    ),
    Trained(
        "Dirty.DBLP-ACM",
        "Dirty.DBLP-ACM.train",
        published="DeepMatcher 98.1, Ditto 99.03, CollaborER 99.10",
    ),
    Trained(
        "Structured.DBLP-GoogleScholar",
        "Structured.DBLP-GoogleScholar.train-balanced",
        published="DeepMatcher 94.7, Ditto (plain) 95.46",
    ),
    Trained("Dirty.DBLP-GoogleScholar", "Structured.DBLP-GoogleScholar.train-balanced", dirty=True),
)


class Counts(Struct):
    """How pairs were decided; ``review`` are those left to a person, ``review_right`` true ones."""

    right: int = 0
    wrong: int = 0
    missed: int = 0
    review: int = 0
    review_right: int = 0

    def add(self, *, said: bool, label: bool) -> None:
        """Count one decision."""
        self.right += said and label
        self.wrong += said and not label
        self.missed += label and not said

    @property
    def precision(self) -> float:
        """The share of what was taken for one work that is one; 1 if nothing was."""
        said = self.right + self.wrong
        return self.right / said if said else 1.0

    @property
    def recall(self) -> float:
        """The share of true pairs that was taken for one work."""
        return self.right / (self.right + self.missed)

    @property
    def recall_with_review(self) -> float:
        """The share of true pairs that was taken for one work, or left to a person."""
        return (self.right + self.review_right) / (self.right + self.missed)

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        return 2 * self.right / (2 * self.right + self.wrong + self.missed)

    def __str__(self) -> str:
        if not self.right + self.missed:
            return f"{'-':>6} {'-':>6} {'-':>6}"
        return f"{100 * self.precision:6.2f} {100 * self.recall:6.2f} {100 * self.f1:6.2f}"


def by_rule(pairs: Sequence[Pair]) -> Counts:
    """Decide by the rule that jobrunner uses."""
    counts = Counts()
    for left, right, label in pairs:
        verdict, _ = judge(left, right)
        counts.add(said=verdict is Verdict.MATCH, label=label)
        counts.review += verdict is Verdict.REVIEW
        counts.review_right += verdict is Verdict.REVIEW and label
    return counts


def weight_of_false(pairs: Sequence[Pair]) -> float:
    """Return how many false pairs each one stands for: several where the part is balanced."""
    share = sum(label for *_, label in pairs) / len(pairs)
    balanced = abs(share - 0.5) < 0.05
    return (1 - SHARE_OF_TRUE) / SHARE_OF_TRUE if balanced else 1.0


def cross_validated(data: Path, trained: Trained) -> str:
    """Decide each fold of a training part by the others; no left record is in two folds."""
    pairs = labelled_pairs.columns(data, trained.train)
    pairs = moved(pairs) if trained.dirty else pairs
    folds: list[list[Pair]] = [[] for _ in range(FOLDS)]
    for pair in pairs:
        left = pair[0]
        folds[crc32(f"{left.title} {left.authors} {left.year}".encode()) % FOLDS].append(pair)
    counts = Counts()
    for number, fold in enumerate(folds):
        others = [pair for other in folds[:number] + folds[number + 1 :] for pair in other]
        decide = classifier(others)
        for left, right, label in fold:
            counts.add(said=decide(left, right) >= 0.5, label=label)
    counts.wrong = round(counts.wrong * weight_of_false(pairs))
    return f"{trained.name:44} {len(pairs):7,} {counts}"


def classifier(pairs: Sequence[Pair]) -> Callable[[Paper, Record], float]:
    """Fit a classifier on the pairs of a training part."""
    rarity = rarity_of(title for left, right, _ in pairs for title in (left.title, right.title))
    affinities = venue_affinities((left, right) for left, right, label in pairs if label)
    labels = [label for *_, label in pairs]
    rows = [features(left, right, rarity, affinities) for left, right, _ in pairs]
    weights = fit(rows, labels, weight_of_false(pairs))
    return lambda left, right: probability(weights, features(left, right, rarity, affinities))


def moved(pairs: Sequence[Pair], seed: int = 1) -> list[Pair]:
    """Move each value but the title into the title with one half's chance, as the Dirty sets do."""
    random = Random(seed)
    return [
        (_moved_paper(left, random), _moved_record(right, random), label)
        for left, right, label in pairs
    ]


def _moved_paper(paper: Paper, random: Random) -> Paper:
    record = _moved_record(
        Record(
            id="",
            title=paper.title,
            authors=tuple(Author(name=name) for name in paper.authors),
            year=paper.year,
            venue=paper.venue,
        ),
        random,
    )
    return labelled_pairs.paper_of(record)


def _moved_record(record: Record, random: Random) -> Record:
    title = record.title
    if random.random() < 0.5:
        title = f"{title} {' , '.join(author.name for author in record.authors)}"
        record = structs.replace(record, authors=())
    if random.random() < 0.5:
        title = f"{title} {record.venue or ''}"
        record = structs.replace(record, venue=None)
    if random.random() < 0.5:
        title = f"{title} {record.year or ''}"
        record = structs.replace(record, year=None)
    return structs.replace(record, title=" ".join(title.split()))


def trained_lines(data: Path, trained: Trained) -> list[str]:
    """Measure the valid and test parts of a set that has a training part."""
    pairs = labelled_pairs.columns(data, trained.train)
    decide = classifier(moved(pairs) if trained.dirty else pairs)
    lines: list[str] = []
    for part in ("valid", "test"):
        name = f"{trained.name}.{part}"
        if not (data / "matching" / f"{name}.txt.gz").exists():
            continue
        pairs = labelled_pairs.columns(data, name)
        counts = Counts()
        for left, right, label in pairs:
            counts.add(said=decide(left, right) >= 0.5, label=label)
        lines.append(_line(name, len(pairs), by_rule(pairs), str(counts), trained.published))
    return lines


def _line(name: str, pairs: int, rule: Counts, classified: str, published: str = "") -> str:
    true = rule.right + rule.missed
    whole = f"{100 * rule.recall_with_review:6.2f}" if true else f"{'-':>6}"
    counts = f"{pairs:7,} {rule} {rule.review:7,} {whole}"
    return f"{name:36} {counts}   {classified:20}   {published}"


def untrained_lines(data: Path) -> list[str]:
    """Measure the sets that have no training part; only the rule decides them."""
    sets = [
        ("cora, true and 5 nearest", labelled_pairs.cora(data), "its labels tell versions apart"),
        ("arxiv_to_journal, 5 nearest others", labelled_pairs.arxiv_neighbours(data), "none is"),
    ]
    if (data / "records").is_dir():
        records = labelled_pairs.records(data)
        sets += [
            ("one DOI across sources", labelled_pairs.across_sources(records), ""),
            (
                "one title, two Crossref DOIs",
                labelled_pairs.one_title_two_dois(records),
                "some are",
            ),
        ]
    lines: list[str] = []
    for name, pairs, remark in sets:
        rule = by_rule(pairs)
        wrong = f"taken for one though labelled two: {rule.wrong}{remark and '; '}{remark}"
        lines.append(_line(name, len(pairs), rule, "", wrong))
    return lines


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        default=os.environ.get("JOBRUNNER_TEST_DATA", beside),
        help="holds matching/ (labelled pairs) and perhaps records/ (works of the three sources)"
        " [default: JOBRUNNER_TEST_DATA, or shared/data beside the checkout]",
    )
    parser.add_argument("--rule-only", action="store_true", help="fit no classifier (seconds)")
    parser.add_argument(
        "--cross-validate", action="store_true", help="also within the training parts (minutes)"
    )
    options = parser.parse_args()
    data = Path(options.data)
    if data.name == "matching" and not (data / "matching").is_dir():
        data = data.parent
    if not (data / "matching").is_dir():
        print(f"no labelled pairs: {data / 'matching'} is not there; name it by --data DIR")
        return 2
    print(
        f"{datetime.now(UTC):%Y-%m-%d}, jobrunner {__version__} (matching rules {RULES}),"
        f" rapidfuzz {version('rapidfuzz')}, Python {platform.python_version()}"
    )
    print(f"{'':44} {'rule':35}   {'classifier':20}")
    columns = f"{'P':>6} {'R':>6} {'F1':>6}"
    print(
        f"{'set.part':36} {'pairs':>7} {columns} {'review':>7} {'R+rev':>6}   {columns}"
        "   published F1 (test)"
    )
    if options.rule_only:
        for trained in TRAINED:
            pairs = labelled_pairs.columns(data, f"{trained.name}.valid")
            print(_line(f"{trained.name}.valid", len(pairs), by_rule(pairs), ""))
    else:
        with ProcessPoolExecutor() as pool:
            for lines in pool.map(trained_lines, [data] * len(TRAINED), TRAINED):
                print(*lines, sep="\n", flush=True)
    print(*untrained_lines(data), sep="\n")
    if options.cross_validate:
        print(f"\n{'classifier, cross-validated':44} {'pairs':>7} {columns}")
        with ProcessPoolExecutor() as pool:
            for line in pool.map(cross_validated, [data] * len(TRAINED), TRAINED):
                print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
