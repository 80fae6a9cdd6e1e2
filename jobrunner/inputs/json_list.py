"""Paper lists in JSON: a list, an object with `papers`, or one object per line.

An object can also be the first line of JSON Lines, so it must be read to detect the format.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

from jobrunner.errors import InputError, Truncated
from jobrunner.inputs.contract import WANTED
from jobrunner.inputs.json_stream import TOO_DEEP, Decoder, Value, read_value
from jobrunner.inputs.paper_fields import paper_of
from jobrunner.inputs.text_stream import TextReader, printable
from jobrunner.inputs.text_window import Window
from jobrunner.models import InputPaper

_LINE_HINT = "JSON Lines has one object on each line, a list has [ ] around it"
_KINDS = {"{": "an object", '"': "a string"}
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_SECOND_LINE = 1 << 20
"""Characters searched for a second line: it shows that a file with a bad first line is JSON
Lines."""


class JsonFormat:
    """JSON, detected by its first bracket."""

    def fits(self, window: Window) -> bool:
        """Return whether the text begins with a JSON list or object."""
        return window.peek() in {"[", "{"}

    def open(self, reader: TextReader, window: Window) -> JsonInput:
        """Open the text; the window is at its beginning."""
        return JsonInput(reader, window)


class JsonInput:
    """A paper list in JSON, read as a stream; see ``Input``."""

    def __init__(self, reader: TextReader, window: Window) -> None:
        self.other: dict[str, Any] = {}
        self._reader = reader
        self._window = window
        self._decoder = Decoder()
        self._count = 0
        self._started = False
        self._sha256: str | None = None
        self.format = self._detect_format()

    @property
    def sha256(self) -> str:
        """The checksum of the raw bytes; available when ``papers`` is exhausted."""
        if self._sha256 is None:
            raise RuntimeError("the checksum is available after all papers have been read")
        return self._sha256

    def papers(self) -> Iterator[InputPaper]:
        """Read the papers, once, in order."""
        if self._started:
            raise RuntimeError("an input can be read only once")
        self._started = True
        return self._papers()

    def close(self) -> None:
        """Close the file; standard input is left open."""
        self._reader.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _papers(self) -> Iterator[InputPaper]:
        values = self._lines() if self.format == "jsonl" else self._elements()
        try:
            for value in values:
                yield paper_of(self._count, value)
                self._count += 1
            self._finish()
        except Truncated as error:
            raise self._truncated() from error
        self._sha256 = self._reader.sha256

    def _detect_format(self) -> str:
        """Return the format; leave the window where the papers begin."""
        if self._window.peek() == "[":
            return "json"
        try:
            return self._format_of_object()
        except Truncated as error:
            raise self._truncated() from error

    def _format_of_object(self) -> str:
        """Return whether an object contains the papers or is the first line of JSON Lines."""
        window = self._window
        start = window.position
        window.hold = True  # it is read again if it turns out to be a line
        has_papers = self._has_papers(start)
        window.hold = False
        if has_papers:
            return "json-object"
        self.other.clear()
        window.position = start
        return "jsonl"

    def _has_papers(self, start: int) -> bool:
        """Read the object at ``start`` up to its papers; False if it is a line of JSON Lines."""
        try:
            has_papers = self._open_object()
            if not has_papers:
                self._require_line(start)
        except (InputError, Truncated):
            if not self._is_bad_line(start):
                raise
            return False
        return has_papers

    def _open_object(self) -> bool:
        """Read an object from its beginning up to its papers (True) or its end."""
        window = self._window
        window.take("{", "at the start")
        if window.peek() == "}":
            window.take("}", "at the end")
            return False
        return self._members()

    def _members(self) -> bool:
        """Read top-level keys into ``other``, up to the list of papers (True) or the end."""
        while not self._is_at_papers():
            if self._window.take(",}", "after the value") == "}":
                return False
        return True

    def _is_at_papers(self) -> bool:
        """Read a key, and its value too, unless that is the list of papers."""
        window = self._window
        if window.peek() not in {'"', ""}:
            raise window.error("expected a key in double quotes")
        key = read_value(window, self._decoder).value
        window.take(":", "after the key")
        if key == "papers":
            self._require_list()
            return True
        self.other[_storable(key)] = _storable(self._other_value(key))
        return False

    def _require_list(self) -> None:
        window = self._window
        first = window.peek()
        if not first:
            raise Truncated
        if first != "[":
            kind = _KINDS.get(first, "a single value")
            raise window.error(f"`papers` is {kind}, not a list", hint=WANTED)

    def _other_value(self, key: str) -> object:
        value = read_value(self._window, self._decoder)
        if value.problem == TOO_DEEP:
            raise self._window.error(f"`{_shown(key)}` {TOO_DEEP}")
        return value.value

    def _require_line(self, start: int) -> None:
        """Raise unless an object without papers can be the first line of JSON Lines."""
        window = self._window
        end = window.position
        text = window.text[start:end]
        is_on_one_line = "\n" not in text
        if not window.peek():
            if not is_on_one_line or paper_of(0, self._decoder.whole(text)).unusable:
                raise self._without_papers()
            return
        if "\n" not in window.text[end : window.position]:
            raise window.error("unexpected text after the object", hint=_LINE_HINT)
        if not is_on_one_line:
            hint = "put each object on one line (jq -c .), or make a list: [ ] and commas"
            raise window.error("another object after the first", hint=hint)

    def _without_papers(self) -> InputError:
        shown = [_shown(key) for key in self.other]
        if len(shown) > 10:
            shown[10:] = ["..."]
        listing = f"only: {', '.join(shown)}" if shown else "it is empty"
        lists = [key for key, value in self.other.items() if isinstance(value, list)]
        hint = f"extract the list: jq '.\"{_shown(lists[0])}\"'" if lists else WANTED
        return InputError(f"{self._window.name}: the object has no `papers`, {listing}", hint=hint)

    def _is_bad_line(self, start: int) -> bool:
        """Return whether a broken beginning is only a bad first line of JSON Lines."""
        window = self._window
        while len(window.text) < start + _SECOND_LINE and not window.ended:
            window.grow()
        lines = window.text[start : start + _SECOND_LINE].split("\n")[1:]
        second = next(filter(None, map(str.strip, lines)), "")
        try:
            value = self._decoder.whole(second)
        except json.JSONDecodeError:
            return False
        return paper_of(0, value).unusable is None

    def _elements(self) -> Iterator[Value]:
        """Read the elements of the list at the window's position."""
        window = self._window
        window.take("[", "at the start")
        if window.peek() == "]":
            window.position += 1
            return
        while True:
            yield read_value(window, self._decoder)
            if window.take(",]", f"after paper {self._count}") == "]":
                return

    def _lines(self) -> Iterator[Value]:
        """Read one value per line; a line that is not JSON is a value with a problem."""
        number = self._window.line_number
        while (line := self._window.line()) is not None:
            # A byte order mark inside the text remains when files are concatenated.
            if text := line.strip(" \t\r\ufeff"):
                yield self._line_value(text, number)
            number += 1

    def _line_value(self, text: str, number: int) -> Value:
        try:
            value = self._decoder.whole(text)
        except json.JSONDecodeError as error:
            why = f"line {number} is not JSON (column {error.pos + 1})"
            return Value(text, None, why)
        if value.problem:
            return value._replace(problem=f"line {number} {value.problem}")
        return value

    def _finish(self) -> None:
        """Read the rest of the file after the papers."""
        window = self._window
        if self.format == "json-object":
            self._finish_object()
        if window.peek():
            raise window.error("unexpected text after the papers", hint=_LINE_HINT)

    def _finish_object(self) -> None:
        window = self._window
        has_more = window.take(",}", "after the value") == ","
        if has_more and self._members():
            raise window.error("a second list of `papers`", hint="join the two lists into one")

    def _truncated(self) -> InputError:
        place = self._window.error("", at=len(self._window.text))
        whole = f"{self._count} complete paper{'s' * (self._count != 1)}"
        return InputError(
            f"{place}the text is cut off after {whole}",
            hint="copy or download the file again: it is incomplete",
        )


def _storable(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return a JSON value without lone surrogates, which UTF-8 cannot encode."""
    if isinstance(value, str):
        return _LONE_SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, dict):
        return {_storable(key): _storable(item) for key, item in value.items()}
    return value


def _shown(key: str) -> str:
    return printable(key[:40])
