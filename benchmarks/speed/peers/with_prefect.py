"""Prefect: a task a batch in one flow; results are kept, and found by what was asked."""

# Types are checked without the package, too.
# mypy: allow-untyped-decorators, disable-error-code="import-not-found"

from __future__ import annotations

import os
import sys
from pathlib import Path

# Read on import: all state belongs to the directory, and nothing is reported to anybody.
os.environ["PREFECT_HOME"] = str(Path(sys.argv[2]).resolve() / "state")
os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] = "false"
os.environ["DO_NOT_TRACK"] = "1"
os.environ["PREFECT_LOGGING_LEVEL"] = "WARNING"

from prefect import flow, task
from prefect.cache_policies import INPUTS

from benchmarks.speed.output import write
from benchmarks.speed.peers.batches import Records, answers, batches, by_paper


@task(persist_result=True, cache_policy=INPUTS)
def enrich(source: str, first: int, end: int) -> Records:
    """Ask a source for a batch."""
    return answers(source, first, end)


@flow
def consolidate(papers: str, output: str) -> str:
    """Ask for all batches; return the checksum of the output."""
    answered = [enrich(*batch) for batch in batches(Path(papers))]
    return write(Path(output), Path(papers), by_paper(answered))


if __name__ == "__main__":
    consolidate(sys.argv[1], str(Path(sys.argv[2]) / "out.json"))
