"""What is wrong with a text that was to be JSON or TOML, in our own words.

What a decoder says is made for those who program with it, and changes with its version. Here the
place is found again, by what every version tells as data or by trying.
"""

from __future__ import annotations

import json
import tomllib
from types import UnionType
from typing import Any, Union, get_args, get_origin

import msgspec
from msgspec import Raw, Struct


def json_fault(text: str | bytes, kind: object = object) -> str:
    """Say why a JSON text, which msgspec refused, is no value of a kind; it shows no value."""
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
        return "it holds a number of too many digits"
    return _misfit(whole, kind) or "it is JSON of another kind"


def _misfit(text: str | Raw, kind: object, within: str = "") -> str | None:
    """Name the first field that keeps a text from being a Struct, None if there is none."""
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
            return deeper or f"`{name}` is of the wrong type"
    return None


def _struct_of(kind: object) -> type[Struct] | None:
    kinds = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
    return next((one for one in kinds if isinstance(one, type) and issubclass(one, Struct)), None)


def _parts(text: str | Raw) -> dict[str, Raw] | None:
    try:
        return msgspec.json.decode(text, type=dict[str, Raw])
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def _fits(text: Raw, kind: Any) -> bool:  # noqa: ANN401 - what a field is declared as
    try:
        msgspec.json.decode(text, type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return False
    return True


def misfit(table: dict[str, Any], kind: type[Struct]) -> str:
    """Say why a table is no value of a Struct, which msgspec refused to make of it."""
    for field in msgspec.structs.fields(kind):
        if field.encode_name in table:
            try:
                msgspec.convert(table[field.encode_name], field.type)
            except msgspec.ValidationError:
                return f"`{field.encode_name}` is of the wrong type"
        elif field.required:
            return f"`{field.encode_name}` is missing"
    return "it is of another kind"


def toml_table(text: str) -> dict[str, Any]:
    """Return the table that a TOML text stands for.

    Raises ValueError, whose message names the line and shows nothing of the text.
    """
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"line {_wrong_line(text)} is not TOML") from error


def _wrong_line(text: str) -> int:
    """Return the line where the first statement begins that is none.

    All before it is TOML, and nothing that is longer: the text is read from its beginning.
    """
    lines = text.splitlines(keepends=True)
    for count in range(len(lines) - 1, 0, -1):
        try:
            tomllib.loads("".join(lines[:count]))
        except (ValueError, RecursionError):
            continue
        return count + 1
    return 1
