"""Why a paper's consolidated value is what it is: every value, its origin, and the choice."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from jobrunner.errors import SessionError, SettingsError
from jobrunner.merging import Policy, consolidate, given_of
from jobrunner.papers import Match, Outcome, Record
from jobrunner.store.contents import StoredPaper, StoredRecord, find_papers
from jobrunner.store.database import Database


class Said(Struct, frozen=True, kw_only=True):
    """What one source said of one field, and how its record was tied to the paper."""

    source: str
    value: object
    retrieved_at: str | None = None
    match: Match | None = None


class FieldExplained(Struct, frozen=True, kw_only=True):
    """One field: the value chosen, its source, the rule, and every value there is."""

    field: str
    value: object
    source: str | None
    rule: str
    said: tuple[Said, ...]


class Explained(Struct, frozen=True, kw_only=True):
    """One paper: what each source answered, and each field of the view."""

    position: int
    key: str
    outcomes: dict[str, str]
    fields: tuple[FieldExplained, ...]
    conflicts: object


def explain_paper(
    database: Database, session_id: str, name: str, policy: Policy, field: str | None = None
) -> Explained:
    """Explain a paper by its position, key or identifier; ``field`` limits it to one field.

    Raises SessionError if there is no such paper, or several; SettingsError for no such field.
    """
    paper = _find(database, session_id, name)
    given = given_of(paper.given)
    records = {r.source: r for r in paper.records}
    found = {
        source: msgspec.json.decode(record.data, type=Record)
        for source, record in records.items()
        if record.outcome == Outcome.ENRICHED and record.data
    }
    view = consolidate(given, found, policy)
    conflicts = view.pop("conflicts", [])
    if field is not None and field not in view:
        names = ", ".join(sorted(view))
        raise SettingsError(f"nothing is known of the field {field!r}", hint=f"known: {names}")
    return Explained(
        position=paper.position,
        key=paper.key,
        outcomes={source: _outcome(record) for source, record in records.items()},
        fields=tuple(
            _field(name, chosen, given, found, records, policy)
            for name, chosen in view.items()
            if field in (None, name)
        ),
        conflicts=conflicts,
    )


def _find(database: Database, session_id: str, name: str) -> StoredPaper:
    with database.read() as connection:
        found = find_papers(connection, session_id, name)
    if len(found) == 1:
        return found[0]
    if not found:
        raise SessionError(
            f"no paper {name!r} in session {session_id}",
            hint="name it by its position (from 0), its key or an identifier",
        )
    places = ", ".join(str(paper.position) for paper in found)
    raise SessionError(f"{len(found)} papers are {name!r}", hint=f"by position: {places}")


def _outcome(record: StoredRecord) -> str:
    return f"{record.outcome}: {record.error}" if record.error else record.outcome


def _field(
    name: str,
    chosen: Any,  # noqa: ANN401 - JSON of the view, whose shape depends on the field
    given: dict[str, object],
    found: dict[str, Record],
    records: dict[str, StoredRecord],
    policy: Policy,
) -> FieldExplained:
    single = isinstance(chosen, dict) and "source" in chosen
    said = [Said(source="input", value=given[name])] if given.get(name) else []
    for source, record in found.items():
        value = msgspec.to_builtins(getattr(record, name, None))
        if value not in (None, "", [], {}):
            stored = records[source]
            match = msgspec.json.decode(stored.match, type=Match) if stored.match else None
            said.append(
                Said(source=source, value=value, retrieved_at=stored.retrieved_at, match=match)
            )
    return FieldExplained(
        field=name,
        value=chosen.get("value") if single else chosen,
        source=chosen["source"] if single else None,
        rule=_rule(name, policy),
        said=tuple(said),
    )


def _rule(name: str, policy: Policy) -> str:
    """Say in words which rule of the policy chose."""
    order = list(dict.fromkeys((*policy.fields.get(name, ()), *policy.priority)))
    if name == "citations" and policy.citations == "maximum":
        return "the greatest count of all"
    if name in ("links", "identifiers"):
        return "the union of all; the first of " + ", ".join(order) + " wins a conflict"
    first = ["input", *order] if name in policy.given_first else [*order, "input"]
    return "the first that says anything of " + ", ".join(first)
