"""Reading paper lists in JSON: forms, faithfulness, unusable papers, memory."""

from __future__ import annotations

import hashlib
import io
import json
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobrunner.inputs.formats import open_input
from tests.support.real_data import DATA
from tests.unit.inputs.list_readers import read

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
PAPERS = st.dictionaries(
    st.sampled_from(["title", "id", "authors", "year", "venue", "date", "releases", "bibtex"]),
    VALUES,
)
CHUNKS = st.integers(1, 40)


class Generated(io.RawIOBase):
    """A long input that never exists as a whole."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        self._rest = self._rest or next(self._pieces, b"")
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size


# Forms ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ('[{"title": "A"}, {"title": "B"}]', "json"),
        ('{"papers": [{"title": "A"}, {"title": "B"}]}', "json-object"),
        ('{"meta": [1], "papers": [{"title": "A"}, {"title": "B"}], "n": 2}', "json-object"),
        ('{"title": "A"}\n{"title": "B"}\n', "jsonl"),
        ('\n {"title": "A"}\r\n\r\n{"title": "B"}', "jsonl"),
    ],
)
@pytest.mark.parametrize("chunk", [1, 7, 1 << 17])
def test_the_form_is_told_by_content(text: str, form: str, chunk: int) -> None:
    with open_input("-", io.BytesIO(text.encode()), chunk=chunk) as source:
        assert source.format == form
        assert [paper.title for paper in source.papers()] == ["A", "B"]


def test_a_single_object_on_one_line_is_json_lines_of_one_paper() -> None:
    assert [paper.title for paper in read('{"title": "A"}')] == ["A"]


def test_other_top_level_keys_are_kept_from_before_and_after_the_papers() -> None:
    text = '{"a": {"b": [1.5]}, "papers": [{"title": "T"}], "c": null}'
    with open_input(None, io.BytesIO(text.encode())) as source:
        list(source.papers())
        assert source.other == {"a": {"b": [1.5]}, "c": None}


def test_numbers_too_large_for_python_stay_text_in_other_keys() -> None:
    text = '{"big": 1e999, "nan": NaN, "papers": []}'
    with open_input(None, io.BytesIO(text.encode())) as source:
        assert list(source.papers()) == []
        assert source.other == {"big": "1e999", "nan": None}


@pytest.mark.parametrize("text", ["[]", '{"papers": []}'])
def test_an_empty_list_has_no_papers(text: str) -> None:
    assert read(text) == []


def test_an_input_is_read_only_once_and_summed_up_at_the_end() -> None:
    with open_input(None, io.BytesIO(b"[1]")) as source:
        with pytest.raises(RuntimeError):
            _ = source.sha256
        list(source.papers())
        assert source.sha256 == hashlib.sha256(b"[1]").hexdigest()
        with pytest.raises(RuntimeError):
            source.papers()


# Faithfulness --------------------------------------------------------------------------------


@settings(max_examples=100, deadline=None)
@given(st.lists(VALUES | PAPERS), CHUNKS, st.sampled_from([None, 0, 1, "\t"]), st.booleans())
def test_any_list_round_trips_at_any_chunk_size_and_indentation(
    values: list[Any], chunk: int, indent: int | str | None, escaped: bool
) -> None:
    for whole in (values, {"x": values[:1], "papers": values, "y": 1}):
        text = json.dumps(whole, indent=indent, ensure_ascii=escaped)
        if not escaped:
            text = text.encode("utf-8", "replace").decode()
            values = json.loads(json.dumps(values).encode("utf-8", "replace"))
        papers = read(text, chunk)
        assert [json.loads(paper.given) for paper in papers] == values
        assert [paper.position for paper in papers] == list(range(len(values)))
        assert not any("\n" in paper.given for paper in papers)


@settings(max_examples=100, deadline=None)
@given(st.lists(VALUES | PAPERS), CHUNKS)
def test_any_json_lines_round_trip_at_any_chunk_size(values: list[Any], chunk: int) -> None:
    values = [{"title": "first"}, {"title": "second"}, *values]
    text = "\n".join(json.dumps(value) for value in values)
    assert [json.loads(paper.given) for paper in read(text, chunk)] == values


@settings(max_examples=100, deadline=None)
@given(PAPERS)
def test_whatever_the_fields_hold_the_columns_can_be_stored(paper: dict[str, Any]) -> None:
    (found,) = read(json.dumps([paper]))
    for text in (found.key, found.title, found.venue, *found.authors):
        assert "\0" not in text.encode().decode()
    assert found.year is None or 1000 <= found.year <= 2999


@pytest.mark.parametrize("position", [0, 1, 2])
def test_a_line_that_is_not_json_is_one_unusable_paper(position: int) -> None:
    lines = ['{"title": "A"}', '{"title": "B"}']
    lines.insert(position, '{"title": "cut')
    odd = read("\n".join(lines) + "\n")[position]
    assert odd.given == json.dumps('{"title": "cut')
    assert f"line {position + 1} is not JSON" in (odd.unusable or "")


def test_the_text_of_a_bad_line_is_bounded() -> None:
    (_, odd) = read('{"title": "A"}\n{' + "x" * 10_000)
    assert len(json.loads(odd.given)) == 2000


# Size ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["json", "jsonl"])
def test_a_large_input_is_read_in_constant_memory(form: str) -> None:
    element = json.dumps({"title": "A", "abstract": "x" * 20_000}).encode()
    start, between, end = (b"[", b",", b"]") if form == "json" else (b"", b"\n", b"")

    def pieces() -> Iterator[bytes]:
        yield start + element
        for _ in range(2_500):
            yield between + element
        yield end

    tracemalloc.start()
    try:
        with open_input(None, io.BufferedReader(Generated(pieces()))) as source:
            count = sum(1 for _ in source.papers())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 2_501
    assert peak < 4_000_000


def test_a_paper_with_very_many_authors_is_read() -> None:
    authors = [{"given": "A", "family": f"B{number}"} for number in range(100_000)]
    (paper,) = read(json.dumps([{"title": "T", "authors": authors}]))
    assert len(paper.authors) == 100_000


PAPER_LISTS = ("compute-forecast", "from_records", "paperlists")
"""Folders of the shared inputs whose JSON files are lists of papers."""


@pytest.mark.skipif(not DATA.is_dir(), reason="no real data beside the repository")
def test_real_paper_lists_are_read_whole_and_to_the_letter() -> None:
    # The other folders hold other formats, and a list of files that is no list of papers.
    files = [path for name in PAPER_LISTS for path in sorted(DATA.glob(f"inputs/{name}/*.json"))]
    assert files
    for path in files:
        with open_input(path) as source:
            papers = list(source.papers())
        whole = json.loads(path.read_text("utf-8"))
        expected = whole["papers"] if isinstance(whole, dict) else whole
        assert [json.loads(paper.given) for paper in papers] == expected
        assert sum(paper.unusable is not None for paper in papers) <= 1
