"""The progress of each source, as a table for people or a line for logs."""

from __future__ import annotations

from jobrunner.cli.tables import Table
from jobrunner.models import SourceState
from jobrunner.store.progress import SourceProgress

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
    """Return a table with one row per source; rate and ETA appear only during a run."""
    return Table(COLUMNS, [_cells(source) for source in sources], SPARE)


def _cells(source: SourceProgress) -> list[str]:
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


def source_line(source: SourceProgress) -> str:
    """Return the progress of one source as a log line."""
    rate = f", {source.rate:.1f}/s" if source.rate else ""
    return (
        f"{source.name}: {source.done}/{source.papers} done, {source.enriched} enriched, "
        f"{source.not_found} not found, {source.ambiguous} ambiguous, {source.failed} failed, "
        f"{source.requests} requests, {money(source.cost_micros)}{rate}, "
        f"ETA {duration(source.eta_seconds)}"
    )


def money(micros: int) -> str:
    """Format micro-USD as a price."""
    return f"${micros / 1e6:.4f}" if micros else "$0"


def duration(seconds: float | None) -> str:
    """Format seconds as h:mm:ss."""
    if seconds is None:
        return "?"
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
