"""redun: a task a batch, whose results it keeps in SQLite."""

from __future__ import annotations

import sys
from pathlib import Path

from redun import Scheduler, task
from redun.config import Config

from benchmarks.speed.output import write
from benchmarks.speed.peers.batches import Records, answers, batches, by_paper

redun_namespace = "benchmark"


@task()
def enrich(source: str, first: int, end: int) -> Records:
    """Ask a source for a batch."""
    return answers(source, first, end)


@task()
def output(papers: str, path: str, answered: list[Records]) -> str:
    """Write the output; return its checksum."""
    return write(Path(path), Path(papers), by_paper(answered))


@task()
def consolidate(papers: str, path: str) -> str:
    """Ask for all batches."""
    return output(papers, path, [enrich(*batch) for batch in batches(Path(papers))])


def main() -> None:
    """Enrich INPUT into DIRECTORY/out.json."""
    directory = Path(sys.argv[2]).resolve()
    config = Config({"backend": {"db_uri": f"sqlite:///{directory}/state.db"}})
    scheduler = Scheduler(config=config)
    scheduler.load()
    scheduler.run(consolidate(sys.argv[1], str(directory / "out.json")))


if __name__ == "__main__":
    main()
