"""Prepares titles for the services' search engines."""

from __future__ import annotations

import re
import unicodedata

from jobrunner.matching.latex import without_latex
from jobrunner.sources.json_fields import as_plain

LONGEST = 400
"""Most characters of a searched title; OpenAlex refuses titles above 1500."""

_LOOKED_AT = 10 * LONGEST
"""Most characters read of a given title, which can be longer because of its markup."""

_SYMBOL = re.compile(
    r"\\(?!(?:ss|ae|oe|aa|AE|OE|AA|dj|DJ|th)\b)[a-zA-Z]{2,}\*?(?![a-zA-Z]|\s*\{)", re.ASCII
)
_OPERATORS = re.compile(r"\b(?:AND|OR|NOT)\b")


def search_words(title: str) -> str:
    """Return the words of a title without markup and punctuation, '' if no word is left.

    In the services' query syntax, punctuation separates filters (`,` `|` `:`), negates (`!` `-`),
    quotes or matches anything (`*` `?`), and AND, OR, NOT are operators. LaTeX symbols are removed:
    each service spells them differently, and one extra word prevents a match.
    """
    unmarked = as_plain(title[:_LOOKED_AT]) or ""
    bare = unicodedata.normalize("NFKC", without_latex(_SYMBOL.sub(" ", unmarked)))
    kept = "".join(c if _is_of_word(c) else " " for c in bare)
    words = _OPERATORS.sub(lambda word: word[0].lower(), kept).split()
    while len(words) > 1 and len(" ".join(words)) > LONGEST:
        words.pop()
    return " ".join(words)[:LONGEST]


def _is_of_word(character: str) -> bool:
    """Return whether a character is a letter, a digit or a combining mark."""
    return character.isalnum() or unicodedata.category(character).startswith("M")
