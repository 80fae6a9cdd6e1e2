"""Results as JSON for programs, or as lines for people."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable

import msgspec

from jobrunner.cli.console import print_result, write_result

_UNUSUAL = re.compile("[^\n -~]")


def print_json(value: object) -> None:
    """Print a value as JSON to stdout."""
    encoded = msgspec.json.encode(value)
    write_result(_UNUSUAL.sub(_escaped, msgspec.json.format(encoded, indent=2).decode()))


def print_json_or_lines(value: object, lines: Iterable[str], *, as_json: bool) -> None:
    """Print a value as JSON, or the lines that describe it."""
    if as_json:
        print_json(value)
        return
    for line in lines:
        print_result(line)


def _escaped(match: re.Match[str]) -> str:
    """Escape a character that the terminal cannot show. The JSON value stays the same."""
    character = match[0]
    try:
        character.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return json.dumps(character)[1:-1]
    return character if character.isprintable() else json.dumps(character)[1:-1]
