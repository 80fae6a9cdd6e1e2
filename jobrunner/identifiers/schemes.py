"""The canonical spelling of every kind of identifier.

Canonical are a DOI in lower case, an arXiv id without its version, ``PMC123``, ``W123``, and the
bare value of every other scheme. Digits alone are an identifier only where a scheme is named with
them; an identifier is never guessed from them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import unquote

LONGEST = 500
"""Characters; what is longer is no identifier."""

ARXIV_DOI = "10.48550/arxiv."
"""How the DOI of everything on arXiv begins."""

INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u2060\ufeff"))
_ESCAPE = re.compile(r"%[0-9a-f]{2}", re.IGNORECASE)

_DOI = re.compile(r"10\.[0-9]{4,9}(?:\.[0-9]+)*/\S+")
_PLAIN_DOI = re.compile(r"10\.(?!1101/|64898/|48550/)[0-9]{4,9}/[a-z0-9._/-]*[a-z0-9]")
"""DOIs that are canonical as they stand, as most are: to look closer takes ten times longer."""
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
    """Return the canonical form of an identifier, None if the value is not one of this scheme.

    Takes it as people and services write it: with a prefix, as a URL, in another case; numbers are
    taken as they are printed. Never raises.
    """
    rule = _RULES.get(scheme)
    if rule is None or isinstance(value, bool):
        return None
    if isinstance(value, float) and value.is_integer() and scheme != "arxiv":
        value = int(value)
    if isinstance(value, (int, float)):
        value = str(value) if abs(value) < 1e16 else ""
    if not isinstance(value, str) or len(value) > LONGEST:
        return None
    text = (value if value.isascii() else value.translate(INVISIBLE)).strip()
    return rule(text) if text.isprintable() else None


def _doi(text: str) -> str | None:
    if _PLAIN_DOI.fullmatch(text):
        return text
    while _ESCAPE.search(text) and (plain := unquote(text)) != text:
        text = plain
    found = _PUBLISHER_DOI.match(text)
    if found:
        text = _PUBLISHER_TAIL.sub("", found[1])
    elif "://" in text[:10]:
        text = text.partition("?")[0]
    text = _trimmed(text[_end_of(_DOI_PREFIX, text) :]).lower()
    biorxiv = _BIORXIV_TAIL.fullmatch(text)
    if biorxiv:
        text = biorxiv[1]
    if text.startswith(ARXIV_DOI):
        arxiv = _arxiv(text)
        return f"{ARXIV_DOI}{arxiv}" if arxiv else None
    return text if text.isprintable() and _DOI.fullmatch(text) else None


def _trimmed(text: str) -> str:
    """Cut punctuation off the end of a DOI, and brackets that it does not open itself."""
    while text:
        last = text[-1]
        unbalanced = last in _BRACKETS and text.count(last) > text.count(_BRACKETS[last])
        if not (unbalanced or last in ".,;:'\"`/ " or last in "\u2019\u201d"):
            break
        text = text[:-1]
    return text


def _arxiv(text: str) -> str | None:
    while end := _end_of(_ARXIV_PREFIX, text):
        text = text[end:]
    found = _ARXIV.fullmatch(text.partition("?")[0].rstrip("/ ."))
    if found is None:
        return None
    archive, slash, number = found[1].lower().partition("/")
    if slash:
        return f"{archive.partition('.')[0]}/{number}"
    digits = 4 if int(archive[:4]) <= _LAST_OF_FOUR_DIGITS else 5
    return archive if len(archive) == 5 + digits else None


def _acl(text: str) -> str | None:
    found = _ACL.fullmatch(text[_end_of(_ACL_PREFIX, text) :])
    if found is None:
        return None
    return found[1].upper() if found[1] else found[2].lower()


def _dblp(text: str) -> str | None:
    found = _DBLP.fullmatch(text)
    return found[1] if found else None


def _end_of(pattern: re.Pattern[str], text: str) -> int:
    found = pattern.match(text)
    return found.end() if found else 0


def _by(pattern: re.Pattern[str], template: Callable[[str], str]) -> Callable[[str], str | None]:
    def rule(text: str) -> str | None:
        found = pattern.fullmatch(text)
        return template(found[1]) if found else None

    return rule


_RULES: dict[str, Callable[[str], str | None]] = {
    "doi": _doi,
    "arxiv": _arxiv,
    "pmid": _by(_PMID, str),
    "pmcid": _by(_PMCID, "PMC{}".format),
    "openalex": _by(_OPENALEX, str.upper),
    "s2": _by(_S2, str.lower),
    "corpusid": _by(_CORPUSID, str),
    "mag": _by(_MAG, str),
    "acl": _acl,
    "dblp": _dblp,
}
