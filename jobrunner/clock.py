"""Times as text in a single format: UTC, ISO 8601, milliseconds, 'Z'."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> str:
    """Return the current time as sortable text, such as ``2026-11-24T01:30:00.123Z``."""
    return to_text(datetime.now(UTC))


def to_text(moment: datetime) -> str:
    """Convert an aware datetime to text in UTC."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_text(text: str) -> datetime:
    """Convert text from :func:`to_text` back to an aware datetime. Raises ValueError."""
    return datetime.fromisoformat(text)


def seconds_between(earlier: str, later: str) -> float:
    """Return the seconds between two times given as text."""
    return (from_text(later) - from_text(earlier)).total_seconds()
