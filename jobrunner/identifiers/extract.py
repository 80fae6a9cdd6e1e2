"""Extracts the identifiers of a paper from any of its fields.

:func:`normalise` gives each identifier its canonical form. Digits alone are an identifier only if
their scheme is named; the scheme is never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from operator import attrgetter, itemgetter

from jobrunner.identifiers.schemes import ARXIV_DOI, LONGEST, normalise, without_invisible
from jobrunner.models import SCHEMES

_ACL_DOI = re.compile(r"10\.18653/v1/(.+)")

_Spelling = Callable[[re.Match[str]], str]
_WHOLE: _Spelling = attrgetter("string")
_PART: _Spelling = itemgetter(1)
"""The part of a match that is the identifier: the searched text or a group."""

_WHOLE_TEXTS = tuple(
    (scheme, re.compile(pattern, re.IGNORECASE | re.ASCII), _WHOLE)
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
_PARTS_OF_TEXTS = (
    (
        "arxiv",
        re.compile(
            r"arxiv(?:\.org/(?:abs|pdf|html)/|[\s:.]+)"
            r"([0-9]{4}\.[0-9]{4,5}|[a-z-]+(?:\.[a-z]{2})?/[0-9]{7})",
            re.IGNORECASE,
        ),
        _PART,
    ),
    ("doi", re.compile(r"(?<![\w./])(10\.[0-9]{4,9}/[^\s,;\"<>]+)"), _PART),
    ("doi", re.compile(r"doi\.org/(10\.[0-9]{4,9}/[^\s,;\"<>]+)", re.IGNORECASE), _PART),
)
_SIGNS = (*_WHOLE_TEXTS, *_PARTS_OF_TEXTS)
"""Patterns that show a scheme, and which part is then the identifier. The whole text is tried
first with every scheme; its parts only if that fails."""

_WORTH_READING = re.compile(
    r"10\.[0-9]{4}|xiv|pmc|pmid|pubmed|openalex|acl|dblp|corpus|semanticscholar|^s2:|^mag:"
    r"|[0-9]{4}\.[0-9]{4}|/[0-9]{7}|^w[0-9]|^[0-9a-f]{40}$",
    re.IGNORECASE,
)


def detect(text: object) -> tuple[str, str] | None:
    """Return the (scheme, canonical value) in a string or URL, if it shows its scheme.

    An arXiv DOI is returned as an arXiv id. A longer text ("arXiv preprint arXiv:1706.03762") gives
    its first identifier. A value that is not a string gives None.
    """
    if not isinstance(text, str) or len(text) > LONGEST:
        return None
    # Most texts contain no identifier; one pattern rules them out faster than all patterns.
    if not _WORTH_READING.search(text):
        return None
    text = without_invisible(text)
    if text.isdigit() or not text.isprintable():
        return None
    for scheme, pattern, spelling_of in _SIGNS:
        match = pattern.search(text)
        if match is None:
            continue
        value = normalise(scheme, spelling_of(match))
        if value:
            return _without_arxiv_doi(scheme, value)
    return None


def _without_arxiv_doi(scheme: str, value: str) -> tuple[str, str]:
    if value.startswith(ARXIV_DOI):
        return "arxiv", value.removeprefix(ARXIV_DOI)
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
"""Field names, without case and punctuation, that name a scheme."""

_DETECTED = frozenset(
    (
        "id", "paperid", "key", "identifier", "identifiers", "eprint", "value", "note", "journal",
        "volume", "url", "urls", "uri", "link", "links", "href", "site", "ee", "pdf", "pdfurl",
        "paperurl", "landingpageurl", "openaccesspdf", "howpublished",
    )
)  # fmt: skip
"""Field names whose value can show its own scheme."""

_NESTED = frozenset(("externalids", "ids", "identifiers", "links", "link", "urls", "url"))
"""Field names whose value can be an object, or a list of objects, with identifiers."""

_READ = frozenset((*_FIELDS, *_DETECTED, *_NESTED))
_TYPED = frozenset(("link", "value", "id"))
"""Field names whose scheme can be in the ``type`` next to them."""

_DEEPEST = 3
_MOST_VALUES = 50
"""Limits for nested objects, and for values of one field or scheme. More are an accident or an
attack."""

_LONGEST_NAME = 40
_SEPARATORS = str.maketrans("", "", "_- .")

_Reading = tuple[str, object]
"""A scheme and a value; the scheme is '' if the value must show it."""


def identifiers_of(record: Mapping[str, object]) -> dict[str, tuple[str, ...]]:
    """Return a paper's identifiers by scheme, from fields under any of the usual names.

    Values of fields named after a scheme come first, in the order of the fields, then those found
    in URLs and ids. An arXiv DOI also gives the arXiv id and vice versa, an ACL DOI the ACL id.
    Never raises, for any JSON value of a field.
    """
    readings: list[_Reading] = []
    if isinstance(record, Mapping):
        _collect(record, 0, readings)
    # Fast path: most of the many objects contain none.
    if not readings:
        return {}
    # Values without a scheme ('') move to the end; the sort keeps the order within a scheme.
    readings.sort(key=itemgetter(0), reverse=True)
    # Dictionaries serve as ordered sets.
    values: dict[str, dict[str, None]] = {}
    for scheme, value in filter(None, map(_identifier, readings)):
        of_scheme = values.setdefault(scheme, {})
        if len(of_scheme) < _MOST_VALUES:
            of_scheme[value] = None
    _add_equivalents(values)
    return {scheme: tuple(values[scheme]) for scheme in SCHEMES if scheme in values}


def _identifier(reading: _Reading) -> tuple[str, str] | None:
    scheme, value = reading
    if not scheme:
        return detect(value)
    canonical = normalise(scheme, value)
    if canonical is None:
        return None
    return scheme, canonical


def _collect(fields: Mapping[str, object], depth: int, readings: list[_Reading]) -> None:
    """Add the values of all fields that can contain identifiers, in order."""
    for key, value in fields.items():
        name, scheme = _meaning_of(key)
        if not name:
            continue
        _collect_value(scheme, value, depth, readings)
        # The scheme of a link can be in the field next to it.
        if name in _TYPED and "type" in fields:
            _collect_value(_scheme_of_type(fields["type"]), value, depth, readings)


def _collect_value(scheme: str, value: object, depth: int, readings: list[_Reading]) -> None:
    items = [value]
    if isinstance(value, list):
        items = value[:_MOST_VALUES]
    for item in items:
        if not isinstance(item, dict):
            readings.append((scheme, item))
        elif depth < _DEEPEST:
            _collect(item, depth + 1, readings)


def _scheme_of_type(kind: object) -> str:
    """Return the scheme in a type such as "doi.abstract", '' if there is none."""
    if not isinstance(kind, str):
        return ""
    return _FIELDS.get(_folded(kind.partition(".")[0]), "")


@lru_cache(maxsize=1024)
def _meaning_of(key: object) -> tuple[str, str]:
    """Return the folded name and the scheme of a field, both '' if it has no identifiers."""
    if not isinstance(key, str) or len(key) >= _LONGEST_NAME:
        return "", ""
    name = _folded(key)
    if name not in _READ:
        return "", ""
    return name, _FIELDS.get(name, "")


def _folded(name: str) -> str:
    return name.translate(_SEPARATORS).lower()


def _add_equivalents(values: dict[str, dict[str, None]]) -> None:
    dois = tuple(values.get("doi", ()))
    for doi in dois:
        scheme, value = _equivalent_of(doi)
        if value:
            values.setdefault(scheme, {})[value] = None
    # Add arXiv's DOI only to papers without a DOI: a published paper has its publisher's.
    if not dois and "arxiv" in values:
        arxiv_dois = map(ARXIV_DOI.__add__, values["arxiv"])
        values["doi"] = dict.fromkeys(arxiv_dois)


def _equivalent_of(doi: str) -> tuple[str, str | None]:
    """Return the identifier inside a DOI of arXiv or the ACL; its value is None for other DOIs."""
    if doi.startswith(ARXIV_DOI):
        return "arxiv", doi.removeprefix(ARXIV_DOI)
    acl = _ACL_DOI.fullmatch(doi)
    # Nearly all DOIs are of neither, and they are read for every paper and again in every snapshot.
    if acl is None:
        return "", None
    return "acl", normalise("acl", acl[1])
