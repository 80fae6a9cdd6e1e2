"""The canonical form of identifiers in every scheme.

DOIs are in lower case, arXiv ids have no version, PMC ids look like ``PMC123``, OpenAlex ids like
``W123``; other schemes have the bare value. Digits alone are an identifier only if their scheme is
named; the scheme is never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from urllib.parse import unquote

LONGEST = 500
"""Characters; a longer text is not an identifier."""

ARXIV_DOI = "10.48550/arxiv."
"""The beginning of every arXiv DOI."""

_LARGEST_NUMBER = 1e16
"""Python prints larger floats with an exponent; no identifier is that large."""

_INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u2060\ufeff"))
_ESCAPE = re.compile(r"%[0-9a-f]{2}", re.IGNORECASE)

_DOI = re.compile(r"10\.[0-9]{4,9}(?:\.[0-9]+)*/\S+")
_PLAIN_DOI = re.compile(r"10\.(?!1101/|64898/|48550/)[0-9]{4,9}/[a-z0-9._/-]*[a-z0-9]")
"""DOIs that are already canonical, as most are: the full check takes ten times longer."""
_DOI_PREFIX = re.compile(
    r"[\s<(\[\"']*(?:(?:https?:)?//)?(?:[\w.-]*\bdoi[-.][\w.-]*\.?org[\w.-]*/|info:doi/|urn:)?"
    r"(?:doi\b\s*[:=]?\s*)*",
    re.IGNORECASE,
)
_PUBLISHER_DOI = re.compile(
    r"https?://[^/\s?#]+/(?:doi|article|chapter|book|content)/(?:[a-z]+/)?(10\.[^?#\s]+)",
    re.IGNORECASE,
)
_PUBLISHER_TAIL = re.compile(r"(?:v[0-9]+)?(?:\.full|\.abstract|/full|/pdf|/abstract)*(?:\.pdf)?$")
_BIORXIV_TAIL = re.compile(r"(10\.(?:1101|64898)/[0-9.]+)(?:v[0-9]+\S*)?")
_BRACKETS = {")": "(", "]": "[", "}": "{", ">": "<"}
_END_MARKS = tuple(".,;:'\"`/ \u2019\u201d")
_LONGEST_PROTOCOL = 10
"""The "://" of a URL is within this many characters."""

_ARXIV = re.compile(
    r"([0-9]{2}(?:0[1-9]|1[0-2])\.[0-9]{4,5}"
    r"|(?:acc-phys|adap-org|alg-geom|ao-sci|astro-ph|atom-ph|bayes-an|chao-dyn|chem-ph|cmp-lg"
    r"|comp-gas|cond-mat|cs|dg-ga|econ|eess|funct-an|gr-qc|hep-(?:ex|lat|ph|th)|math-ph|math"
    r"|mtrl-th|nlin|nucl-(?:ex|th)|patt-sol|physics|plasm-ph|q-alg|q-bio|q-fin|quant-ph|solv-int"
    r"|stat|supr-con)(?:\.[a-z]{2})?/[0-9]{7})(?:v[0-9]{1,3})?(?:\.pdf)?(?:\s*\[[\w.-]+\])?",
    re.IGNORECASE,
)
_ARXIV_PREFIX = re.compile(
    r"(?:https?://)?(?:[\w-]+\.)*(?:arxiv|alphaxiv)\.org/(?:abs|pdf|html|format|ps|overview)/"
    r"|(?:abs|pdf)/|(?:https?://(?:dx\.)?doi\.org/)?10\.48550/arxiv\.|arxiv\s*[:.]?\s*",
    re.IGNORECASE,
)
_LAST_OF_FOUR_DIGITS = 1412
"""The last month (December 2014) in which arXiv ids had four digits; later ones have five."""

_PMID = re.compile(
    r"(?:pmid\s*[:=]?\s*|pubmed\s*:\s*|(?:https?://)?(?:www\.)?(?:pubmed\.ncbi\.nlm\.nih\.gov"
    r"|ncbi\.nlm\.nih\.gov/pubmed)/)?0*([1-9][0-9]{0,8})/?",
    re.IGNORECASE,
)
_PMCID = re.compile(
    r"(?:pmcid\s*[:=]?\s*|(?:https?://)?(?:www\.)?(?:pmc\.ncbi\.nlm\.nih\.gov"
    r"|ncbi\.nlm\.nih\.gov/pmc|europepmc\.org)/(?:articles?/)?(?:pmc/)?)?"
    r"(?:pmc\s*)?([1-9][0-9]{0,8})(?:\.[0-9]+)?(?:/.*)?",
    re.IGNORECASE,
)
_OPENALEX = re.compile(
    r"(?:openalex\s*:\s*|(?:https?://)?(?:api\.|explore\.)?openalex\.org/(?:works/)?)?"
    r"(W[1-9][0-9]{1,11})/?",
    re.IGNORECASE,
)
_S2 = re.compile(
    r"(?:(?:https?://)?(?:www\.|api\.)?semanticscholar\.org/(?:(?:reader|paper|arxiv)/)?"
    r"(?:[^/\s]*/)?|s2\s*:\s*)?([0-9a-f]{40})(?:[/?#]\S*)?",
    re.IGNORECASE,
)
_CORPUSID = re.compile(
    r"(?:(?:https?://)?(?:www\.|api\.)?semanticscholar\.org/(?:paper/)?)?(?:corpus_?id\s*:\s*)?"
    r"([1-9][0-9]{0,14})",
    re.IGNORECASE,
)
_MAG = re.compile(r"(?:mag\s*:\s*)?([1-9][0-9]{0,14})", re.IGNORECASE)
_ACL_PREFIX = re.compile(
    r"acl\s*:\s*|(?:https?://)?(?:www\.)?(?:aclanthology\.org|aclanthology\.info/papers"
    r"|aclweb\.org/anthology)/(?:papers/)?",
    re.IGNORECASE,
)
_ACL = re.compile(
    r"(?:([a-z][0-9]{2}-[0-9]{4})|([0-9]{4}\.[a-z0-9_]+-[a-z0-9_]+\.[0-9]+))"
    r"(?:v[0-9])?(?:\.pdf|\.bib|/.*)?",
    re.IGNORECASE,
)
_DBLP = re.compile(
    r"(?:(?i:dblp)\s*:\s*|(?:https?://)?(?:www\.)?dblp(?:\.uni-trier\.de|\.org)?/(?:rec/)?(?:html/|bib/)?)?"
    r"((?:conf|journals|books|series|phd|ms|reference|tr)(?:/[\w.+:-]+?)+)(?:\.(?:html|bib))?",
    re.ASCII,
)


def normalise(scheme: str, value: object) -> str | None:
    """Return the canonical form of an identifier, None if the value is invalid in this scheme.

    Accepts what people and services write: prefixes, URLs, other case, numbers. Never raises.
    """
    rule = _RULES.get(scheme)
    if rule is None:
        return None
    text = value if isinstance(value, str) else _printed(scheme, value)
    if len(text) > LONGEST:
        return None
    text = without_invisible(text)
    return rule(text) if text.isprintable() else None


def without_invisible(text: str) -> str:
    """Return the text without the invisible characters that come with text copied from a page."""
    if text.isascii():
        return text.strip()
    return text.translate(_INVISIBLE).strip()


def _printed(scheme: str, value: object) -> str:
    """Return a number as text, '' for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return ""
    # Spreadsheets turn numbers into floats; but an arXiv id really contains a point.
    if scheme != "arxiv" and float(value).is_integer():
        value = int(value)
    return str(value) if abs(value) < _LARGEST_NUMBER else ""


def _doi(text: str) -> str | None:
    if _PLAIN_DOI.fullmatch(text):
        return text
    text = _without_address(_unescaped(text))
    text = _trimmed(text[_end_of(_DOI_PREFIX, text) :]).lower()
    biorxiv = _BIORXIV_TAIL.fullmatch(text)
    if biorxiv:
        return biorxiv[1]
    if text.startswith(ARXIV_DOI):
        return _arxiv_doi(text)
    return text if text.isprintable() and _DOI.fullmatch(text) else None


def _unescaped(text: str) -> str:
    while _ESCAPE.search(text):
        plain = unquote(text)
        if plain == text:
            break
        text = plain
    return text


def _without_address(text: str) -> str:
    """Remove what publishers add to a DOI in the address of a page."""
    page = _PUBLISHER_DOI.match(text)
    if page:
        return _PUBLISHER_TAIL.sub("", page[1])
    # A "?" can be part of a DOI, but in a URL it begins the query.
    if "://" in text[:_LONGEST_PROTOCOL]:
        return text.partition("?")[0]
    return text


def _trimmed(text: str) -> str:
    """Remove punctuation and unmatched closing brackets from the end of a DOI."""
    while text.endswith(_END_MARKS) or _ends_in_stray_bracket(text):
        text = text[:-1]
    return text


def _ends_in_stray_bracket(text: str) -> bool:
    closing = text[-1:]
    opening = _BRACKETS.get(closing)
    return opening is not None and text.count(closing) > text.count(opening)


def _arxiv_doi(text: str) -> str | None:
    arxiv = _arxiv(text)
    return f"{ARXIV_DOI}{arxiv}" if arxiv else None


def _arxiv(text: str) -> str | None:
    # Prefixes can be combined: "arXiv:https://arxiv.org/abs/2304.09006".
    while end := _end_of(_ARXIV_PREFIX, text):
        text = text[end:]
    match = _ARXIV.fullmatch(text.partition("?")[0].rstrip("/ ."))
    if match is None:
        return None
    archive, slash, number = match[1].lower().partition("/")
    if slash:
        return f"{archive.partition('.')[0]}/{number}"
    month, _, count = archive.partition(".")
    digits = 4 if int(month) <= _LAST_OF_FOUR_DIGITS else 5
    # An id of the wrong length was read as a number and lost its zeros.
    return archive if len(count) == digits else None


def _acl(text: str) -> str | None:
    match = _ACL.fullmatch(text[_end_of(_ACL_PREFIX, text) :])
    if match is None:
        return None
    # Old-style ids are in upper case, new-style ids in lower case.
    old, new = match.groups()
    return old.upper() if old else new.lower()


def _end_of(pattern: re.Pattern[str], text: str) -> int:
    match = pattern.match(text)
    return match.end() if match else 0


def _by(pattern: re.Pattern[str], spell: Callable[[str], str], text: str) -> str | None:
    match = pattern.fullmatch(text)
    return spell(match[1]) if match else None


_RULES: dict[str, Callable[[str], str | None]] = {
    "doi": _doi,
    "arxiv": _arxiv,
    "pmid": partial(_by, _PMID, str),
    "pmcid": partial(_by, _PMCID, "PMC{}".format),
    "openalex": partial(_by, _OPENALEX, str.upper),
    "s2": partial(_by, _S2, str.lower),
    "corpusid": partial(_by, _CORPUSID, str),
    "mag": partial(_by, _MAG, str),
    "acl": _acl,
    "dblp": partial(_by, _DBLP, str),
}
