"""What a researcher writes: answers appended to a JSON Lines file, and a set of what is done.

    python -m benchmarks.speed.jsonl INPUT DIRECTORY

Each batch is synced, and a second start skips what the file holds.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import orjson

from benchmarks.speed.output import encoded, write
from benchmarks.speed.workload import BATCH, SOURCES, records_of


def main() -> None:
    """Enrich INPUT into DIRECTORY/out.json."""
    source, directory = Path(sys.argv[1]), Path(sys.argv[2])
    papers = [orjson.loads(line) for line in source.read_bytes().splitlines()]
    answers = directory / "state.jsonl"
    done = _done(answers)
    with answers.open("ab") as file:
        for name in SOURCES:
            pending = [i for i in range(len(papers)) if (name, i) not in done]
            for start in range(0, len(pending), BATCH):
                batch = pending[start : start + BATCH]
                for i, record in zip(batch, records_of(name, batch), strict=True):
                    line = {"source": name, "paper": i, "record": record}
                    file.write(orjson.dumps(line) + b"\n")
                file.flush()
                os.fsync(file.fileno())
    found = _done(answers)
    records = (encoded(found[name, i] for name in SOURCES) for i in range(len(papers)))
    write(directory / "out.json", source, records)


def _done(path: Path) -> dict[tuple[str, int], Any]:
    """Return what the file holds; a line that a kill cut short is cut off."""
    found: dict[tuple[str, int], Any] = {}
    if path.exists():
        with path.open("r+b") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    file.truncate(file.tell() - len(line))
                    break
                answer = orjson.loads(line)
                found[answer["source"], answer["paper"]] = answer["record"]
    return found


if __name__ == "__main__":
    main()
