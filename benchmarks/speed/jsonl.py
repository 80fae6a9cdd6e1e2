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

from benchmarks.speed.workload import BATCH, SOURCES, record_of


def main() -> None:
    """Enrich INPUT into DIRECTORY/out.json."""
    papers = [orjson.loads(line) for line in Path(sys.argv[1]).read_bytes().splitlines()]
    directory = Path(sys.argv[2])
    answers = directory / "state.jsonl"
    done = _done(answers)
    with answers.open("ab") as file:
        for source in SOURCES:
            pending = [i for i in range(len(papers)) if (source, i) not in done]
            for start in range(0, len(pending), BATCH):
                for i in pending[start : start + BATCH]:
                    line = {"source": source, "paper": i, "record": record_of(source, i)}
                    file.write(orjson.dumps(line) + b"\n")
                file.flush()
                os.fsync(file.fileno())
    found = _done(answers)
    with (directory / "out.json").open("wb") as out:
        for i, paper in enumerate(papers):
            records = [found[source, i] for source in SOURCES]
            out.write(orjson.dumps({"given": paper, "records": records}) + b"\n")


def _done(path: Path) -> dict[tuple[str, int], Any]:
    if not path.exists():
        return {}
    lines = map(orjson.loads, path.read_bytes().splitlines())
    return {(line["source"], line["paper"]): line["record"] for line in lines}


if __name__ == "__main__":
    main()
