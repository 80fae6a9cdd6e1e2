"""Whatever stands in a paper list: it is read or refused, stored, written and read again."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import strategies as st

from jobrunner.consolidation.policy import DEFAULT
from jobrunner.errors import InputError
from jobrunner.inputs.formats import open_input
from jobrunner.matching.decide import RULES
from jobrunner.operations.explain import explain_paper
from jobrunner.operations.load import load_session
from jobrunner.operations.plan import Tally
from jobrunner.operations.restore import examine, restore
from jobrunner.operations.verify import verify_file, verify_session
from jobrunner.snapshots.write import write_copy
from jobrunner.sources.contract import SourceSettings
from jobrunner.sources.openalex.source import OpenAlex
from jobrunner.store.database import Database
from jobrunner.store.rows import Options
from tests.promises.hostile.hostile_json import each, spoilt, tried
from tests.promises.hostile.memory_databases import in_memory

LISTED: list[dict[str, Any]] = [
    {
        "paper_id": "p1",
        "title": "Mapping the ferns of Iceland",
        "authors": [{"name": "Ada Brandt"}, {"given": "Bo", "family": "Chen"}, "Dufour, E."],
        "publication_date": "2020-01-05",
        "year": 2020,
        "venue": {"name": "Studies"},
        "doi": "https://doi.org/10.5555/study.1",
        "externalIds": {"ArXiv": "2001.00001v2", "PubMed": 123, "MAG": "77"},
        "primary_location": {"source": {"display_name": "Studies"}},
        "releases": [{"peer_reviewed": True, "venue": {"name": "Studies", "date": "2020"}}],
        "issued": {"date-parts": [[2020, 1, 5]]},
        "bibtex": "@article{x, year = {2020}, journal = {Studies}}",
        "abstract": "Ferns.",
        "urls": ["https://example.org/1"],
    },
    {"title": "Counting the glaciers of Kerala", "author": "Fontaine, G. and Eriksen, H."},
]
FORMS: tuple[Any, ...] = (LISTED, {"made by": "hand", "papers": LISTED, "more": {"x": 1}})


@pytest.fixture(scope="module")
def databases() -> Iterator[tuple[Database, Database]]:
    yield from in_memory()


@tried(few=25, many=400)
def test_any_list_is_stored_and_written_or_refused(
    examples: int, databases: tuple[Database, Database]
) -> None:
    database, again = databases
    path = database.path.parent / "papers.json"
    source = OpenAlex(SourceSettings())

    said: set[str] = set()

    def check(data: st.DataObject) -> None:
        text = data.draw(st.sampled_from(FORMS).flatmap(spoilt))
        path.write_bytes(gzip.compress(text, 1) if data.draw(st.booleans()) else text)
        options = Options(sources=("openalex",), rules=RULES)
        try:
            session, lease = load_session(database, path, options, new=True)
        except InputError as error:
            said.add(str(error))
            return
        lease.release()
        assert verify_session(database, session.id) == []
        copy = database.path.parent / f"{session.id}.json"
        count = write_copy(database, session.id, copy)
        assert verify_file(copy) == ([], count)
        for position in range(min(count, 3)):
            explain_paper(database, session.id, str(position), DEFAULT)
        tally = Tally([source])
        with open_input(path) as papers:
            tally.count(papers.papers())
        tally.plan({"openalex": ()})
        assert restore(again, examine(copy))[0].input_sha256 == session.input_sha256

    each(examples, check)
    assert [text for text in said if not text.isprintable()] == []
