"""redun: a task a batch, which writes a file; SQLite knows which task wrote which."""

# Types are checked without the package, too.
# mypy: allow-untyped-decorators, disable-error-code="import-not-found"

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import orjson
from redun import File, Scheduler, task
from redun.config import Config

from benchmarks.speed.output import write
from benchmarks.speed.peers.batches import Records, answers, batches, by_source, joined

redun_namespace = "benchmark"


@task()
def enrich(directory: str, source: str, first: int, end: int) -> File:
    """Ask a source for a batch. Records as results would take four times as long."""
    file = File(f"{directory}/{source}-{first}.jsonl")
    with file.open("wb") as out:
        for record in answers(source, first, end):
            out.write(orjson.dumps(record) + b"\n")
    return file


@task()
def output(papers: str, path: str, answered: list[File]) -> File:
    """Read the batches of all sources side by side."""
    write(Path(path), Path(papers), joined(map(_read, by_source(answered))))
    return File(path)


def _read(files: Sequence[File]) -> Iterator[Records]:
    for file in files:
        with file.open("rb") as lines:
            yield [orjson.loads(line) for line in lines]


@task()
def consolidate(papers: str, path: str, directory: str) -> File:
    """Ask for all batches."""
    answered = [enrich(directory, *batch) for batch in batches(Path(papers))]
    return output(papers, path, answered)


def main() -> None:
    """Enrich INPUT into DIRECTORY/out.json."""
    logging.getLogger("redun").setLevel(logging.WARNING)
    directory = Path(sys.argv[2]).resolve()
    state = directory / "state"
    state.mkdir(exist_ok=True)
    scheduler = Scheduler(config=Config({"backend": {"db_uri": f"sqlite:///{state}/state.db"}}))
    scheduler.load()
    scheduler.run(consolidate(sys.argv[1], str(directory / "out.json"), str(state)))


if __name__ == "__main__":
    main()
