"""Named moments of the loop at which a test can end the process, as a power cut would.

``JOBRUNNER_FAULT=commit.before:3`` sends SIGKILL to this process when it passes the moment
``commit.before`` for the third time. Without the variable a moment costs one dictionary look-up.
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
"""Every moment that :func:`point` is called with, in the order of a session's life."""

_remaining: dict[str, int] = {}


def arm(spec: str) -> None:
    """Ask for the end of this process at a moment; '' for none."""
    _remaining.clear()
    if spec:
        name, _, count = spec.partition(":")
        _remaining[name] = int(count or "1")


arm(os.environ.get("JOBRUNNER_FAULT", ""))


def point(name: str) -> None:
    """Pass a named moment: end the process here if a test asked for it."""
    if name in _remaining:
        _remaining[name] -= 1
        if _remaining[name] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
