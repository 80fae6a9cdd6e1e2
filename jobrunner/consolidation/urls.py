"""The URLs in a paper as given."""

from __future__ import annotations

from collections.abc import Mapping

_URL_NAMES = ("url", "urls", "link", "links", "pdf", "pdf_url", "open_access_pdf", "openAccessPdf")
_URL_NAME_SET = frozenset(_URL_NAMES)
_LIST_LIMIT = 100
_LONGEST_URL = 2000
_DEEPEST = 4
"""Inputs nest URLs in lists and objects. Deeper nesting would only be an attack."""


def urls_of(fields: Mapping[str, object]) -> list[str]:
    """Return the URLs of a paper, each once, in their order in the paper."""
    # Most papers have none, and this is asked of each of them for each snapshot.
    if _URL_NAME_SET.isdisjoint(fields):
        return []
    return list(dict.fromkeys(_urls_in_object(fields, 0)))[:_LIST_LIMIT]


def _urls_in_object(fields: Mapping[str, object], depth: int) -> list[str]:
    values = [fields[name] for name in _URL_NAMES if name in fields]
    return [url for value in values for url in _urls_in(value, depth + 1)]


def _urls_in(value: object, depth: int) -> list[str]:
    if isinstance(value, str):
        return _as_url(value)
    if depth == _DEEPEST:
        return []
    if isinstance(value, dict):
        return _urls_in_object(value, depth)
    if isinstance(value, list):
        return [url for item in value[:_LIST_LIMIT] for url in _urls_in(item, depth + 1)]
    return []


def _as_url(text: str) -> list[str]:
    """Return the text in a list if it is a URL, else an empty list."""
    if len(text) > _LONGEST_URL:
        return []
    url = text.strip()
    return [url] if url.startswith(("http://", "https://")) and url.isprintable() else []
