"""Phrases that were replaced by plainer English do not come back."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIST = Path(__file__).with_name("replaced_phrases.txt")

TEXTS = sorted(
    path
    for pattern in (
        *("jobrunner/**/*.py", "migrations/**/*", "docs/**/*.md"),
        *("README.md", "CONTRIBUTING.md", "CHANGELOG.md"),
    )
    for path in ROOT.glob(pattern)
    if path.suffix in {".py", ".md", ".mako", ""} and path.is_file()
)

_BREAK_IN_A_STRING = re.compile(r"""(["'])\s*\n\s*[fr]?["']""")
_BREAK_IN_A_COMMENT = re.compile(r"\n\s*#\s?")


def words(text: str) -> str:
    """Return a text on one line in lower case, its strings and comments joined across lines."""
    joined = _BREAK_IN_A_COMMENT.sub(" ", _BREAK_IN_A_STRING.sub("", text))
    return " ".join(joined.casefold().split())


def contains(text: str, phrase: str) -> bool:
    """Return whether a text, as :func:`words` returns it, contains a phrase as whole words."""
    plain = words(phrase)
    # The search for a substring is fast, and rules out almost every text.
    return plain in text and bool(re.search(rf"(?<!\w){re.escape(plain)}(?!\w)", text))


PHRASES = [
    line.strip()
    for line in LIST.read_text(encoding="utf-8").splitlines()
    if line.strip() and not line.startswith("#")
]
WORDS = {path.relative_to(ROOT).as_posix(): words(path.read_text("utf-8")) for path in TEXTS}


@pytest.mark.parametrize("phrase", PHRASES)
def test_a_replaced_phrase_does_not_come_back(phrase: str) -> None:
    assert [path for path, text in WORDS.items() if contains(text, phrase)] == []


def test_the_texts_and_the_phrases_are_read() -> None:
    assert {"README.md", "CHANGELOG.md", "docs/explanation/durability.md"} <= WORDS.keys()
    assert any(path.startswith("migrations/") for path in WORDS)
    assert "a source that there is not" in PHRASES


@pytest.mark.parametrize(
    "text",
    [
        "Each run Goes On later.",
        "a run that goes\n    on later",
        'f"session {name} goes"\n    " on"',
        'f"session goes "\n    f"on {name}"',
        "    # a run goes\n    # on later",
    ],
)
def test_no_line_break_hides_a_phrase(text: str) -> None:
    assert contains(words(text), "goes on")


@pytest.mark.parametrize("text", ["undergoes on", "goes once", "goes, on"])
def test_only_whole_phrases_count(text: str) -> None:
    assert not contains(words(text), "goes on")
