"""Titles as search engines take them."""

from __future__ import annotations

import re
import unicodedata

from jobrunner.matching.latex import without_latex
from jobrunner.sources.json_fields import as_plain

LONGEST = 400
"""Characters of a searched title; services refuse very long ones (OpenAlex above 1500)."""

_LOOKED_AT = 10 * LONGEST
"""Characters of a title as given, which markup makes longer."""

_SYMBOL = re.compile(
    r"\\(?!(?:ss|ae|oe|aa|AE|OE|AA|dj|DJ|th)\b)[a-zA-Z]{2,}\*?(?![a-zA-Z]|\s*\{)", re.ASCII
)
_OPERATORS = re.compile(r"\b(?:AND|OR|NOT)\b")


def search_words(title: str) -> str:
    """Return the words of a title without markup and any punctuation, '' where no word is left.

    To the services punctuation separates filters (`,` `|` `:`), negates (`!` `-`), quotes or stands
    for anything (`*` `?`), and AND, OR, NOT are operators. Symbols of LaTeX are left out, since
    each service spells them in its own way and a word too many finds nothing.
    """
    unmarked = as_plain(title[:_LOOKED_AT]) or ""
    bare = unicodedata.normalize("NFKC", without_latex(_SYMBOL.sub(" ", unmarked)))
    kept = "".join(c if _is_of_word(c) else " " for c in bare)
    words = _OPERATORS.sub(lambda word: word[0].lower(), kept).split()
    while len(words) > 1 and len(" ".join(words)) > LONGEST:
        words.pop()
    return " ".join(words)[:LONGEST]


def _is_of_word(character: str) -> bool:
    """Tell letters and digits, and marks that stand on them."""
    return character.isalnum() or unicodedata.category(character).startswith("M")
