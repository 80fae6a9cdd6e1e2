"""Showing how far a session is: one line a source."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from jobrunner.cli.console import Table, picture, say

if TYPE_CHECKING:
    from jobrunner.store.progress import Progress, SourceProgress

REFRESH_S = 0.5
LINE_S = 30.0
"""Seconds between lines where there is no terminal to draw on."""

COLUMNS = [
    ("source", "left"),
    ("state", "left"),
    ("done", "right"),
    ("enriched", "right"),
    ("not found", "right"),
    ("ambiguous", "right"),
    ("failed", "right"),
    ("requests", "right"),
    ("cost", "right"),
    ("rate", "right"),
    ("ETA", "right"),
]
SPARE = ("ambiguous", "failed")


def source_table(sources: tuple[SourceProgress, ...]) -> Table:
    """Return a table of a line a source; rate and ETA only while a run is at work on it."""
    return Table(COLUMNS, [_cells(source) for source in sources], SPARE)


def _cells(source: SourceProgress) -> list[str]:
    from jobrunner.models import SourceState

    at_work = source.state is SourceState.ACTIVE
    return [
        source.name,
        source.state,
        f"{source.done}/{source.papers}",
        str(source.enriched),
        str(source.not_found),
        str(source.ambiguous),
        str(source.failed),
        str(source.requests),
        money(source.cost_micros),
        f"{source.rate:.1f}/s" if at_work and source.rate else "",
        duration(source.eta_seconds) if at_work else "",
    ]


def money(micros: int) -> str:
    """Return micro-USD as a price."""
    return f"${micros / 1e6:.4f}" if micros else "$0"


def duration(seconds: float | None) -> str:
    """Return seconds as h:mm:ss."""
    if seconds is None:
        return "?"
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def line(source: SourceProgress) -> str:
    """Return one source's progress as a line for a log."""
    rate = f", {source.rate:.1f}/s" if source.rate else ""
    return (
        f"{source.name}: {source.done}/{source.papers} done, {source.enriched} enriched, "
        f"{source.not_found} not found, {source.ambiguous} ambiguous, {source.failed} failed, "
        f"{source.requests} requests, {money(source.cost_micros)}{rate}, "
        f"ETA {duration(source.eta_seconds)}"
    )


class Talk(logging.Handler):
    """Says warnings on standard error, those about one source not more often than it helps."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._said: dict[str, float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Say a warning, unless one about the same source was just said."""
        message = record.getMessage()
        about = message.partition(":")[0]
        if time.monotonic() - self._said.get(about, -LINE_S) >= LINE_S:
            self._said[about] = time.monotonic()
            say(message)


@contextmanager
def talking() -> Iterator[None]:
    """Say warnings during the block."""
    logger, talk = logging.getLogger("jobrunner"), Talk()
    logger.addHandler(talk)
    try:
        yield
    finally:
        logger.removeHandler(talk)


async def show(read: Callable[[], Progress]) -> None:
    """Show progress on standard error until cancelled: live on a terminal, else line by line."""
    import asyncio

    if not sys.stderr.isatty():
        while True:
            await asyncio.sleep(LINE_S)
            for source in read().sources:
                say(line(source))
    with picture(err=True) as draw:
        while True:
            draw([source_table(read().sources)])
            await asyncio.sleep(REFRESH_S)
