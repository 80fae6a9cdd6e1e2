"""One way to write times: UTC, ISO 8601, milliseconds, 'Z'."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> str:
    """Return the present time as text that sorts, such as ``2026-11-24T01:30:00.123Z``."""
    return to_text(datetime.now(UTC))


def to_text(moment: datetime) -> str:
    """Return an aware datetime as text in UTC."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_text(text: str) -> datetime:
    """Return the aware datetime that :func:`to_text` wrote. Raises ValueError."""
    return datetime.fromisoformat(text)


def seconds_between(earlier: str, later: str) -> float:
    """Return the seconds from one written time to another."""
    return (from_text(later) - from_text(earlier)).total_seconds()
