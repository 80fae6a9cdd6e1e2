"""JSON as an enemy would write it, put anywhere into JSON as a friend does."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

JSON = Any
Path = tuple[str | int, ...]

ESCAPES = (
    "\x1b]0;owned\x07",
    "\x1b[2J\x1b[31mred",
    "\x9b31m",
    "line\r\nbreak",
    "\u202egnihtyna",
    "back\b\b\b",
    "\x00nul\x00",
    "\u2028",
)
"""Texts that steer a terminal, or a line of it."""

TEXTS = (
    *ESCAPES,
    "",
    " ",
    "=cmd|' /C calc'!A0",
    "../../../etc/passwd",
    "[bold red]markup[/]",
    "{0} {x!r} %s %(a)s",
    "'; DROP TABLE paper; --",
    "𝒳" * 50,
    "a\u0301" * 50,
    "10.1000/x",
    "https://doi.org/10.1000/" + "9" * 300,
    "W1",
    "0000-0000-0000-0000",
    "2024-13-45",
    "<i>" * 200,
    "&amp;" * 200,
    "x" * 100_000,
)

TOKENS = (
    "null", "true", "false", "0", "-1", "-0.0", "1.5", "1e999", "-1e999", "9223372036854775808",
    "1" * 25, "1" * 5000, "NaN", "Infinity", "-Infinity", '"\\ud800"', '"\\udc00\\ud800"',
    '"\\u0000"', '"\\u001b[31m"', "[]", "{}", "[[]]", "[null]", "[{}]", '{"": ""}',
    '{"a": 1, "a": "2"}', "[" * 150 + "]" * 150, "[" * 3000 + "]" * 3000,
    '{"a":' * 600 + "1" + "}" * 600, "[" + ",".join(["7"] * 3000) + "]",
)  # fmt: skip
"""JSON, and what passes for it, as it is spelt."""


def quoted(text: str) -> str:
    return json.dumps(text)


words = st.sampled_from(TEXTS) | st.text(max_size=12)
spelt: st.SearchStrategy[str] = st.recursive(
    st.sampled_from(TOKENS)
    | words.map(quoted)
    | words.map(lambda text: json.dumps(text, ensure_ascii=False))
    | st.integers().map(str)
    | st.floats().map(json.dumps),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{','.join(items)}]")
        | st.lists(st.tuples(words.map(quoted), inner), max_size=3).map(
            lambda pairs: "{" + ",".join(f"{key}:{value}" for key, value in pairs) + "}"
        )
    ),
    max_leaves=5,
)
"""Any JSON value as text, also what is not quite JSON."""


def paths(value: JSON, at: Path = ()) -> Iterator[Path]:
    """Yield the place of every value within a value, itself included."""
    yield at
    inner: Any = ()
    if isinstance(value, dict):
        inner = value.items()
    elif isinstance(value, list):
        inner = enumerate(value[:3])
    for name, held in inner:
        yield from paths(held, (*at, name))


@st.composite
def spoilt(draw: st.DrawFn, value: JSON) -> bytes:
    """Spell a value with one to three places of it replaced, left out, or said twice."""
    value = json.loads(json.dumps(value))
    spellings: dict[str, str] = {}
    for number in range(draw(st.integers(1, 3))):
        mark = f"@{number}@"
        place = draw(st.sampled_from([*paths(value)]))
        spellings[quoted(mark)] = draw(spelt)
        value = _changed(draw, value, place, mark, spellings)
    text = json.dumps(value, ensure_ascii=draw(st.booleans()))
    for mark, spelling in spellings.items():
        text = text.replace(mark, spelling)
    return text.encode("utf-8", "surrogatepass")


def _changed(
    draw: st.DrawFn, value: JSON, place: Path, mark: str, spellings: dict[str, str]
) -> JSON:
    if not place:
        if not isinstance(value, dict):
            return mark
        return _with_another(draw, value, mark, spellings)
    holder = value
    for step in place[:-1]:
        holder = holder[step]
    last, held = place[-1], holder[place[-1]]
    kind = draw(st.sampled_from(("replace", "replace", "remove", "add")))
    if kind == "remove":
        del holder[last]
    elif kind == "add" and isinstance(held, dict):
        holder[last] = _with_another(draw, held, mark, spellings)
    else:
        holder[last] = mark
    return value


def _with_another(
    draw: st.DrawFn, value: dict[str, JSON], mark: str, spellings: dict[str, str]
) -> dict[str, JSON]:
    """Add a key, perhaps one that is there already."""
    key = quoted(f"{mark}key")
    spellings[key] = quoted(draw(st.sampled_from([*value]) | words if value else words))
    return {**value, f"{mark}key": mark}


Tried = Callable[[Callable[[st.DataObject], None]], None]


def tried(few: int, many: int) -> pytest.MarkDecorator:
    """Give a test ``examples``: a few of them, and many more in the torture suite."""
    return pytest.mark.parametrize(
        "examples", [few, pytest.param(many, marks=pytest.mark.torture)], ids=["few", "many"]
    )


def each(examples: int, check: Callable[[st.DataObject], None]) -> None:
    """Try a check with so many examples, the same ones each time."""
    limits = settings(
        max_examples=examples,
        derandomize=True,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate,),
    )
    limits(given(st.data())(check))()
