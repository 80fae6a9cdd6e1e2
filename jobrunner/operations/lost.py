"""What was committed after a snapshot was written, by the traces beside it: the log, the databases.

A damaged database may tell only a part, and a log's last lines may be lost in a power cut: what is
said to be missing is missing, but more may be.
"""

from __future__ import annotations

from pathlib import Path

from jobrunner.files.path_queries import named_like
from jobrunner.run_log import committed_batches, ranges
from jobrunner.store.database import Database
from jobrunner.store.salvage import Batches, batches_of, traces_of


def missing_batches(database: Database, session_id: str, snapshot: Path) -> list[str]:
    """Say in sentences, by source, what a session restored from a snapshot is known to lack."""
    known: Batches = {}
    for place in (snapshot.absolute().parent, snapshot.absolute().parent.parent):
        if place.name == session_id:
            known |= committed_batches(place / "run.log")
            for path in sorted(named_like(place.parent, "*.db")):
                if path != database.path:
                    known |= traces_of(path, session_id)
    held = batches_of(database, session_id)
    missing = {batch: papers for batch, papers in known.items() if batch not in held}
    return [
        _sentence(source, {number: p for (name, number), p in missing.items() if name == source})
        for source in sorted({name for name, _ in missing})
    ]


def _sentence(source: str, batches: dict[int, frozenset[int]]) -> str:
    papers = frozenset().union(*batches.values())
    many = len(batches) > 1
    return (
        f"{source}: {'batches' if many else 'batch'} {ranges(batches)}, committed after the"
        f" snapshot, {'are' if many else 'is'} missing: {len(papers)} papers ({ranges(papers)})"
    )
