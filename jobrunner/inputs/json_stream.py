"""Reads JSON values one by one from a text that arrives in chunks.

The standard library does the parsing. It cannot say whether a value is broken or only incomplete;
this module decides that from the position at which parsing stopped.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NamedTuple

from jobrunner.errors import InputError, Truncated
from jobrunner.inputs.text_window import Window

MAX_DEPTH = 200
"""Deeper elements are refused: other programs must be able to read them, nested in an output."""
TOO_DEEP = f"is nested deeper than {MAX_DEPTH} levels"

_SCALAR = re.compile(r"[^][{},:\s]*")
_STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_WHOLE_STRING = re.compile(_STRING, re.DOTALL)
_BRACKET = re.compile(rf'{_STRING}|[][{{}}"]', re.DOTALL)
_TOKEN = re.compile(rf'{_STRING}|[^" \t\n\r]++', re.DOTALL)
_CLOSED_BY = {"[": "]", "{": "}"}
_LOOKAHEAD = 16  # longer than any literal, escape or end of a number that can be cut


class Value(NamedTuple):
    """A JSON value with its text; ``problem`` says why the text must not be passed on as JSON."""

    text: str
    value: Any
    problem: str | None = None


class Decoder:
    """Decodes JSON like the standard library; reports what cannot be written and read again."""

    def __init__(self) -> None:
        self._problems: list[str] = []
        self._json = json.JSONDecoder(
            parse_int=self._int, parse_float=_float, parse_constant=self._constant
        )

    def at(self, text: str, start: int) -> tuple[Any, int, str | None]:
        """Decode the value at ``start``: the value, its end, and what is wrong with it.

        NaN and the infinities become None; numbers too large for Python stay text.
        Raises ``JSONDecodeError``, and sometimes ``RecursionError`` if nested too deeply.
        """
        self._problems.clear()
        value, end = self._json.raw_decode(text, start)
        problem = self._problems[0] if self._problems else None
        # Counting brackets is much cheaper than measuring the depth, and nearly always enough.
        if text.count("[", start, end) + text.count("{", start, end) > MAX_DEPTH:
            _, depth = _outline(text, start)
            problem = TOO_DEEP if depth > MAX_DEPTH else problem
        return (None if problem == TOO_DEEP else value), end, problem

    def whole(self, text: str) -> Value:
        """Decode a text with exactly one value; raises ``JSONDecodeError``."""
        try:
            value, end, problem = self.at(text, 0)
        except RecursionError:
            end, _ = _outline(text, 0)
            value, problem = None, TOO_DEEP
        if end != len(text):
            raise json.JSONDecodeError("Extra data", text, end)
        return Value(text, value, problem)

    def _constant(self, name: str) -> None:
        self._problems.append(f"contains {name}, which is not JSON")

    def _int(self, text: str) -> int | str:
        try:
            return int(text)
        except ValueError:  # the limit of sys.set_int_max_str_digits; later readers have it too
            self._problems.append(f"contains a number of {len(text)} digits")
            return text


def read_value(window: Window, decoder: Decoder) -> Value:
    """Read the next value. Raises ``Truncated``, or ``InputError`` if it is not JSON."""
    first = window.peek()
    if not first:
        raise Truncated
    if first not in '[{"':
        return _read_scalar(window, decoder)
    while True:
        start = window.position
        try:
            value, end, problem = decoder.at(window.text, start)
        except RecursionError:
            return _read_too_deep(window)
        except json.JSONDecodeError as error:
            _grow_or_refuse(window, error)
            continue
        window.position = end
        return Value(window.text[start:end], value, problem)


def _grow_or_refuse(window: Window, error: json.JSONDecodeError) -> None:
    """Read more text if the value may be incomplete; raise if it is broken or cut off."""
    start = window.position
    if not window.ended and not _is_settled(error, start):
        window.grow()  # retry even at the end: growing has moved the positions
        return
    if window.ended and _is_cut(error, start):
        raise Truncated from error
    raise _not_json(window, error.pos) from error


def one_line(text: str) -> str:
    """Remove the white space between the tokens of a JSON text with line breaks."""
    if "\n" not in text and "\r" not in text:
        return text
    return "".join(_TOKEN.findall(text))


def _read_scalar(window: Window, decoder: Decoder) -> Value:
    """Read a number or literal: only the text after it shows that it is complete."""
    is_at_end = False
    while _scalar_end(window) == len(window.text) and not is_at_end:
        is_at_end = not window.grow()
    start, end = window.position, _scalar_end(window)  # after growing, which moves the positions
    try:
        value = decoder.whole(window.text[start:end])
    except json.JSONDecodeError as error:
        if end == len(window.text):
            raise Truncated from error
        raise window.error(f"expected a value, not {window.excerpt()}") from error
    window.position = end
    return value


def _scalar_end(window: Window) -> int:
    match = _SCALAR.match(window.text, window.position)
    return match.end() if match else window.position


def _read_too_deep(window: Window) -> Value:
    """Skip a value that is nested too deeply to decode, by its brackets alone."""
    while True:
        start = window.position
        try:
            end, _ = _outline(window.text, start)
        except json.JSONDecodeError as error:
            if error.pos < len(window.text):
                raise _not_json(window, error.pos) from error
            if not window.grow():
                raise Truncated from error
            continue
        window.position = end
        return Value(window.text[start:end], None, TOO_DEEP)


def _outline(text: str, start: int) -> tuple[int, int]:
    """Follow the brackets of the value at ``start``; return its end and its greatest depth."""
    open_brackets: list[str] = []
    deepest = 0
    for found in _BRACKET.finditer(text, start):
        mark = found[0][0]  # a bracket, or the quote that opens a string
        if mark in _CLOSED_BY:
            open_brackets.append(_CLOSED_BY[mark])
            deepest = max(deepest, len(open_brackets))
        elif found[0] == '"':
            break  # the string continues after the text
        elif mark != '"' and mark != open_brackets.pop():
            raise json.JSONDecodeError("brackets do not match", text, found.start())
        if not open_brackets:
            return found.end(), deepest
    raise json.JSONDecodeError("brackets are not closed", text, len(text))


def _is_settled(error: json.JSONDecodeError, start: int) -> bool:
    """Return whether the text is wrong, no matter what follows it."""
    return not _opens_string(error, start) and len(error.doc) - error.pos > _LOOKAHEAD


def _is_cut(error: json.JSONDecodeError, start: int) -> bool:
    """Return, at the end of the text, whether it is valid but incomplete."""
    rest = error.doc[error.pos :].rstrip()
    return _opens_string(error, start) or not re.search(r'[][{},:"]', rest)


def _opens_string(error: json.JSONDecodeError, start: int) -> bool:
    """Return whether parsing from ``start`` stopped at an unfinished string."""
    text, before = error.doc, error.pos
    if not text.startswith('"', before) or _WHOLE_STRING.match(text, before):
        return False
    while before > start and text[before - 1] in " \t\n\r":
        before -= 1
    return before == start or text[before - 1] in "[{,:"


def _not_json(window: Window, place: int) -> InputError:
    found = ascii(window.text[place : place + 20])
    return window.error(f"not JSON from here on: {found}", at=place)


def _float(text: str) -> float | str:
    number = float(text)
    return number if math.isfinite(number) else text
