"""How to query OpenAlex for a paper: filter terms and free lookups of single works.

Rules of the filter syntax: https://developers.openalex.org/api-reference/works and the server's
source, ourresearch/openalex-elastic-api.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from urllib.parse import quote

import httpx2
from msgspec import Struct

from jobrunner.models import Paper

MOST_TERMS = 100
"""Most values in one OR filter; the server answers 400 to 101."""

LONGEST_FILTER = 7000
"""Most characters of an encoded filter. The server refuses request lines above 8190; the other
parameters need the difference."""

VALUES_TRIED = 3
"""Identifiers of one scheme that are tried for a paper, the most trusted first."""

_PLAIN_DOI = re.compile(r"[a-z0-9._;()/:+-]+")
_FIELD_NAME = re.compile(r"[a-z_]{2,}:")


class Key(Struct, frozen=True):
    """One way to look up a paper.

    ``terms`` are values of the filter ``field``; a key without terms is looked up alone, by
    ``path``. ``handle`` identifies the key's works in a list (see ``records.handles_of``).
    ``trusted``: a work with a different title is kept for review, not ignored.
    """

    scheme: str
    handle: tuple[str, str] = ("", "")
    field: str = ""
    terms: tuple[str, ...] = ()
    path: str = ""
    trusted: bool = True


def keys_of(paper: Paper) -> tuple[Key, ...]:
    """Return the ways to look up a paper, in the order to try them.

    The order depends on the paper alone, so that its answer does not depend on its batch.
    """
    # A DOI and an arXiv id of one paper can lead to the same query: send it once.
    keys: dict[tuple[str, tuple[str, ...], str], Key] = {}
    for scheme, make in _TRIED:
        for value in paper.identifiers.get(scheme, ())[:VALUES_TRIED]:
            key = make(scheme, value)
            keys.setdefault((key.field, key.terms, key.path), key)
    return tuple(keys.values())


def _doi_key(scheme: str, value: str) -> Key:
    """Look up a DOI in a list, or alone if it contains characters of the filter syntax."""
    if _PLAIN_DOI.fullmatch(value) and not _FIELD_NAME.search(value):
        return Key(scheme, ("doi", value), "doi", (value,))
    return Key(scheme, path=f"/works/doi:{quote(value, safe='')}")


def _listed_key(scheme: str, value: str) -> Key:
    return Key(scheme, (scheme, value), scheme, (value.upper().removeprefix("PMC"),))


def _single_key(scheme: str, value: str) -> Key:
    """Look up a work alone, for free: merged works redirect there but are missing from lists."""
    return Key(scheme, path=f"/works/{quote(value, safe='')}")


def _arxiv_key(scheme: str, value: str) -> Key:
    return _doi_key(scheme, f"10.48550/arxiv.{value.lower()}")


def _location_key(scheme: str, value: str) -> Key:
    """Look up the arXiv page: older works have it as a location, without the arXiv DOI.

    One in 50 recorded works, some of them widely read, has the PDF as its page. The two extra
    values cost a fraction of the searches that they save. Some works contain the page of another
    paper, so a work counts only if its title agrees.
    """
    urls = tuple(
        f"{protocol}://arxiv.org/{page}/{value}"
        for page in ("abs", "pdf")
        for protocol in ("http", "https")
    )
    return Key(scheme, ("location", value), "locations.landing_page_url", urls, trusted=False)


_TRIED: tuple[tuple[str, Callable[[str, str], Key]], ...] = (
    ("doi", _doi_key),
    ("openalex", _listed_key),
    ("pmid", _listed_key),
    ("pmcid", _listed_key),
    ("mag", _listed_key),
    ("arxiv", _arxiv_key),
    ("openalex", _single_key),
    ("arxiv", _location_key),
)


def filters_of(keys: Iterable[Key]) -> Iterator[str]:
    """Return as few OR filters as the server's limits allow, for all keys with terms."""
    fields: dict[str, dict[str, None]] = {}
    for key in keys:
        fields.setdefault(key.field, {}).update(dict.fromkeys(key.terms))
    for field, terms in fields.items():
        chunk: list[str] = []
        for term in sorted(terms):
            longer = f"{field}:{'|'.join([*chunk, term])}"
            if chunk and (len(chunk) == MOST_TERMS or _encoded_length(longer) > LONGEST_FILTER):
                yield f"{field}:{'|'.join(chunk)}"
                chunk = []
            chunk.append(term)
        yield f"{field}:{'|'.join(chunk)}"


def _encoded_length(value: str) -> int:
    return len(str(httpx2.QueryParams({"filter": value})))
