"""State that all workers of a run share."""

from __future__ import annotations

from msgspec import Struct

from jobrunner.engine.shutdown import Stop
from jobrunner.store.database import Database
from jobrunner.store.lease import Lease


class RunContext(Struct, frozen=True, kw_only=True):
    """State that all workers of a run share. ``batch_size`` caps the batch sizes of the sources."""

    database: Database
    lease: Lease
    stop: Stop
    email: str | None = None
    batch_size: int | None = None
