"""Broken jobrunners, to show that the harness sees what it is there for."""

from __future__ import annotations

from collections.abc import Callable

VARIABLE = "TORTURE_MUTATION"

ALL: dict[str, Callable[[], None]] = {}


def apply(name: str) -> None:
    """Break this process in the named way; '' leaves it as it is."""
    if name:
        ALL[name]()
