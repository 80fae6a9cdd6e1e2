"""DBOS: a step a batch in one workflow, whose results it keeps in SQLite."""

# Types are checked without the package, too.
# mypy: allow-untyped-decorators, disable-error-code="import-not-found"

from __future__ import annotations

import sys
from pathlib import Path

from dbos import DBOS, SetWorkflowID

from benchmarks.speed.output import write
from benchmarks.speed.peers.batches import Records, answers, batches, by_paper


@DBOS.step()
def enrich(source: str, first: int, end: int) -> Records:
    """Ask a source for a batch."""
    return answers(source, first, end)


@DBOS.workflow()
def consolidate(papers: str, output: str) -> str:
    """Ask for all batches; return the checksum of the output."""
    answered = [enrich(*batch) for batch in batches(Path(papers))]
    return write(Path(output), Path(papers), by_paper(answered))


def main() -> None:
    """Enrich INPUT into DIRECTORY/out.json."""
    directory = Path(sys.argv[2]).resolve()
    DBOS(
        config={
            "name": "consolidate",
            "system_database_url": f"sqlite:///{directory}/state.sqlite",
            "log_level": "WARNING",
        }
    )
    DBOS.launch()
    with SetWorkflowID("consolidate"):
        handle = DBOS.start_workflow(consolidate, sys.argv[1], str(directory / "out.json"))
    handle.get_result()
    DBOS.destroy()


if __name__ == "__main__":
    main()
