"""The types of a struct's fields in the words of JSON, as the documents name them."""

from __future__ import annotations

import builtins
import types
import typing
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

from msgspec import NODEFAULT, Raw, Struct, structs

PLAIN = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    object: "any JSON",
    Raw: "JSON",
}
"""What JSON calls a type of Python; ``Raw`` is JSON text that is written as it is stored."""

ELSEWHERE = {"Policy": "settings.md#policy"}
"""Where structs are explained that have no table of their own on the page."""


def json_type(annotation: Any) -> str:
    """Return what the documents call a type."""
    arguments = typing.get_args(annotation)
    if annotation in PLAIN:
        return PLAIN[annotation]
    match typing.get_origin(annotation):
        case typing.Union | types.UnionType:
            return " or ".join(json_type(one) for one in arguments if one is not type(None))
        case builtins.tuple | builtins.list | builtins.frozenset:
            return f"list of {json_type(arguments[0])}"
        case builtins.dict:
            return f"object of {json_type(arguments[1])}"
        case typing.Literal:
            return f"always `{str(arguments[0]).lower()}`"
    return _named(annotation)


def _named(annotation: Any) -> str:
    """Return what the documents call a type that has a name of its own."""
    kind = typing.get_origin(annotation) or annotation
    if isinstance(kind, typing.TypeVar):
        return "the field's type"
    if issubclass(kind, StrEnum):
        return "string"
    place = ELSEWHERE.get(kind.__name__, f"#{kind.__name__.lower()}")
    named = f"[`{kind.__name__}`]({place})"
    arguments = typing.get_args(annotation)
    return f"{named} of {json_type(arguments[0])}" if arguments else named


def fields_of(kind: type[Struct]) -> Iterator[tuple[str, str, str]]:
    """Yield each field of a struct with its type and whether it is always written."""
    hints = typing.get_type_hints(kind)
    for field in structs.fields(kind):
        required = field.default is NODEFAULT and field.default_factory is NODEFAULT
        always = required or not kind.__struct_config__.omit_defaults
        nullable = " or null" if always and type(None) in typing.get_args(hints[field.name]) else ""
        yield field.name, json_type(hints[field.name]) + nullable, "yes" if always else ""
