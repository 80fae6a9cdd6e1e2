"""Policies of the consolidated view, as values and as users write them: TOML."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import chain
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct

from jobrunner.decode_errors import misfit, toml_table
from jobrunner.errors import SettingsError
from jobrunner.models import Record

GIVEN = ("title", "abstract", "venue", "year", "authors", "links", "identifiers")
"""Fields for which the paper as given can have a value too."""

HINT = (
    'write it in TOML, such as: priority = ["crossref", "openalex"], citations = "maximum",'
    ' given_first = ["title"], [fields] abstract = ["semantic_scholar"]'
)

MAXIMUM = "maximum"
"""How citations are chosen unless the policy says 'priority'."""

T = TypeVar("T")


class Order(Struct, frozen=True, kw_only=True):
    """The order in which sources are consulted for a field. Many fields have the same order.

    ``names``: the sources, the most trusted first, if the field has its own order; None for the
    general order. ``of_version``: whether records of a preprint are left out if there is a record
    of the published version. ``given_first``: whether the paper as given comes before all sources;
    None if it cannot have a value for the field.
    """

    names: tuple[str, ...] | None = None
    of_version: bool = False
    given_first: bool | None = None


class Policy(Struct, frozen=True, kw_only=True):
    """Whose value is taken. A blank value or a zero never replaces a known value."""

    priority: tuple[str, ...] = ("openalex", "semantic_scholar", "crossref")
    """Sources from the most trusted to the least; all others follow in alphabetical order."""
    fields: dict[str, tuple[str, ...]] = {}
    """Another order of sources for single fields, such as `abstract = ["semantic_scholar"]`.
    Sources left out follow in the general order."""
    given_first: frozenset[str] = frozenset({"title", "abstract", "identifiers", "links"})
    """Fields in which the input paper's own value comes before all sources, not after them."""
    citations: str = MAXIMUM
    """`"maximum"` of all counts, or `"priority"` for the count of the most trusted source."""

    def order(self, sources: Iterable[str], field: str = "") -> list[str]:
        """Return the names of sources, the most trusted first, for one field or in general.

        These are the sources that the policy names, then those of ``sources`` that it does not.
        """
        names = (*self.fields.get(field, ()), *self.priority, *sorted(sources))
        return list(dict.fromkeys(names))

    def order_of(self, field: str, *, of_version: bool = False) -> Order:
        """Return the order for one field.

        ``of_version``: the field differs between a preprint and the published version, so their
        records are not mixed, unless the policy has its own order for the field.
        """
        given_first = field in self.given_first if field in GIVEN else None
        if field in self.fields:
            return Order(names=tuple(self.order((), field)), given_first=given_first)
        return Order(of_version=of_version, given_first=given_first)


def place_given(given_first: bool | None, own: T, others: list[T]) -> list[T]:
    """Return the sources' values with the paper's ``own`` first, last, or (None) left out."""
    if given_first is None:
        return others
    if given_first:
        return [own, *others]
    return [*others, own]


DEFAULT = Policy()


def read_policy(path: Path, known: Collection[str]) -> Policy:
    """Read a policy file; ``known`` are the sources it may name. Raises :class:`SettingsError`."""
    try:
        table = toml_table(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        why = "it is not UTF-8 text"
        raise SettingsError(f"cannot read the policy {path}: {why}", hint=HINT) from error
    except OSError as error:
        why = error.strerror or "it is not a file"
        raise SettingsError(f"cannot read the policy {path}: {why}", hint=HINT) from error
    except ValueError as error:
        raise SettingsError(f"cannot read the policy {path}: {error}", hint=HINT) from error
    return policy_of(table, str(path), known)


def policy_of(table: object, where: str, known: Collection[str]) -> Policy:
    """Return the policy in a TOML table; ``known`` are the sources it may name.

    Raises :class:`SettingsError`.
    """
    unknown = set(table) - set(Policy.__struct_fields__) if isinstance(table, dict) else set()
    try:
        policy = msgspec.convert(table, Policy)
    except msgspec.ValidationError as error:
        why = misfit(table, Policy) if isinstance(table, dict) else "it is not a table"
        raise SettingsError(f"{where}: {why}", hint=HINT) from error
    unknown |= set(policy.fields).difference(Record.__struct_fields__)
    unknown |= policy.given_first.difference(GIVEN)
    if unknown or policy.citations not in (MAXIMUM, "priority"):
        wrong = ", ".join(sorted(unknown)) or f"citations = {policy.citations!r}"
        raise SettingsError(f"{where}: unknown in a policy: {wrong}", hint=HINT)
    if strangers := {*policy.priority, *chain(*policy.fields.values())}.difference(known):
        raise SettingsError(
            f"{where}: unknown source {', '.join(map(repr, sorted(strangers)))}",
            hint=f"known: {', '.join(sorted(known))}; for the paper as given, see given_first",
        )
    return policy
