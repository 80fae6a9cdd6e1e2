"""Policies of the consolidated view as users write them: TOML."""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec

from jobrunner.errors import SettingsError
from jobrunner.merging import GIVEN, Policy
from jobrunner.papers import Record

HINT = (
    'write it in TOML, such as: priority = ["crossref", "openalex"], citations = "maximum",'
    ' [fields] abstract = ["semantic_scholar"]'
)


def read_policy(path: Path) -> Policy:
    """Read a policy file. Raises :class:`SettingsError`."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"cannot read the policy {path}: {error}", hint=HINT) from error
    return policy_of(table, str(path))


def policy_of(table: object, where: str) -> Policy:
    """Return the policy that a table of TOML stands for. Raises :class:`SettingsError`."""
    unknown = set(table) - set(Policy.__struct_fields__) if isinstance(table, dict) else set()
    try:
        policy = msgspec.convert(table, Policy)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{where}: {error}", hint=HINT) from error
    unknown |= set(policy.fields).difference(Record.__struct_fields__)
    unknown |= policy.given_first.difference(GIVEN)
    if unknown or policy.citations not in ("maximum", "priority"):
        wrong = ", ".join(sorted(unknown)) or f"citations = {policy.citations!r}"
        raise SettingsError(f"{where}: no such thing in a policy: {wrong}", hint=HINT)
    return policy
