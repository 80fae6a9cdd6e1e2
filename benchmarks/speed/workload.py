"""The work: papers with DOIs, and three sources in the process that know all of them at once.

A record is about 3 KB of JSON. The texts are slices of one made-up text, so that making a record
costs next to nothing, and no two records are alike.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

SOURCES = ("north", "east", "south")
BATCH = 50

ASKED = "BENCHMARK_ASKED"
"""The variable that names the file of :func:`note_asked`."""

WORDS = (
    "method", "result", "sample", "measure", "model", "estimate", "observed", "significant",
    "between", "across", "within", "population", "variance", "treatment", "response", "signal",
    "structure", "surface", "reaction", "sequence", "protein", "network", "learning",
    "gradient", "boundary", "temperature", "pressure", "density", "spectrum", "orbit", "galaxy",
    "market", "policy", "language", "grammar", "corpus", "archive", "manuscript", "century",
    "settlement", "river", "climate", "forest",
)  # fmt: skip


def _text(length: int) -> str:
    chance = random.Random(20261124)
    return " ".join(chance.choices(WORDS, k=length // 6))[:length]


_TEXT = _text(60_000)


def title_of(number: int) -> str:
    """Return the title of a paper."""
    start = number * 37 % 50_000
    return f"{_TEXT[start : start + 60].strip()} {number}"


def paper_of(number: int) -> dict[str, object]:
    """Return a paper as a user gives it."""
    return {
        "paper_id": f"p{number}",
        "title": title_of(number),
        "authors": [f"Ada Author{number % 997}", f"Ben Writer{number % 991}"],
        "year": 1990 + number % 35,
        "doi": f"10.5555/bench.{number}",
    }


def record_of(source: str, number: int) -> dict[str, Any]:
    """Return what a source knows of a paper, in the fields of jobrunner's records."""
    start = number * 61 % 55_000
    return {
        "id": f"{source}:{number}",
        "title": title_of(number),
        "authors": [
            {
                "name": f"Ada Author{(number + place) % 997}",
                "id": f"https://{source}.example.org/A{number * 7 + place}",
                "affiliations": [
                    {
                        "name": f"University of {WORDS[(number + place) % len(WORDS)]}",
                        "country": "IS",
                    }
                ],
            }
            for place in range(5)
        ],
        "year": 1990 + number % 35,
        "date": f"{1990 + number % 35}-03-14",
        "venue": f"Journal of {WORDS[number % len(WORDS)]}",
        "type": "article",
        "identifiers": {"doi": f"10.5555/bench.{number}", "pmid": str(10_000_000 + number)},
        "abstract": _TEXT[start : start + 1500],
        "citations": number % 1000,
        "citations_by_year": {str(year): (number + year) % 90 for year in range(2017, 2027)},
        "references": number % 60,
        "links": [
            {"url": f"https://{source}.example.org/{number}/{place}", "kind": "landing"}
            for place in range(4)
        ],
        "topics": [WORDS[(number + place * 5) % len(WORDS)] for place in range(6)],
    }


def records_of(source: str, numbers: Sequence[int]) -> list[dict[str, Any]]:
    """Return what a source answers when it is asked for a batch."""
    note_asked(source, numbers[0])
    return [record_of(source, number) for number in numbers]


def note_asked(source: str, first: int) -> None:
    """Note which batch is asked for, and when, if a benchmark wants to know."""
    if path := os.environ.get(ASKED):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(f"{time.monotonic()} {source} {first}\n")


def write_input(path: Path, count: int) -> None:
    """Write a list as JSON Lines."""
    encode = msgspec.json.Encoder().encode
    with path.open("wb") as file:
        for paper in map(paper_of, range(count)):
            file.write(encode(paper) + b"\n")
