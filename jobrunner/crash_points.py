"""Named points in the code at which a test can kill the process.

``JOBRUNNER_FAULT=commit.before:3`` sends SIGKILL to this process when it reaches the point
``commit.before`` for the third time. Without the variable, a point costs one dictionary lookup.
"""

from __future__ import annotations

import os
import signal

POINTS = (
    "migrate.inside",
    "session.created",
    "load.inside",
    "load.sealing",
    "lease.taken",
    "crash.noting",
    "run.starting",
    "run.started",
    "batch.answered",
    "commit.inside",
    "commit.before",
    "commit.after",
    "snapshot.begin",
    "snapshot.half",
    "snapshot.written",
    "snapshot.renamed",
    "snapshot.recording",
    "snapshot.recorded",
    "publish.copied",
    "publish.renamed",
    "run.ending",
    "run.ended",
    "sources.chosen",
    "input.added",
    "retry.inside",
    "retry.between",
    "retry.retired",
    "delete.rows",
    "delete.files",
    "restore.inside",
    "restore.sealing",
)
"""All names that :func:`point` is called with, in the order of a session's life."""

_remaining: dict[str, int] = {}


def arm(spec: str) -> None:
    """Kill this process at a point, given as ``NAME`` or ``NAME:COUNT``; '' disarms all."""
    _remaining.clear()
    if spec:
        name, _, count = spec.partition(":")
        _remaining[name] = int(count or "1")


arm(os.environ.get("JOBRUNNER_FAULT", ""))


def point(name: str) -> None:
    """Mark a point in the code. Kill the process here if a test has armed it."""
    if name in _remaining:
        _remaining[name] -= 1
        if _remaining[name] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
