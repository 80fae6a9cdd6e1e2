"""What a version said, without what differs between any two runs, and how two answers differ."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

Json = Any
Difference = str

IGNORED = """\
Not compared, since it differs between any two runs: times, durations, rates, ids of sessions and
processes, host and version, the directories at work. Nor is the wording of messages (only how
many there are), nor what is printed without --json (only exit codes, and that no traceback is).
Not compared after a kill, since it depends on how many answers were committed by then: which papers
stand in which batch, numbers and requests of batches, numbers, sizes and checksums of snapshots.
Right after a kill only the names in `status --json` are compared. All these but times and ids are
compared in the column `one source`, a run that nothing stops."""

OF_THE_RUN = frozenset({"pid", "host", "version", "made_by", "seconds", "eta_seconds", "rate"})
OF_THE_KILL = frozenset(
    {"batches", "requests", "retries", "cost_micros", "revision", "bytes", "sha256", "number"}
    | {"path", "batch", "run_id", "snapshots"}
)

MAY_BE_THERE = frozenset({"snapshot", "fields"})
"""What is there or not at a kill: by the source that ends just then, by the papers found."""

WORDED = frozenset({"message", "reason", "problems"})
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
SESSION = re.compile(r"\d{8}-\d{6}-[0-9a-f]{4}")
COUNTS = ("enriched", "not_found", "ambiguous", "failed")
HEAD = ("format", "version", "input", "options", "sources", "dropped")
MOST_SHOWN = 5
MOST_LETTERS = 300


def settled(value: Json, directory: Path, left_out: frozenset[str] = OF_THE_RUN) -> Json:
    """Return an answer without what differs between any two runs, and without some names."""
    if isinstance(value, dict):
        return {
            _text(name, directory): _field(name, held, directory, left_out)
            for name, held in value.items()
            if name not in left_out
        }
    if isinstance(value, list):
        return [settled(one, directory, left_out) for one in value]
    return _text(value, directory) if isinstance(value, str) else value


def _field(name: str, value: Json, directory: Path, left_out: frozenset[str]) -> Json:
    if name in WORDED:
        return _wordless(value, directory)
    if name == "events":
        return sorted({event["kind"] for event in value})
    if name == "runs" and isinstance(value, list):
        return [run["ending"] for run in value]
    return settled(value, directory, left_out)


def _wordless(value: Json, directory: Path) -> Json:
    """Return which messages there are, without their words."""
    if isinstance(value, dict):
        return {_text(name, directory): _wordless(held, directory) for name, held in value.items()}
    if isinstance(value, list):
        return [_wordless(one, directory) for one in value]
    return "a message" if isinstance(value, str) else value


def _text(text: str, directory: Path) -> str:
    return SESSION.sub("SESSION", TIME.sub("TIME", text.replace(str(directory), "DIR")))


def shape(value: Json) -> Json:
    """Return the names and kinds of an answer whose values depend on the moment of a kill."""
    if isinstance(value, dict):
        kept = {name: held for name, held in value.items() if name not in MAY_BE_THERE}
        return {SESSION.sub("SESSION", name): shape(held) for name, held in kept.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return "a value"


def differences(old: Json, new: Json, where: str = "") -> Iterator[Difference]:
    """Yield where two answers differ, and what stands there."""
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _in_fields(old, new, where)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for place, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from differences(one, other, f"{where}[{place}]")
    elif old != new or type(old) is not type(new):
        yield f"{where or 'it'}: {_short(old)} became {_short(new)}"


def _in_fields(old: Mapping[str, Json], new: Mapping[str, Json], where: str) -> Iterator[str]:
    for name in {**old, **new}:
        place = f"{where}.{name}" if where else name
        if name not in new:
            yield f"{place}: {_short(old[name])} is gone"
        elif name not in old:
            yield f"{place}: {_short(new[name])} was added"
        else:
            yield from differences(old[name], new[name], place)


def _short(value: Json) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MOST_LETTERS else f"{text[:MOST_LETTERS]} ..."


def documents(old: Path, new: Path) -> Iterator[Difference]:
    """Yield where two snapshots differ; they are read line by line, for they may be large."""
    for one, other in zip_longest(_entries(old), _entries(new)):
        if one is None or other is None:
            yield f"{_short(one)} became {_short(other)}"
        else:
            yield from differences(one[1], other[1], one[0])


def _entries(path: Path) -> Iterator[tuple[str, Json]]:
    """Yield the head, each paper, and last the sums of each source's batches."""
    if not path.is_file():
        yield "snapshot", "there is no file"
        return
    counts: dict[str, Counter[str]] = {}
    with path.open(encoding="utf-8") as file:
        yield "head", _head(json.loads(file.readline().rstrip().removesuffix(",") + "}"))
        for line in file:
            if not line.startswith("{"):
                continue
            entry = json.loads(line.rstrip().removesuffix(","))
            if "position" in entry:
                yield f"paper {entry['position']}", _paper(entry)
            else:
                found = {name: entry[name] for name in COUNTS}
                counts.setdefault(entry["source"], Counter()).update(found)
    yield "batches", {source: dict(found) for source, found in sorted(counts.items())}


def _head(head: dict[str, Json]) -> Json:
    kept: dict[str, Json] = {name: head.get(name) for name in HEAD}
    return {**kept, "names": sorted(head)}


def _paper(paper: dict[str, Json]) -> Json:
    known = [*paper.get("records", {}).values(), *paper.get("retired", ())]
    for record in known:
        for name in ("batch", "retrieved_at", "retired_at"):
            if name in record:
                record[name] = "any"
    return {**paper, "missed": sorted(paper.get("missed", {}))}
