"""What is wrong with a text is told in our words, whatever the decoder says of it."""

from __future__ import annotations

import msgspec
import pytest
from msgspec import Raw, Struct

from jobrunner.decode_errors import json_fault, toml_table

KEY = "sesame-1234"


class Inner(Struct):
    """Stands within another."""

    name: str
    count: int = 0


class Outer(Struct, rename={"inner": "in"}):
    """Holds all that is told apart."""

    number: int
    inner: Inner | None = None
    many: list[Inner] = []
    text: Raw = Raw()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (b'{"number": \xff}', "byte 11 is not UTF-8 text"),
        (b'{"number": 1', "it is not JSON (column 13)"),
        (b"nonsense", "it is not JSON (column 1)"),
        (b"[" * 100_000, "it is nested too deeply"),
        (b'{"number": ' + b"1" * 5000 + b"}", "it contains a number with too many digits"),
        (b"[1]", "it has the wrong type"),
        (b"{}", "`number` is missing"),
        (b'{"number": "sesame-1234"}', "`number` has the wrong type"),
        (b'{"number": 1, "in": 7}', "`in` has the wrong type"),
        (b'{"number": 1, "in": {"name": 7}}', "`in.name` has the wrong type"),
        (b'{"number": 1, "in": {"count": 7}}', "`in.name` is missing"),
        (b'{"number": 1, "many": [{"name": 7}]}', "`many` has the wrong type"),
        (b'{"number": NaN}', "it has the wrong type"),
    ],
)
def test_a_fault_is_told_with_its_place_and_without_a_value(text: bytes, fault: str) -> None:
    with pytest.raises((msgspec.MsgspecError, UnicodeDecodeError, RecursionError)):
        msgspec.json.decode(text, type=Outer)
    assert json_fault(text, Outer) == fault
    if text.isascii():
        assert json_fault(text.decode(), Outer) == fault


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (KEY, 1),
        (f"a = 1\n\n# c\n{KEY}\nb = 2\n", 4),
        (f"a = [\n1,\n2,\n]\nb = '''\n{KEY}", 5),
        (f"a = 1\r\na = '{KEY}'\r\n", 2),
        ("[t]\na = 1\n[t]\nb = 2\n", 3),
        ("a = " + "[" * 100_000, 1),
        ("a = " + "1" * 5000, 1),
        ("a = 1\nb = 2021-13-01\n", 2),
    ],
)
def test_what_is_no_toml_is_told_with_the_line_where_it_begins(text: str, line: int) -> None:
    with pytest.raises(ValueError, match=f"^line {line} is not valid TOML$"):
        toml_table(text)


def test_a_text_of_toml_is_its_table() -> None:
    assert toml_table("a = [\n1,\n]\n[b]\nc = 'd'\n") == {"a": [1], "b": {"c": "d"}}
