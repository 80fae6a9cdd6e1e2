"""Guesses the language or script of a title."""

from __future__ import annotations

from jobrunner.matching.title_normalisation import normalise_title

_LAST_LATIN_LETTER = "\u024f"
_MOSTLY = 0.5
"""Share of non-Latin letters above which a title is in another script. It is not 0, because
formulas put Greek letters into English titles."""

OTHER_SCRIPT = "other"

_FUNCTION_WORDS = {
    "en": frozenset(("the", "of", "for", "and", "with", "on", "to", "by", "from", "using", "an")),
    "de": frozenset(("der", "die", "das", "und", "von", "zur", "zum", "fur", "mit", "eine", "im")),
    "fr": frozenset(("le", "les", "des", "du", "et", "une", "dans", "pour", "sur", "aux", "au")),
    "es": frozenset(("el", "los", "las", "del", "y", "en", "una", "para", "con", "por", "la")),
    "pt": frozenset(("o", "os", "da", "dos", "das", "e", "em", "uma", "para", "com", "na", "no")),
    "it": frozenset(("il", "gli", "della", "di", "nel", "per", "dei", "delle", "una", "con", "e")),
}


def language_of(title: str) -> str:
    """Return a title's probable language or script, '' if its words do not show one."""
    words = normalise_title(title)
    if _is_in_another_script(words):
        return OTHER_SCRIPT
    tokens = set(words.split())
    counts = {language: len(tokens & own) for language, own in _FUNCTION_WORDS.items()}
    second, first = sorted(counts.values())[-2:]
    # Languages share function words ("e", "una"), so a tie says nothing. No such word is a tie too.
    if first == second:
        return ""
    return max(counts, key=counts.__getitem__)


def are_of_two_languages(left: str, right: str) -> bool:
    """Return whether two titles are evidently in two languages; another script is enough."""
    languages = {language_of(left), language_of(right)}
    if len(languages) == 1:
        return False
    return OTHER_SCRIPT in languages or "" not in languages


def _is_in_another_script(words: str) -> bool:
    letters = list(filter(str.isalpha, words))
    foreign = sum(map(_LAST_LATIN_LETTER.__lt__, letters))
    return foreign > _MOSTLY * len(letters)
