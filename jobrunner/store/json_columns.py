"""Encode and decode JSON columns and whole rows."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from jobrunner.decode_errors import json_fault
from jobrunner.errors import GET_BACK, DamageFound

T = TypeVar("T")


def to_json(value: object) -> str:
    """Return the JSON text of a value for a column."""
    return msgspec.json.encode(value).decode()


def from_json(text_: str, kind: type[T], what: str) -> T:
    """Decode a JSON column. ``what`` names the value in the DamageFound of an unreadable one."""
    try:
        return msgspec.json.decode(text_, type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise DamageFound(
            f"{what} cannot be read: {json_fault(text_, kind)}",
            hint=GET_BACK,
        ) from error


def row_of(values: dict[str, Any], kind: type[T], what: str) -> T:
    """Return a row as a value of its type. Raises DamageFound if a column cannot be right.

    The database may be damaged or somebody else's: an id becomes the name of a directory, and a
    number the length of a loop.
    """
    return from_json(to_json(values), kind, what)
