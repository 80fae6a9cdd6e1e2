"""Inputs that are no paper lists: refused with the place and a hint, never with a traceback."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobrunner.errors import InputError
from tests.unit.inputs.list_readers import read, refusal


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "standard input: the input is empty"),
        (b" \n\t", "is empty"),
        (b"5", ":1:1: not a list of papers"),
        (b"\n@article{a,}", ":2:1: not a list of papers that can be read: @article{a,}"),
        (b"\x89PNG\r\n", "byte 0 is not UTF-8 text"),
        (b"PK\3\4\0\0", "binary data"),
        (b'[{"title": "caf\xe9"}]', "byte 15 is not UTF-8"),
        (b"[{}]\xc3", "cut off in the middle of a character"),
        (b"\x1f\x8b\x08\x00", "compressed data is cut off"),
        (b"\x1f\x8bnonsense", "compressed data is damaged"),
        (b'{"a": 1, "results": []}', "the object has no `papers`, only: a, results"),
        (b'{\n"title": "A"\n}', "has no `papers`, only: title"),
        (b'{"papers": {"a": 1}}', ":1:12: `papers` is an object, not a list"),
        (b'{"papers": [], "papers": []}', "a second list of `papers`"),
        (b'{\n"title": "A"}\n{\n"title": "B"}', "another object after the first"),
        (b'[{"title": "A"}\n{"title": "B"}]', ":2:1: expected , or ] after paper 1"),
        (b'[\n  {"title": "A" 5}\n]', ":2:17: not JSON from here on: '5}"),
        (b'[\n{"title": "A",}]', ":2:"),
        (b'[{"title": "A" "B}]' + b" " * 40, ":1:16: not JSON from here on: '\"B}]"),
        (b'[{"title": "A"}] [', ":1:18: unexpected text after the papers"),
        (b'[{"title": "A"}, nope]', ":1:18: expected a value"),
        (b"[" * 50_000 + b"}", ":1:50001: not JSON"),
        (b"\xef\xbb\xbf[\xff]", "byte 4 is not UTF-8"),
        (b'{"x": [\xff\n{"title": "A"}\n{"title": "B"}', "byte 7 is not UTF-8"),
        (b'{"x": ' + b"[" * 3000 + b"]" * 3000 + b', "papers": []}', "`x` is nested deeper"),
    ],
)
@pytest.mark.parametrize("chunk", [1, 1 << 17])
def test_what_is_no_paper_list_is_refused_with_the_place(
    data: bytes, message: str, chunk: int
) -> None:
    assert message in str(refusal(data, chunk))


@settings(max_examples=300, deadline=None)
@given(
    st.binary(max_size=60) | st.text(alphabet='{}[]",:\\ntue1.eN-\n', max_size=40),
    st.integers(1, 40),
)
def test_any_garbage_is_read_or_refused_with_an_input_error(data: bytes | str, chunk: int) -> None:
    try:
        papers = read(data, chunk)
    except InputError:
        return
    for paper in papers:
        json.loads(paper.given)
