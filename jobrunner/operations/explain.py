"""Why a paper's consolidated value is what it is: every value, its origin, and the choice."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from msgspec import Struct, structs

from jobrunner.consolidation.merge import consolidate
from jobrunner.consolidation.policy import Policy
from jobrunner.consolidation.rules import rule_of
from jobrunner.consolidation.unions import INPUT, View
from jobrunner.errors import SessionError, SettingsError
from jobrunner.models import Given, Match, Outcome, Record
from jobrunner.store.database import Database
from jobrunner.store.session_export import StoredPaper, StoredRecord, find_papers


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


class Conflict(Struct, frozen=True, kw_only=True):
    """An identifier in which the sources differ: the value taken, and those that were not."""

    field: str
    value: str
    source: str
    others: tuple[dict[str, str], ...]


class Explained(Struct, frozen=True, kw_only=True):
    """One paper: what each source answered, and each field of the view.

    ``unusable`` says why no source is asked about it, if that is so.
    """

    position: int
    key: str
    unusable: str | None
    outcomes: dict[str, str]
    fields: tuple[FieldExplained, ...]
    conflicts: tuple[Conflict, ...] = ()


def explain_paper(
    database: Database, session_id: str, name: str, policy: Policy, field: str | None = None
) -> Explained:
    """Explain a paper by its position, key or identifier; ``field`` limits it to one field.

    Raises SessionError if there is no such paper, or several; SettingsError for no such field.
    """
    paper = _find(database, session_id, name)
    given = paper.as_given()
    records = {r.source: r for r in paper.records}
    found = {
        source: msgspec.json.decode(record.data, type=Record)
        for source, record in records.items()
        if record.outcome == Outcome.ENRICHED and record.data
    }
    view = _view(given, found, policy)
    conflicts = msgspec.convert(view.pop("conflicts", []), tuple[Conflict, ...])
    if field is not None and field not in view:
        known = f"known: {', '.join(sorted(view))}"
        reason = f"the paper cannot be used: {paper.unusable}"
        raise SettingsError(
            f"nothing is known of the field {field!r}", hint=reason if paper.unusable else known
        )
    order = [*policy.priority, *sorted(set(found) - set(policy.priority))]
    said = list(_said(given, found, records, policy))
    return Explained(
        position=paper.position,
        key=paper.key,
        unusable=paper.unusable,
        outcomes={source: _outcome(record) for source, record in records.items()},
        fields=tuple(
            _field(name, chosen, said, rule_of(name, policy, order))
            for name, chosen in view.items()
            if field in (None, name)
        ),
        conflicts=conflicts if field in (None, "identifiers") else (),
    )


def _view(given: Given, records: dict[str, Record], policy: Policy) -> View:
    """Return the view as JSON data."""
    view: View = msgspec.to_builtins(consolidate(given, records, policy), str_keys=True)
    return view


def _find(database: Database, session_id: str, name: str) -> StoredPaper:
    with database.read() as connection:
        found = find_papers(connection, session_id, name) if name else []
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


def _said(
    given: Given,
    found: dict[str, Record],
    records: dict[str, StoredRecord],
    policy: Policy,
) -> Iterator[tuple[Said, View]]:
    """Yield each source, the paper as given first, with the view of what it alone says."""
    yield Said(source=INPUT, value=None), _view(given, {}, policy)
    for source, record in found.items():
        stored = records[source]
        match = msgspec.json.decode(stored.match, type=Match) if stored.match else None
        one = Said(source=source, value=None, retrieved_at=stored.retrieved_at, match=match)
        yield one, _view(Given(), {source: record}, policy)


def _field(name: str, chosen: object, said: list[tuple[Said, View]], rule: str) -> FieldExplained:
    source = chosen.get("source") if isinstance(chosen, dict) else None
    values = ((one, _value(view.get(name))) for one, view in said)
    return FieldExplained(
        field=name,
        value=_value(chosen) if source else chosen,
        source=source,
        rule=rule,
        said=tuple(
            structs.replace(one, value=value)
            for one, value in values
            if value not in (None, {}, [])
        ),
    )


def _value(chosen: object) -> object:
    """Return what a field of a view holds, without where that is from."""
    if isinstance(chosen, list):
        return [_value(one) for one in chosen]
    if not isinstance(chosen, dict):
        return chosen
    if "source" not in chosen:
        return {name: _value(one) for name, one in chosen.items()}
    return chosen.get("status") if chosen["value"] is None else chosen["value"]
