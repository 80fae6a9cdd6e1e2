"""How OpenAlex can be asked for a paper: filter terms and free single look-ups.

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
"""Values of one OR filter; with 101 the server answers 400."""

LONGEST_FILTER = 7000
"""Characters of an encoded filter: a request line above 8190 is refused, the rest needs room."""

VALUES_TRIED = 3
"""Values of one scheme that are tried for a paper, the most trusted first."""

_PLAIN_DOI = re.compile(r"[a-z0-9._;()/:+-]+")
_FIELD_NAME = re.compile(r"[a-z_]{2,}:")


class Key(Struct, frozen=True):
    """One way to ask for a paper.

    ``terms`` are values of the filter ``field``; without terms the key is asked alone, by ``path``.
    ``handle`` is what a work found in a list must hold (see ``openalex_records.handles_of``).
    ``trusted``: a find under another title is worth a person's look.
    """

    scheme: str
    handle: tuple[str, str] = ("", "")
    field: str = ""
    terms: tuple[str, ...] = ()
    path: str = ""
    trusted: bool = True


def keys_of(paper: Paper) -> tuple[Key, ...]:
    """Return the ways to ask for a paper, in the order in which they are tried.

    The order depends on the paper alone, so that its answer does not depend on its batch.
    """
    found: dict[tuple[str, tuple[str, ...], str], Key] = {}
    for scheme, make in _TRIED:
        for value in paper.identifiers.get(scheme, ())[:VALUES_TRIED]:
            key = make(scheme, value)
            found.setdefault((key.field, key.terms, key.path), key)
    return tuple(found.values())


def _doi_key(scheme: str, value: str) -> Key:
    """Ask for a DOI in a list, or alone where it holds what the filter syntax takes for its own."""
    if _PLAIN_DOI.fullmatch(value) and not _FIELD_NAME.search(value):
        return Key(scheme, ("doi", value), "doi", (value,))
    return Key(scheme, path=f"/works/doi:{quote(value, safe='')}")


def _listed_key(scheme: str, value: str) -> Key:
    return Key(scheme, (scheme, value), scheme, (value.upper().removeprefix("PMC"),))


def _single_key(scheme: str, value: str) -> Key:
    """Ask for a work alone: merged works are absent from lists, alone they redirect, for free."""
    return Key(scheme, path=f"/works/{quote(value, safe='')}")


def _arxiv_key(scheme: str, value: str) -> Key:
    return _doi_key(scheme, f"10.48550/arxiv.{value.lower()}")


def _location_key(scheme: str, value: str) -> Key:
    """Ask for the arXiv page, which older works hold as a location without the arXiv DOI.

    One in 50 recorded works has the PDF as its page, much-read ones among them; the two values more
    cost a fraction of the searches that they spare. Some works hold the page of another paper: such
    a find counts only if the title agrees.
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
    """Return the fewest OR filters that ask for all keys with terms, within the server's limits."""
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
