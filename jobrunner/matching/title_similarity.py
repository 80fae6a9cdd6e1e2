"""How two titles relate: misspellings, subtitles and parts, and what forbids one work."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from msgspec import Struct
from rapidfuzz import fuzz

from jobrunner.matching.title_normalisation import LONGEST, is_generic, main_title, normalise_title

_NUMBER = re.compile(r"[0-9]+")
_ROMAN = {"ii": "2", "iii": "3", "iv": "4", "vi": "6", "vii": "7", "viii": "8", "ix": "9"}
_ROMAN_ALONE = {"i": "1", "v": "5", "x": "10"}
_SPELT = {
    "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6",
    "first": "1", "second": "2", "third": "3", "fourth": "4", "1st": "1", "2nd": "2", "3rd": "3",
}  # fmt: skip
_PART = frozenset(("part", "volume", "vol", "chapter", "section", "no", "paper", "book", "version"))
_NEGATIONS = frozenset(("not", "no", "non", "without", "never", "cannot", "against", "nor"))
_OPPOSING = ("un", "non", "in", "im", "anti", "dis", "de", "semi", "sub", "super", "hyper", "hypo",
             "pre", "post", "re", "inter", "intra", "multi", "co", "micro", "macro", "fe",
             "down", "up", "endo", "exo", "homo", "hetero", "mono", "poly", "a")  # fmt: skip
_STOP_WORDS = frozenset(
    ("a", "an", "the", "of", "for", "in", "on", "and", "to", "with", "by", "at")
)

_KINDS = {
    "erratum": (
        r"^\W*(?:author |publisher )?(?:errat(?:um|a)|corrigend(?:um|a)|correction)\b"
        r"|\b(?:erratum|corrigendum|a correction)\W*$|[\[(](?:erratum|corrigendum|correction)"
    ),
    "retraction": (
        r"^\W*(?:retraction|withdrawal|expression of concern|notice of retraction)\b"
        r"(?:\W*$|:| (?:note|notice|of|to)\b)"
    ),
    "reply": (
        r"[\[(:—–-]\s*(?:the )?(?:authors?['’]?s?['’]? )?(?:reply|response|rejoinder)\s*"
        r"(?:[\])]|$|to\b)|^\W*(?:(?:the )?authors?['’]?s?['’]? )?"
        r"(?:reply|rejoinder|response)\W*(?:to\b|:|$)"
    ),
    "comment": (
        r"^\W*(?:comments?|discussion|commentary|remarks?|a note) (?:on|of|to)\b"
        r"|[\[(:—–-]\s*(?:comments?|discussion|commentary)\s*[\])]?\s*$"
    ),
    "review": r"^\W*(?:book review|review of)\b|[\[(:]\s*(?:book )?review\s*[\])]?\s*$",
    "supplement": (
        r"^\W*(?:supplement(?:ary|al)? (?:to|for|materials?|information|data)\b"
        r"|(?:data|code|dataset|figure|table \w+) (?:for|from)[: ])|^\W*figure \d"
    ),
}
_KIND_PATTERNS = tuple((kind, re.compile(text, re.IGNORECASE)) for kind, text in _KINDS.items())

_FUNCTION_WORDS = {
    "en": frozenset(("the", "of", "for", "and", "with", "on", "to", "by", "from", "using", "an")),
    "de": frozenset(("der", "die", "das", "und", "von", "zur", "zum", "fur", "mit", "eine", "im")),
    "fr": frozenset(("le", "les", "des", "du", "et", "une", "dans", "pour", "sur", "aux", "au")),
    "es": frozenset(("el", "los", "las", "del", "y", "en", "una", "para", "con", "por", "la")),
    "pt": frozenset(("o", "os", "da", "dos", "das", "e", "em", "uma", "para", "com", "na", "no")),
    "it": frozenset(("il", "gli", "della", "di", "nel", "per", "dei", "delle", "una", "con", "e")),
}


class Titles(Struct, frozen=True):
    """How two titles relate.

    ``relation`` is 'same', 'near' (misspelt), 'subtitle' (one lacks it), 'word' (one more), 'part'
    or 'other'.
    ``conflict`` names what forbids that they are one work's: '' if nothing does.
    """

    relation: str
    score: float
    conflict: str = ""
    short: bool = False
    words: int = 0
    generic: bool = False


@lru_cache(maxsize=4096)
def compare_titles(left: str, right: str) -> Titles:
    """Compare two titles as given."""
    one, two = normalise_title(left), normalise_title(right)
    if not one or not two:
        return Titles("other", 0.0)
    shorter = min(one, two, key=len)
    short = len(shorter.replace(" ", "")) < 12 or (shorter.count(" ") < 2 and shorter.isascii())
    relation, score = _relation(left, right, one, two)
    conflict = _conflict(left, right, one, two, relation) if relation != "other" else ""
    generic = is_generic(left) or is_generic(right)
    return Titles(relation, score, conflict, short, shorter.count(" ") + 1, generic)


def _relation(left: str, right: str, one: str, two: str) -> tuple[str, float]:
    if one == two or one.replace(" ", "") == two.replace(" ", ""):
        return "same", 1.0
    score = max(fuzz.ratio(one, two), fuzz.token_sort_ratio(one, two)) / 100
    words = one.split(), two.split()
    heads = main_title(left), main_title(right)
    if score >= 0.9 and _near(*words):
        relation = "near"
    elif one == heads[1] or two == heads[0]:
        relation, score = "subtitle", max(score, 0.9)
    elif heads[0] != heads[1] and _one_more_word(*words):
        relation = "word"
    elif heads[0] == heads[1] or score >= 0.8:
        relation = "part"
    else:
        contained = score >= 0.5 and fuzz.token_set_ratio(one, two) >= 95
        relation = "part" if contained else "other"
    return relation, round(score, 4)


def _one_more_word(one: Sequence[str], two: Sequence[str]) -> bool:
    shorter, longer = sorted((one, two), key=len)
    return len(shorter) >= 6 and len(longer) == len(shorter) + 1 and set(shorter) <= set(longer)


def _near(one: Sequence[str], two: Sequence[str]) -> bool:
    """Tell misspellings and lost stop words from other words: each odd word has a look-alike."""
    left = [word for word in one if word not in two and word not in _STOP_WORDS]
    right = [word for word in two if word not in one and word not in _STOP_WORDS]
    if not left and not right:
        return True
    joined = "".join(left), "".join(right)
    beginning = 75 if joined[0][:4] == joined[1][:4] else 82
    alike = fuzz.ratio(*joined) >= beginning
    return alike and abs(len(left) - len(right)) <= 1 and not _opposed(left, right)


def _opposed(left: Sequence[str], right: Sequence[str]) -> bool:
    """Tell whether a word on one side is another's on the other side but for the prefix."""
    return any(_stems(one) & _stems(two) for one in left for two in right)


def _stems(word: str) -> set[str]:
    """Return a word, and what it is without a prefix that changes what it means."""
    stems = {word[len(prefix) :] for prefix in _OPPOSING if word.startswith(prefix)}
    return {word, *(stem for stem in stems if len(stem) > 3)}


def _conflict(left: str, right: str, one: str, two: str, relation: str) -> str:
    if kinds_of(left) != kinds_of(right):
        return "kind"
    first, second = one.split(), two.split()
    if numbers_of(first) != numbers_of(second) and relation != "same":
        added = _added(first, second) if relation == "subtitle" else ()
        if relation != "subtitle" or any(word in _PART for word in added):
            return "number"
    if _signs(first) != _signs(second):
        return "sign"
    if relation in ("near", "word", "part") and _NEGATIONS & set(first) != _NEGATIONS & set(second):
        return "negation"
    return ""


def _added(first: Sequence[str], second: Sequence[str]) -> Iterable[str]:
    shorter, longer = sorted((first, second), key=len)
    return longer[len(shorter) :][:2]


def kinds_of(title: str) -> frozenset[str]:
    """Return what a title says it is besides an article: 'erratum', 'reply', 'review', ..."""
    title = title[:LONGEST]
    return frozenset(kind for kind, pattern in _KIND_PATTERNS if pattern.search(title))


def numbers_of(words: Sequence[str]) -> tuple[str, ...]:
    """Return the numbers in a title, sorted: in digits, as Roman numerals, "part two"."""
    found: list[str] = []
    for index, word in enumerate(words):
        after_part = index > 0 and words[index - 1] in _PART
        if word in _ROMAN:
            found.append(_ROMAN[word])
        elif word in _ROMAN_ALONE and (after_part or (index > 0 and index == len(words) - 1)):
            found.append(_ROMAN_ALONE[word])
        elif after_part and word in _SPELT:
            found.append(_SPELT[word])
        else:
            found += [digits.lstrip("0") or "0" for digits in _NUMBER.findall(word)]
    return tuple(sorted(found))


def _signs(words: Sequence[str]) -> list[str]:
    return sorted(word for word in words if word.endswith(("++", "#")))


def language_of(title: str) -> str:
    """Return a guess at a title's language or script, '' if its words do not tell."""
    words = normalise_title(title)
    letters = [char for char in words if char.isalpha()]
    if letters and sum(char > "\u024f" for char in letters) * 2 > len(letters):
        return "other"
    tokens = set(words.split())
    counts = {language: len(tokens & known) for language, known in _FUNCTION_WORDS.items()}
    best = max(counts, key=lambda language: counts[language])
    ahead = [n for language, n in counts.items() if language != best and n >= counts[best]]
    return best if counts[best] and not ahead else ""


def similarity(left: str, right: str) -> float:
    """Return how alike two titles are, 0..1; a title and its part before the colon are alike."""
    one, two = normalise_title(left), normalise_title(right)
    if one == two:
        return 1.0
    best = max(fuzz.ratio(one, two), fuzz.token_sort_ratio(one, two))
    contained = fuzz.token_set_ratio(one, two)
    if contained >= 95 and min(one.count(" "), two.count(" ")) >= 2:
        best = max(best, contained * 0.95)
    if main_title(left) == main_title(right):
        best = max(best, 90.0)
    return round(best / 100, 4)
