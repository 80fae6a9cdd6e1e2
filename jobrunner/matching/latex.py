"""Converts LaTeX in titles and names to text."""

from __future__ import annotations

import re
import unicodedata

_ACCENTS = {
    "`": "\u0300", "'": "\u0301", "^": "\u0302", "~": "\u0303", "=": "\u0304", "u": "\u0306",
    ".": "\u0307", '"': "\u0308", "r": "\u030a", "H": "\u030b", "v": "\u030c", "d": "\u0323",
    "c": "\u0327", "k": "\u0328", "b": "\u0331",
}  # fmt: skip
_ACCENT = re.compile(
    r"""\\([`'^~="."])\s*\{?\s*(\\?[a-zA-Z])\s*\}?|\\([uvHrcdbk])(?:\s+|\s*\{\s*)(\\?[a-zA-Z])\s*\}?"""
)
_LETTERS = {
    "ss": "ss", "ae": "ae", "AE": "AE", "oe": "oe", "OE": "OE", "o": "o", "O": "O", "l": "l",
    "L": "L", "aa": "a", "AA": "A", "i": "i", "j": "j", "dj": "d", "DJ": "D", "th": "th",
    "ell": "l", "textendash": "-", "textemdash": "-", "S": " ", "P": " ", "infty": "infinity",
    "textquotesingle": "'", "textquoteright": "'", "textregistered": "", "texttrademark": "",
    "sharp": "#", "log": "log", "sin": "sin", "cos": "cos", "max": "max", "min": "min",
    "exp": "exp",
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "varepsilon": "ε",
    "zeta": "ζ", "eta": "η", "theta": "θ", "vartheta": "θ", "iota": "ι", "kappa": "κ",
    "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "pi": "π", "rho": "ρ", "sigma": "σ",
    "tau": "τ", "upsilon": "υ", "phi": "φ", "varphi": "φ", "chi": "χ", "psi": "ψ", "omega": "ω",
    "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ", "Lambda": "Λ", "Xi": "Ξ", "Pi": "Π", "Sigma": "Σ",
    "Upsilon": "Υ", "Phi": "Φ", "Psi": "Ψ", "Omega": "Ω",
}  # fmt: skip
_COMMAND = re.compile(r"\\([a-zA-Z]+)\*?(\s*)")
_ESCAPED = re.compile(r"\\([&%$#_{}])")
_SILENT = re.compile(r"\\(?:begin|end)\s*\{[^{}]{0,30}\}|\\[,;:!>/ ]|\\-")
_MARKS = str.maketrans({"$": None, "{": None, "}": None, "^": None, "_": None, "~": " ", "\\": " "})


def without_latex(text: str) -> str:
    """Return the text with common commands decoded and math delimiters and braces removed."""
    if not ("\\" in text or "$" in text or "{" in text):
        return text
    text = _ACCENT.sub(_accented, text)
    text = _ESCAPED.sub(lambda found: found[1] if found[1] not in "${}_" else "", text)
    text = _COMMAND.sub(_decoded, _SILENT.sub(" ", text))
    return text.translate(_MARKS)


def _accented(found: re.Match[str]) -> str:
    mark, letter = (found[1], found[2]) if found[1] else (found[3], found[4])
    return unicodedata.normalize("NFC", letter.lstrip("\\") + _ACCENTS[mark])


def _decoded(found: re.Match[str]) -> str:
    """Return the letter for a command; unknown commands are removed."""
    letter = _LETTERS.get(found[1])
    if letter is None:
        return " " if found[2] else ""
    return letter
