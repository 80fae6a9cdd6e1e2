"""Identifiers of papers, wherever and under whatever name they are found.

:func:`normalise` gives each its one canonical spelling. Digits alone are an identifier only where
a scheme is named with them; an identifier is never guessed from them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

from jobrunner.identifiers.schemes import ARXIV_DOI, INVISIBLE, LONGEST, normalise
from jobrunner.models import SCHEMES

_ACL_DOI = re.compile(r"10\.18653/v1/(.+)")

_TELLING = tuple(
    (scheme, re.compile(pattern, re.IGNORECASE | re.ASCII))
    for scheme, pattern in (
        ("arxiv", r"xiv|^abs/|^[0-9]{4}\.[0-9]{4,5}(?:v[0-9]+)?$|^[a-z-]+(?:\.[a-z]{2})?/[0-9]{7}"),
        ("pmcid", r"^pmc|/pmc|europepmc"),
        ("pmid", r"^pmid|pubmed"),
        ("openalex", r"^W[0-9]+$|openalex"),
        ("acl", r"^acl:|aclanthology|aclweb"),
        ("dblp", r"^dblp:|dblp"),
        ("corpusid", r"corpus_?id"),
        ("s2", r"^[0-9a-f]{40}$|semanticscholar\.org/|^s2:"),
        ("doi", r"10\.[0-9]{4}|doi"),
        ("mag", r"^mag:"),
    )
)

_IN_TEXT = (
    (
        "arxiv",
        re.compile(
            r"arxiv(?:\.org/(?:abs|pdf|html)/|[\s:.]+)"
            r"([0-9]{4}\.[0-9]{4,5}|[a-z-]+(?:\.[a-z]{2})?/[0-9]{7})",
            re.IGNORECASE,
        ),
    ),
    ("doi", re.compile(r"(?<![\w./])(10\.[0-9]{4,9}/[^\s,;\"<>]+)")),
    ("doi", re.compile(r"doi\.org/(10\.[0-9]{4,9}/[^\s,;\"<>]+)", re.IGNORECASE)),
)
_WORTH_READING = re.compile(
    r"10\.[0-9]{4}|xiv|pmc|pmid|pubmed|openalex|acl|dblp|corpus|semanticscholar|^s2:|^mag:"
    r"|[0-9]{4}\.[0-9]{4}|/[0-9]{7}|^w[0-9]|^[0-9a-f]{40}$",
    re.IGNORECASE,
)


def detect(text: str) -> tuple[str, str] | None:
    """Return the (scheme, canonical value) that a string or URL stands for, if it names its scheme.

    A DOI of arXiv is told as its arXiv id. Of a longer text ("arXiv preprint arXiv:1706.03762") it
    is the first identifier.
    """
    if not isinstance(text, str) or len(text) > LONGEST or not _WORTH_READING.search(text):
        return None
    text = (text if text.isascii() else text.translate(INVISIBLE)).strip()
    if text.isdigit() or not text.isprintable():
        return None
    for scheme, telling in _TELLING:
        if telling.search(text) and (value := normalise(scheme, text)):
            return _told(scheme, value)
    for scheme, pattern in _IN_TEXT:
        if (found := pattern.search(text)) and (value := normalise(scheme, found[1])):
            return _told(scheme, value)
    return None


def _told(scheme: str, value: str) -> tuple[str, str]:
    if value.startswith(ARXIV_DOI):
        return "arxiv", value[len(ARXIV_DOI) :]
    return scheme, value


_FIELDS = {
    "doi": "doi",
    "arxiv": "arxiv",
    "arxivid": "arxiv",
    "pmid": "pmid",
    "pubmed": "pmid",
    "pubmedid": "pmid",
    "pmcid": "pmcid",
    "pmc": "pmcid",
    "pubmedcentral": "pmcid",
    "openalex": "openalex",
    "openalexid": "openalex",
    "s2": "s2",
    "s2id": "s2",
    "s2paperid": "s2",
    "semanticscholar": "s2",
    "semanticscholarid": "s2",
    "corpusid": "corpusid",
    "s2corpusid": "corpusid",
    "mag": "mag",
    "magid": "mag",
    "acl": "acl",
    "aclid": "acl",
    "dblp": "dblp",
    "dblpkey": "dblp",
}
"""Names of fields, without case and punctuation, whose scheme is certain."""

_DETECTED = frozenset(
    (
        "id", "paperid", "key", "identifier", "identifiers", "eprint", "value", "note", "journal",
        "volume", "url", "urls", "uri", "link", "links", "href", "site", "ee", "pdf", "pdfurl",
        "paperurl", "landingpageurl", "openaccesspdf", "howpublished",
    )
)  # fmt: skip
"""Names of fields whose value may name its scheme itself."""

_NESTED = frozenset(("externalids", "ids", "identifiers", "links", "link", "urls", "url"))
_DEEPEST = 3
_MOST_VALUES = 50
_SEPARATORS = str.maketrans("", "", "_- .")


def identifiers_of(record: Mapping[str, object]) -> dict[str, tuple[str, ...]]:
    """Return what a paper's fields, as people name them, say about its identifiers.

    Values of fields named after a scheme come first, in the order of the fields, then those found
    in URLs and ids. An arXiv DOI also gives the arXiv id and the other way round, an ACL DOI the
    ACL id. Never raises, whatever JSON value a field has.
    """
    named: dict[tuple[str, str], None] = {}
    detected: dict[tuple[str, str], None] = {}
    if isinstance(record, Mapping):
        for scheme, value in _named_and_detected(record, 0):
            if scheme and (canonical := normalise(scheme, value)):
                named[scheme, canonical] = None
            elif not scheme and isinstance(value, str) and (found := detect(value)):
                detected[found] = None
    found_all: dict[str, dict[str, None]] = {}
    for scheme, value in (*named, *detected):
        values = found_all.setdefault(scheme, {})
        if len(values) < _MOST_VALUES:
            values[value] = None
    _add_equivalents(found_all)
    return {scheme: tuple(found_all[scheme]) for scheme in SCHEMES if scheme in found_all}


def _named_and_detected(fields: Mapping[str, object], depth: int) -> Iterator[tuple[str, object]]:
    """Yield (scheme, value) of fields named after a scheme, ('', value) where it is to be seen."""
    kind = fields.get("type")
    for key, value in fields.items():
        name, scheme = _meaning_of(key) if isinstance(key, str) else ("", "")
        if not name:
            continue
        for item in value[:_MOST_VALUES] if isinstance(value, list) else (value,):
            if isinstance(item, dict):
                if depth < _DEEPEST:
                    yield from _named_and_detected(item, depth + 1)
            elif item is not None:
                yield scheme, item
                if name in ("link", "value", "id") and isinstance(kind, str):
                    yield (
                        _FIELDS.get(kind.partition(".")[0].translate(_SEPARATORS).lower(), ""),
                        item,
                    )


@lru_cache(maxsize=1024)
def _meaning_of(key: str) -> tuple[str, str]:
    """Return the name of a field that may hold identifiers and their scheme, both '' if not."""
    name = key.translate(_SEPARATORS).lower() if len(key) < 40 else ""
    scheme = _FIELDS.get(name, "")
    return (name, scheme) if scheme or name in _DETECTED or name in _NESTED else ("", "")


def _add_equivalents(found: dict[str, dict[str, None]]) -> None:
    for doi in tuple(found.get("doi", ())):
        if doi.startswith(ARXIV_DOI):
            found.setdefault("arxiv", {})[doi[len(ARXIV_DOI) :]] = None
        elif (acl := _ACL_DOI.fullmatch(doi)) and (value := normalise("acl", acl[1])):
            found.setdefault("acl", {})[value] = None
    if "arxiv" in found and "doi" not in found:
        found["doi"] = {f"{ARXIV_DOI}{value}": None for value in found["arxiv"]}
