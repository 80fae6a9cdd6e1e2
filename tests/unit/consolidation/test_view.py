"""The view as types: what a snapshot holds of it can be read back."""

from __future__ import annotations

import msgspec

from jobrunner.consolidation.merge import Consolidator
from jobrunner.consolidation.statements import RawRecord
from jobrunner.consolidation.view import ConsolidatedPaper, Sourced, SourcedLink
from jobrunner.models import Author, Given, Link, Record

RECORD = Record(
    id="W1",
    title="Deep nets",
    authors=(Author(name="A. Lee"),),
    citations_by_year={2021: 7},
    topics=("Learning",),
    links=(Link(url="https://a.org"),),
)
GIVEN = Given(fields={"url": "https://b.org"})


def test_a_view_is_read_back_as_it_was_written() -> None:
    view = Consolidator().consolidate(GIVEN, {"openalex": RECORD})
    assert msgspec.json.decode(msgspec.json.encode(view), type=ConsolidatedPaper) == view
    assert view.citations_by_year == Sourced({2021: 7}, "openalex")
    assert view.links == (
        SourcedLink("https://b.org", "input"),
        SourcedLink("https://a.org", "openalex", kind="landing"),
    )


def test_parts_of_stored_records_are_taken_over_as_their_text() -> None:
    text = msgspec.json.encode(RECORD).replace(b'{"name":"A. Lee"}', b'{ "name": "A. Lee" }')
    record = msgspec.json.decode(text, type=RawRecord)
    written = msgspec.json.encode(Consolidator().consolidate(GIVEN, {"openalex": record}))
    assert b'"authors":{"value":[{ "name": "A. Lee" }],"source":"openalex"}' in written


def test_what_nobody_knows_is_not_written() -> None:
    assert (
        msgspec.json.encode(Consolidator().consolidate(Given(), {}))
        == b'{"identifiers":{},"conflicts":[]}'
    )
