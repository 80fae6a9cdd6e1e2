"""A guess at the language or script of a title."""

from __future__ import annotations

from jobrunner.matching.title_normalisation import normalise_title

_LAST_LATIN_LETTER = "\u024f"
_MOSTLY = 0.5
"""Share of the letters from which a title is in another script. Formulas put Greek letters into
English titles."""

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
    """Return a guess at a title's language or script, '' if its words do not tell."""
    words = normalise_title(title)
    if _is_in_another_script(words):
        return OTHER_SCRIPT
    tokens = set(words.split())
    counts = {language: len(tokens & own) for language, own in _FUNCTION_WORDS.items()}
    second, first = sorted(counts.values())[-2:]
    # Languages share function words ("e", "una"): a tie tells nothing, nor does a title of none.
    if first == second:
        return ""
    return max(counts, key=counts.__getitem__)


def are_of_two_languages(left: str, right: str) -> bool:
    """Tell whether two titles are evidently of two languages; another script is evident alone."""
    languages = {language_of(left), language_of(right)}
    if len(languages) == 1:
        return False
    return OTHER_SCRIPT in languages or "" not in languages


def _is_in_another_script(words: str) -> bool:
    letters = list(filter(str.isalpha, words))
    foreign = sum(map(_LAST_LATIN_LETTER.__lt__, letters))
    return foreign > _MOSTLY * len(letters)
