"""Removes markup and entities that services leave in titles, names and abstracts."""

from __future__ import annotations

import html
import re

_TAG = re.compile(
    r"</?(?:[a-z]+\d?:[\w-]+|i|b|em|emph|strong|bold|italic|roman|sub|sup|sc|scp|tt|u|a|p|br|span|"
    r"div|title|sec|list|list-item|ul|ol|li|h[1-6]|font|inf|label|inline-formula|inline-graphic|"
    r"disp-formula|alternatives|tex-math|"
    r"math|m[ionsx]|mrow|msub|msup|msubsup|mfrac|mtext|mspace|mover|munder|msqrt|mstyle|mfenced)"
    r"(?:\s+[\w:-]+\s*=[^<>]*)?\s*/?>"
    r"|<\?[^<>]*>",
    re.IGNORECASE,
)
_BLOCK = re.compile(r"</?(?:\w+:)?(?:p|br|div|title|sec|list-item|li|h[1-6])\b", re.IGNORECASE)
_FORMULA = re.compile(r"<(/?)(?:\w+:)?math\b", re.IGNORECASE)
_TEX_BEFORE_MATHML = re.compile(
    r"<((?:\w+:)?tex-math)\b[^<>]*>.{0,2000}?</\1>(?=\s*<(?:\w+:)?math\b)",
    re.IGNORECASE | re.DOTALL,
)
_ABSTRACT = re.compile(
    r"^\W*(?:(?:abstract|ABSTRACT|Abstract)"
    r"(?:\s*[:.\-–—]\s*|\s+(?=[^a-z\s]|[a-z]{1,3}[A-Z0-9])|(?<=[a-z])(?=[A-Z])))+"
)

_MOST_ESCAPES = 3
"""Members of Crossref escape entities up to three times."""


def without_markup(text: str) -> str:
    """Return a text without tags and entities; its line breaks and spaces stay."""
    for _ in range(_MOST_ESCAPES):
        if "&" in text:
            text = html.unescape(text)
    if "<" not in text:
        return text
    return _TAG.sub(_without_tag, _TEX_BEFORE_MATHML.sub("", text))


def _without_tag(tag: re.Match[str]) -> str:
    """Return the replacement for a tag: a space if removing the tag would join two words."""
    formula = _FORMULA.match(tag[0])
    if formula is None:
        return " " if _BLOCK.match(tag[0]) else ""
    start, end = tag.span()
    is_end = bool(formula[1])
    before, after = tag.string[max(0, start - 2) : start], tag.string[end : end + 1]
    # One letter or capitals before a formula are usually part of it, not a word.
    follows_word = len(before) == 2 and before.isalpha() and before.islower()
    joins = after.isalpha() if is_end else follows_word
    return " " if joins else ""


def without_label(abstract: str) -> str:
    """Return an abstract without a leading 'Abstract'."""
    return _ABSTRACT.sub("", abstract, count=1)
