"""Single values out of a JSON text: to the letter, unusable ones, and where the text is cut."""

from __future__ import annotations

import json

import pytest

from tests.unit.inputs.list_readers import read, refusal

DEEP = "[" * 3000 + "]" * 3000


@pytest.mark.parametrize(
    "element",
    [
        '{"title":"A","n":[1.10,1e5,-0,1E+2]}',
        '{"title":"A","title":"B"}',
        r'{"title":"\u00e9\/\ud83d\ude00\ud800\u0000"}',
        '{ "title" : "A" ,"n":123456789012345678901234567890}',
        '{"title":"line\u2028separator"}',
        '{"title":"A","n":' + "9" * 4000 + "}",
    ],
)
@pytest.mark.parametrize("frame", ["[{}]", '{{"papers":[{}]}}', "{}\n"])
def test_an_element_on_one_line_is_given_to_the_letter(element: str, frame: str) -> None:
    assert [paper.given for paper in read(frame.format(element))] == [element]


def test_only_white_space_between_tokens_is_dropped_from_pretty_printed_elements() -> None:
    text = '[\n  {\r\n\t"title" : "a  b\\n \\" c",\n  "n": [ 1.10,\n1e5 ]\n}\n]'
    assert [paper.given for paper in read(text)] == [r'{"title":"a  b\n \" c","n":[1.10,1e5]}']


@pytest.mark.parametrize(
    ("element", "reason", "given_as"),
    [
        ("5", "not an object but a number", 5),
        ('"x"', "not an object but a string", "x"),
        ("null", "not an object but null", None),
        ("{}", "no title and no identifier", {}),
        ('{"title":"  ","year":2019}', "no title and no identifier", {"title": "  ", "year": 2019}),
        ("NaN", "contains NaN, which is not JSON", "NaN"),
        ('{"title":"A","n":-Infinity}', "contains -Infinity", '{"title":"A","n":-Infinity}'),
        ('{"n":' + "9" * 5000 + "}", "contains a number of 5000 digits", '{"n":' + "9" * 1995),
        (DEEP, "is nested deeper than 200 levels", DEEP[:2000]),
        ('{"title":"]\\"","x":' + "[" * 250 + "]" * 250 + "}", "is nested deeper", None),
    ],
)
@pytest.mark.parametrize(
    "frame", ['[{{"title":"A"}},{},{{"title":"B"}}]', '{{"title":"A"}}\n{}\n{{"title":"B"}}']
)
def test_an_unusable_element_does_not_disturb_the_others(
    frame: str, element: str, reason: str, given_as: object
) -> None:
    first, odd, last = read(frame.format(element), chunk=64)
    assert (first.title, last.title) == ("A", "B")
    assert reason in (odd.unusable or "")
    assert given_as is None or json.loads(odd.given) == given_as
    assert (first.unusable, last.unusable, last.position) == (None, None, 2)


@pytest.mark.parametrize("chunk", [3, 1 << 17])
def test_a_truncated_list_is_told_from_a_broken_one_wherever_it_is_cut(chunk: int) -> None:
    text = '{"n": -1.5e+3, "papers": [{"title": "\\u00e9\\n", "x": [true, null, 12]}, {"id": 1}]}'
    for end in range(1, len(text)):
        assert "cut off" in str(refusal(text[:end], chunk)), text[:end]


def test_a_truncated_list_says_how_many_papers_are_whole() -> None:
    assert "after 2 complete papers" in str(refusal('[{"title": "A"}, {"title": "B"}, {"ti'))
