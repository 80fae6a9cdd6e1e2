"""The paper lists: those that the older version takes, and how much work each is."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

SUFFIXES = (".json", ".jsonl")
NO_LISTS = ("MANIFEST.json",)


class Listed(NamedTuple):
    """A file that may be a paper list."""

    name: str
    path: Path


def find_lists(inputs: Path, sample: Path, wanted: Sequence[str]) -> list[Listed]:
    """Return the embedded sample and the lists under a directory, the small ones first.

    ``wanted`` are patterns of names; all if there are none.
    """
    files = [path for path in inputs.rglob("*") if path.suffix in SUFFIXES]
    files = sorted((path for path in files if path.name not in NO_LISTS), key=_size)
    found = [Listed("sample", sample)]
    found += [Listed(str(path.relative_to(inputs).with_suffix("")), path) for path in files]
    return [one for one in found if not wanted or any(_fits(one.name, each) for each in wanted)]


def shorten(listed: Listed, most: int, work: Path) -> Listed:
    """Return a list with its first papers only, if it has more."""
    if listed.path.suffix != ".json":
        return listed
    value = json.loads(listed.path.read_bytes())
    papers: Any = value.get("papers") if isinstance(value, dict) else value
    if not isinstance(papers, list) or len(papers) <= most:
        return listed
    first = papers[:most]
    path = work / "lists" / f"{listed.name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    shorter = {**value, "papers": first} if isinstance(value, dict) else first
    path.write_text(json.dumps(shorter), encoding="utf-8")
    return Listed(listed.name, path)


def _size(path: Path) -> tuple[int, str]:
    return path.stat().st_size, str(path)


def _fits(name: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(name, f"*{pattern}*")
