"""Which rule of the policy chose a value, in words."""

from __future__ import annotations

from jobrunner.consolidation.merge import OF_A_VERSION
from jobrunner.consolidation.policy import GIVEN, Policy
from jobrunner.consolidation.unions import INPUT

FIRST = {
    "authors": "the first complete list",
    "citations": "the first that counts any",
    "open_access": "the first link",
}


def rule_of(name: str, policy: Policy, order: list[str]) -> str:
    """Say in words which rule of the policy chose; ``order`` is the general one of the sources."""
    order = list(dict.fromkeys((*policy.fields.get(name, ()), *order)))
    if name == "citations" and policy.citations == "maximum":
        return "the greatest count of all"
    if name == "is_retracted":
        return "what any source says"
    if name in GIVEN:
        order = [INPUT, *order] if name in policy.given_first else [*order, INPUT]
    names = ", ".join(order)
    if name in ("links", "identifiers", "relations"):
        return f"the union of all; the first of {names} wins a conflict"
    first = FIRST.get(name, "the first that says anything")
    if name in OF_A_VERSION and name not in policy.fields:
        first += " (of the published version before a preprint)"
    return f"{first} of {names}"
