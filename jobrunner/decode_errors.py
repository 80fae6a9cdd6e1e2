"""Describe in our own words why a text is not valid JSON or TOML.

The messages of the decoders are written for programmers and change between versions. The position
of the error is therefore determined here, from stable attributes or by trial.
"""

from __future__ import annotations

import json
import tomllib
from types import UnionType
from typing import Any, Union, get_args, get_origin

import msgspec
from msgspec import Raw, Struct


def json_fault(text: str | bytes, kind: object = object) -> str:
    """Describe why msgspec refused to decode a JSON text as ``kind``. No value is shown."""
    try:
        whole = text.decode() if isinstance(text, bytes) else text
        json.loads(whole)
    except UnicodeDecodeError as error:
        return f"byte {error.start} is not UTF-8 text"
    except json.JSONDecodeError as error:
        return f"it is not JSON (column {error.pos + 1})"
    except RecursionError:
        return "it is nested too deeply"
    except ValueError:
        return "it contains a number with too many digits"
    return _misfit(whole, kind) or "it has the wrong type"


def _misfit(text: str | Raw, kind: object, within: str = "") -> str | None:
    """Name the first missing or mistyped field of a Struct, None if there is none."""
    struct = _struct_of(kind)
    parts = _parts(text)
    if struct is None or parts is None:
        return None
    for field in msgspec.structs.fields(struct):
        name = within + field.encode_name
        if field.encode_name not in parts:
            if field.required:
                return f"`{name}` is missing"
        elif not _fits(parts[field.encode_name], field.type):
            deeper = _misfit(parts[field.encode_name], field.type, f"{name}.")
            return deeper or f"`{name}` has the wrong type"
    return None


def _struct_of(kind: object) -> type[Struct] | None:
    kinds = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
    structs = (kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Struct))
    return next(structs, None)


def _parts(text: str | Raw) -> dict[str, Raw] | None:
    try:
        return msgspec.json.decode(text, type=dict[str, Raw])
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def _fits(text: Raw, kind: Any) -> bool:  # noqa: ANN401 - the declared type of a field
    try:
        msgspec.json.decode(text, type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return False
    return True


def misfit(table: dict[str, Any], kind: type[Struct]) -> str:
    """Describe why msgspec refused to convert a table to a Struct."""
    for field in msgspec.structs.fields(kind):
        if field.encode_name in table:
            try:
                msgspec.convert(table[field.encode_name], field.type)
            except msgspec.ValidationError:
                return f"`{field.encode_name}` has the wrong type"
        elif field.required:
            return f"`{field.encode_name}` is missing"
    return "it has the wrong type"


def toml_table(text: str) -> dict[str, Any]:
    """Parse a TOML text.

    Raises ValueError. Its message names the line but shows nothing of the text: it may hold a key.
    """
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"line {_wrong_line(text)} is not valid TOML") from error


def _wrong_line(text: str) -> int:
    """Return the line on which the first invalid statement begins.

    It follows the longest run of whole lines from the beginning that is valid TOML.
    """
    lines = text.splitlines(keepends=True)
    for count in range(len(lines) - 1, 0, -1):
        try:
            tomllib.loads("".join(lines[:count]))
        except (ValueError, RecursionError):
            continue
        return count + 1
    return 1
