"""Makes titles comparable.

Two forms of one title (LaTeX, HTML, MathML, another Unicode form, another case) normalise to the
same words. Two titles that differ in a digit, a letter of any script, or "++" do not.
"""

from __future__ import annotations

import html
import re
import unicodedata
from functools import lru_cache

from jobrunner.matching.latex import without_latex

LONGEST = 1000
"""Most characters of a title that are compared."""

_TAG = re.compile(
    r"</?(?:[a-z]+\d?:)?(?:[a-z][a-z0-9-]{0,15})(?:\s[^<>]{0,200})?\s*/?>|<!--.{0,200}?-->",
    re.IGNORECASE,
)
_GAP_TAG = re.compile(r"</?(?:\w+:)?(?:p|br|div|title|sec|li|h[1-6])\b", re.IGNORECASE)
_ANNOTATION = re.compile(r"<(?:\w+:)?annotation\b.{0,500}?</(?:\w+:)?annotation>", re.IGNORECASE)
_TAIL = re.compile(
    r"\s*(?:\[[^\[\]]{1,80}\]"
    r"|[(\[]\s*(?:an?\s+)?(?:(?:extended|short|full|long|preliminary|abridged|invited|student"
    r"|technical|experience|industrial|research|panel|tutorial|poster|demo)\s+)?"
    r"(?:abstract|version|paper|poster|demo|demonstration|talk|report|preprint|draft|session"
    r"|summary|description|supplementary materials?|with appendix|system demonstration"
    r"|abstract only|panel|tutorial|keynote|invited)\s*[)\]]"
    r"|[:\-–—.,]\s*(?:an?\s+)?extended (?:abstract|version)"
    r"|[:\-–—.,]\s*(?:supplementary materials?|supplement))\s*[.*†‡]*\s*$",
    re.IGNORECASE,
)
_RETRACTED = re.compile(
    r"^\W*(?:retracted(?: article)?|withdrawn(?: article)?)\s*(?:\]|:|\))\s*", re.IGNORECASE
)
_WORD = re.compile(r"[^\W_]+(?:\+\+|#)?")
_FOLDED = str.maketrans(
    {
        "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ð": "d", "þ": "th",
        "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ı": "i", "ħ": "h", "ŧ": "t", "ŋ": "n",
        "ℓ": "l", "’": "'", "ʼ": "'", "‘": "'",
    }
)  # fmt: skip
_APOSTROPHE = re.compile(r"(?<=\w)['`´](?=\w)")
_SUBTITLE = re.compile(r"\s*[:?!]\s+|\s+[-–—]+\s+|\s*—\s*|\.\s+(?=[A-Z])")
_MOST_TAILS = 2
"""Most tails removed from one title: "Deep Nets (extended abstract) [Poster]"."""


def normalise_title(text: str) -> str:
    """Return the words of a title in lower case, separated by single spaces; '' if there are none.

    Removes markup, punctuation, accents of Latin letters, and a final ``[...]`` or "(extended
    abstract)". Keeps digits, letters of every script, "++" and "#". Normalising twice changes
    nothing.
    """
    return _normalised(text[:LONGEST])


@lru_cache(maxsize=4096)
def _normalised(text: str) -> str:
    bare = _RETRACTED.sub("", _plain(text))
    for _ in range(_MOST_TAILS):
        shorter = _TAIL.sub("", bare)
        # Keep a title that is only a tail, such as "[Reply]".
        if not _WORD.search(shorter):
            break
        bare = shorter
    return _words(bare)


def _plain(text: str) -> str:
    """Return a title without markup and entities; entities can be escaped twice."""
    if "&" in text:
        text = html.unescape(html.unescape(text))
    if "<" in text:
        text = _ANNOTATION.sub("", text)
        text = _TAG.sub(lambda tag: " " if _GAP_TAG.match(tag[0]) else "", text)
    return without_latex(text)


def _words(text: str) -> str:
    text = unicodedata.normalize("NFKC", text.translate(_FOLDED)).translate(_FOLDED).casefold()
    text = without_accents(text).replace("&", " and ")
    return " ".join(_WORD.findall(_APOSTROPHE.sub("", text)))


def without_accents(text: str) -> str:
    """Return the text without the accents of Latin letters; other scripts keep their marks."""
    if text.isascii():
        return text
    kept: list[str] = []
    latin = False
    for char in unicodedata.normalize("NFKD", text):
        if not unicodedata.combining(char):
            latin = _is_latin(char)
        elif latin:
            continue
        kept.append(char)
    return unicodedata.normalize("NFC", "".join(kept)).translate(_FOLDED)


def _is_latin(char: str) -> bool:
    return char < "\u0250" or "\u1e00" <= char <= "\u1eff"


def main_title(text: str) -> str:
    """Return the normalised title without its subtitle."""
    bare = _plain(text[:LONGEST])
    return normalise_title(_SUBTITLE.split(bare, maxsplit=1)[0])


_GENERIC = frozenset(
    (
        "abstract", "abstracts", "acknowledgements", "acknowledgments", "addendum", "announcement",
        "announcements", "annual report", "appendix", "author index", "authors reply",
        "back matter", "backmatter", "bibliography", "biography", "blank page", "book review",
        "book reviews", "book review column", "books", "column", "questions and answers",
        "question and answer", "literature review", "case study",
        "reminiscences on influential papers", "books received", "calendar", "call for papers",
        "case report",
        "chairs message", "chairmans message", "comment", "comments", "commentary", "committees",
        "conclusion", "conclusions", "conference committee", "contents", "contributors",
        "copyright", "copyright notice", "correction", "corrections", "correspondence",
        "corrigendum", "cover", "cover image", "current awareness", "dedication", "discussion",
        "editors choice", "editors note", "editorial", "editorial board", "editorial comment",
        "editorials", "editors introduction", "encyclopedia", "epilogue", "errata", "erratum",
        "events", "executive summary", "foreword", "forewords", "front cover", "front matter",
        "frontmatter", "frontispiece", "general discussion", "general introduction", "glossary",
        "guest editorial", "guest editors introduction", "guest introduction", "highlights",
        "in brief", "in memoriam", "in this issue", "index", "information for authors",
        "instructions to authors", "interview", "introduction", "introduction to the special issue",
        "introductory remarks", "invited talk", "issue information", "keynote", "keynote address",
        "keynote speech", "keynotes", "letter", "letter to the editor", "letters",
        "letters to the editor", "list of contributors", "list of reviewers", "masthead",
        "meeting abstracts", "message from the chairs", "message from the editor",
        "message from the general chair", "message from the general chairs",
        "message from the program chairs", "methods", "miscellaneous", "news",
        "news and notes", "news and views", "news in brief", "notes", "notice", "obituary",
        "oral presentations", "organizing committee", "overview", "panel", "panel discussion",
        "poster abstracts", "poster session", "posters", "preface", "prefaces", "preliminaries",
        "presidential address", "presidents message", "proceedings", "program committee",
        "prologue", "publications received", "publishers note", "recent publications",
        "references", "reply", "research highlights", "response", "results", "retraction",
        "review", "reviews", "short communications", "special issue", "subject index", "summary",
        "supplement", "supplementary information", "supplementary material", "survey",
        "table of contents", "the authors reply", "title page", "title page i", "title page iii",
        "untitled", "upcoming events", "volume contents", "welcome", "welcome message",
        "workshop summary", "reviewers", "guest editors foreword", "from the editor",
        "from the editors", "editors foreword", "editors notes", "note from the editor",
        "vorwort", "einleitung", "einfuhrung", "inhaltsverzeichnis", "inhalt", "literatur",
        "buchbesprechungen", "rezensionen", "avant propos", "editorial introduction",
        "presentation", "prefacio", "introduccion", "resenas", "comptes rendus", "preambule",
        "предисловие", "введение", "содержание", "от редакции", "рецензии", "前言", "编者按",
        "目录",
    )
)  # fmt: skip
_NUMBERS = re.compile(r"\b(?:[0-9]+|[ivx]+|chapter|part|volume|vol|no|issue|section)\b")


def is_generic(title: str) -> bool:
    """Return whether a title is too common to identify a work, such as "Editorial 12"."""
    words = normalise_title(title)
    if not words or words in _GENERIC:
        return True
    rest = " ".join(_NUMBERS.sub(" ", words).split())
    return not rest or rest in _GENERIC
