"""Why a paper's consolidated value is what it is: every value, its origin, and the choice."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from msgspec import Struct, structs

from jobrunner.consolidation.merge import RULES, consolidate
from jobrunner.consolidation.policy import Policy
from jobrunner.consolidation.view import INPUT, Conflict, ConsolidatedPaper
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
    stored = {record.source: record for record in paper.records}
    records = _records_of(paper)
    view = consolidate(given, records, policy)
    values = _values(view)
    if field is not None:
        _check_field(field, values, paper)
    statements = list(_statements(given, records, stored, policy))
    return Explained(
        position=paper.position,
        key=paper.key,
        unusable=paper.unusable,
        outcomes={source: _outcome(record) for source, record in stored.items()},
        fields=tuple(
            _field(name, value, statements, RULES[name].sentence(policy, records))
            for name, value in values.items()
            if field in (None, name)
        ),
        conflicts=view.conflicts if field in (None, "identifiers") else (),
    )


def _records_of(paper: StoredPaper) -> dict[str, Record]:
    return {
        record.source: msgspec.json.decode(record.data, type=Record)
        for record in paper.records
        if record.outcome == Outcome.ENRICHED and record.data
    }


def _values(view: ConsolidatedPaper) -> dict[str, object]:
    """Return what is known of each field, as JSON data."""
    values: dict[str, object] = msgspec.json.decode(msgspec.json.encode(view))
    del values["conflicts"]  # they are no field of their own
    return values


def _check_field(field: str, values: dict[str, object], paper: StoredPaper) -> None:
    if field in values:
        return
    hint = f"known: {', '.join(sorted(values))}"
    if paper.unusable:
        hint = f"the paper cannot be used: {paper.unusable}"
    raise SettingsError(f"nothing is known of the field {field!r}", hint=hint)


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


def _statements(
    given: Given,
    records: dict[str, Record],
    stored: dict[str, StoredRecord],
    policy: Policy,
) -> Iterator[tuple[Said, dict[str, object]]]:
    """Yield each source, the paper as given first, with the values of a view of it alone."""
    yield Said(source=INPUT, value=None), _values(consolidate(given, {}, policy))
    for source, record in records.items():
        row = stored[source]
        match = msgspec.json.decode(row.match, type=Match) if row.match else None
        said = Said(source=source, value=None, retrieved_at=row.retrieved_at, match=match)
        yield said, _values(consolidate(Given(), {source: record}, policy))


def _field(
    name: str, chosen: object, statements: list[tuple[Said, dict[str, object]]], rule: str
) -> FieldExplained:
    source = chosen.get("source") if isinstance(chosen, dict) else None
    stated = ((said, _value(values.get(name))) for said, values in statements)
    return FieldExplained(
        field=name,
        value=_value(chosen) if source else chosen,
        source=source,
        rule=rule,
        said=tuple(
            structs.replace(said, value=value)
            for said, value in stated
            if value not in (None, {}, [])
        ),
    )


def _value(chosen: object) -> object:
    """Return what a field of a view holds, without where that is from."""
    if isinstance(chosen, list):
        return [_value(part) for part in chosen]
    if not isinstance(chosen, dict):
        return chosen
    if "source" not in chosen:
        return {name: _value(part) for name, part in chosen.items()}
    return chosen.get("status") if chosen["value"] is None else chosen["value"]
