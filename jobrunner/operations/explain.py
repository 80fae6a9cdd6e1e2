"""Explains the consolidated values of a paper: every value, its source, and the choice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct, structs

from jobrunner.consolidation.merge import RULES, Consolidator
from jobrunner.consolidation.policy import Policy
from jobrunner.consolidation.view import INPUT, Conflict, ConsolidatedPaper
from jobrunner.errors import SessionError, SettingsError
from jobrunner.models import Given, Match, Record
from jobrunner.store.database import Database
from jobrunner.store.session_export import StoredPaper, StoredRecord, find_papers


class Said(Struct, frozen=True, kw_only=True):
    """One source's value for a field, and how its record was matched to the paper."""

    source: str
    value: object
    retrieved_at: str | None = None
    match: Match | None = None


class FieldExplained(Struct, frozen=True, kw_only=True):
    """One field: the chosen value, its source, the rule, and the values of all sources."""

    field: str
    value: object
    source: str | None
    rule: str
    said: tuple[Said, ...]


class Explained(Struct, frozen=True, kw_only=True):
    """One paper: the answer of each source, and each field of the view.

    ``unusable``: why no source is asked about the paper; None if sources are asked.
    """

    position: int
    key: str
    unusable: str | None
    outcomes: dict[str, str]
    fields: tuple[FieldExplained, ...]
    conflicts: tuple[Conflict, ...] = ()


JsonFields = dict[str, object]
"""The fields of a view as JSON data."""


def explain_paper(
    database: Database, session_id: str, name: str, policy: Policy, field: str | None = None
) -> Explained:
    """Explain a paper by its position, key or identifier; ``field`` limits it to one field.

    Raises SessionError if no paper or several match, SettingsError if the field has no value.
    """
    paper = _find(database, session_id, name)
    texts = paper.record_texts()
    records = {source: _RECORDS.decode(text) for source, text in texts.items()}
    consolidator = Consolidator(policy)
    view = consolidator.consolidate(paper.as_given(), records)
    values = _values(view)
    conflicts = view.conflicts
    if field is not None:
        values = {field: _value_of(field, values, paper)}
        conflicts = conflicts if field == "identifiers" else ()
    statements = _statements(paper, records, consolidator)
    rules = {name: RULES[name].sentence(policy, records) for name in values}
    return Explained(
        position=paper.position,
        key=paper.key,
        unusable=paper.unusable,
        outcomes={answer.source: _outcome(answer) for answer in paper.records},
        fields=tuple([_field(name, values[name], statements, rules[name]) for name in values]),
        conflicts=conflicts,
    )


_RECORDS = msgspec.json.Decoder(Record)


def _values(view: ConsolidatedPaper) -> JsonFields:
    """Return the known fields of a view."""
    values: JsonFields = msgspec.json.decode(msgspec.json.encode(view))
    del values["conflicts"]  # they are shown separately
    return values


def _value_of(field: str, values: JsonFields, paper: StoredPaper) -> object:
    if field in values:
        return values[field]
    hint = f"fields with a value: {', '.join(sorted(values))}"
    if paper.unusable:
        hint = f"the paper cannot be used: {paper.unusable}"
    raise SettingsError(f"no value is known for the field {field!r}", hint=hint)


def _find(database: Database, session_id: str, name: str) -> StoredPaper:
    papers: Sequence[StoredPaper] = ()
    if name:
        with database.read() as connection:
            papers = find_papers(connection, session_id, name)
    if len(papers) == 1:
        return papers[0]
    if not papers:
        raise SessionError(
            f"no paper {name!r} in session {session_id}",
            hint="use its position (from 0), its key or an identifier",
        )
    places = ", ".join(str(paper.position) for paper in papers)
    raise SessionError(f"{len(papers)} papers match {name!r}", hint=f"by position: {places}")


def _outcome(answer: StoredRecord) -> str:
    if answer.error:
        return f"{answer.outcome}: {answer.error}"
    return answer.outcome


def _statements(
    paper: StoredPaper, records: Mapping[str, Record], consolidator: Consolidator
) -> list[tuple[Said, JsonFields]]:
    """Return each source, the paper as given first, with the fields of a view of it alone."""
    view = consolidator.consolidate(paper.as_given(), {})
    statements = [(Said(source=INPUT, value=None), _values(view))]
    answers = {answer.source: answer for answer in paper.records}
    for source, record in records.items():
        view = consolidator.consolidate(Given(), {source: record})
        statements.append((_said(answers[source]), _values(view)))
    return statements


def _said(answer: StoredRecord) -> Said:
    """Return the source of a value, still without the value."""
    match = msgspec.json.decode(answer.match or "null", type=Match | None)
    return Said(source=answer.source, value=None, retrieved_at=answer.retrieved_at, match=match)


def _field(
    name: str, chosen: object, statements: Sequence[tuple[Said, JsonFields]], rule: str
) -> FieldExplained:
    said = []
    for origin, fields in statements:
        value = _without_source(fields.get(name))
        if value not in _NOTHING:
            said.append(structs.replace(origin, value=value))
    value, source = chosen, None
    # A union has no source of its own: each of its parts has one and is shown with it.
    if isinstance(chosen, dict) and "source" in chosen:
        value, source = _without_source(chosen), chosen["source"]
    return FieldExplained(field=name, value=value, source=source, rule=rule, said=tuple(said))


_NOTHING: tuple[object, ...] = (None, {}, [])


def _without_source(chosen: object) -> object:
    """Return the value of a field of a view without its sources."""
    if isinstance(chosen, list):
        return [_without_source(part) for part in chosen]
    if not isinstance(chosen, dict):
        return chosen
    if "source" not in chosen:
        return {name: _without_source(part) for name, part in chosen.items()}
    # Open access without a link has a status only.
    return chosen.get("status") if chosen["value"] is None else chosen["value"]
