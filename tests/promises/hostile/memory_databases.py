"""Where tests put databases that need not outlive them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from jobrunner.store.database import Database, open_database

MEMORY = Path("/dev/shm")  # noqa: S108 - a directory of its own is made in it


def in_memory() -> Iterator[tuple[Database, Database]]:
    """Yield a database to commit into and one to restore into, on no disk where that is there."""
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as place:
        paths = [Path(place) / name / "state.db" for name in ("first", "again")]
        for path in paths:
            path.parent.mkdir()
        first, again = (open_database(path, create=True) for path in paths)
        with closing(first), closing(again):
            yield first, again
