"""Spellings of identifiers, valid or nearly so."""

from __future__ import annotations

from hypothesis import strategies as st

SHA = "649def34f8be52c8b66281af98ae884c09aef38b"
LIKE_IDENTIFIERS = st.from_regex(
    r"(https?://(dx\.)?doi\.org/|doi:|arxiv:|arxiv\.org/(abs|pdf)/|PMC|W|%)?"
    r"(10\.\d{4}/[!-~%]{1,12}|\d{4}\.\d{4,5}(v\d)?|cs/\d{7}|\d{1,9})[).,%\]]{0,2}",
    fullmatch=True,
)
