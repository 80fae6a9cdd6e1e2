"""``explain``: every value of a paper, where it came from, and why one was chosen."""

from __future__ import annotations

import json
import subprocess
import tomllib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from jobrunner.consolidation.policy import policy_of, read_policy
from jobrunner.consolidation.view import Sourced
from jobrunner.demo.openalex import OpenAlex
from jobrunner.demo.server import LocalServer
from jobrunner.errors import SessionError, SettingsError
from jobrunner.operations.explain import Explained, FieldExplained, explain_paper
from jobrunner.store.database import Database
from tests.support import made_up_papers, three_sources
from tests.support.program import Program, opened
from tests.support.servers.crossref import Crossref
from tests.support.servers.semantic_scholar import SemanticScholar

NUMBER = 5
"""Of this paper OpenAlex counts 15 citations, Semantic Scholar 10 and Crossref 20."""

KNOWN = ("openalex", "semantic_scholar", "crossref")
ALL = ("--source", "openalex", "--source", "semantic_scholar", "--source", "crossref")
PAPERS = [
    made_up_papers.by_doi(NUMBER)
    | {
        "title": made_up_papers.title(NUMBER).upper(),
        "authors": ["A. Fontaine"],
        "year": 2004,
        "journal": "Proceedings of the Society",
        "url": "https://example.org/given",
    },
    {"title": "A treatise that nobody has catalogued", "authors": ["N. Obody"], "year": "1999"},
    made_up_papers.by_title(8),
    {"title": made_up_papers.title(8), "doi": made_up_papers.doi(8)},
    {"note": "neither title nor identifier"},
]
POLICY = """
priority = ["crossref", "semantic_scholar"]
citations = "priority"
given_first = []
[fields]
abstract = ["openalex"]
"""
COMMANDS = {
    "shown": "explain p5",
    "shown field": "explain p5 citations",
    "other policy": "explain 0 --policy policy.toml --json",
    "unusable": "explain 4",
    "no such paper": "explain 10.5555/study.77",
    "no such field": "explain 0 colour",
}


def work() -> dict[str, Any]:
    found = made_up_papers.work(NUMBER)
    found["ids"]["pmid"] = "https://pubmed.ncbi.nlm.nih.gov/111"
    found["open_access"] = {"is_oa": True, "oa_status": "gold", "oa_url": "https://oa.test/5.pdf"}
    found["best_oa_location"] = {"is_oa": True, "pdf_url": "https://oa.test/5.pdf"}
    return found


def paper() -> dict[str, Any]:
    found = three_sources.paper(NUMBER)
    found["externalIds"]["PubMed"] = "222"
    return found


class Finished(NamedTuple):
    """A session that has ended, what commands said of it, and the requests until then and since."""

    database: Database
    session: str
    said: dict[str, subprocess.CompletedProcess[str]]
    requests: tuple[int, int]

    def explain(self, name: str, field: str | None = None, *, policy: str = "") -> Explained:
        chosen = policy_of(tomllib.loads(policy), "policy", KNOWN)
        return explain_paper(self.database, self.session, name, chosen, field)

    def field(self, field: str, *, policy: str = "") -> FieldExplained:
        (found,) = self.explain("p5", field, policy=policy).fields
        return found

    def values(self, field: str, *, policy: str = "") -> dict[str, object]:
        return {said.source: said.value for said in self.field(field, policy=policy).said}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Finished]:
    with (
        LocalServer(OpenAlex([work(), made_up_papers.work(8)])) as openalex,
        LocalServer(SemanticScholar([paper()])) as scholar,
        LocalServer(Crossref([three_sources.item(NUMBER)])) as crossref,
    ):
        program = Program(tmp_path_factory.mktemp("explained"), openalex.base_url)
        program.environment["JOBRUNNER_SEMANTIC_SCHOLAR_BASE_URL"] = scholar.base_url
        program.environment["JOBRUNNER_CROSSREF_BASE_URL"] = crossref.base_url
        program.environment["JOBRUNNER_EMAIL"] = "me@example.org"
        program.input(PAPERS)
        (program.directory / "policy.toml").write_text(POLICY, encoding="utf-8")
        program.run("run", "papers.json", *ALL)
        before = sum(len(server.requests) for server in (openalex, scholar, crossref))
        said = {name: program.call(*line.split(), code=None) for name, line in COMMANDS.items()}
        after = sum(len(server.requests) for server in (openalex, scholar, crossref))
        ((session,),) = program.query("SELECT id FROM session")
        with opened(program) as database:
            yield Finished(database, session, said, (before, after))


# ---- which paper


@pytest.mark.parametrize(
    "name",
    [
        "0",
        "p5",
        f"https://doi.org/{made_up_papers.doi(NUMBER).upper()}",
        f"W{1000 + NUMBER}",
        "PMID: 111",
    ],
)
def test_a_paper_is_named_by_its_position_key_or_any_identifier(
    name: str, finished: Finished
) -> None:
    assert finished.explain(name).position == 0


def test_what_several_papers_have_names_none_of_them(finished: Finished) -> None:
    with pytest.raises(SessionError, match=f"2 papers match '{made_up_papers.doi(8)}'") as caught:
        finished.explain(made_up_papers.doi(8))
    assert caught.value.hint == "by position: 2, 3"


@pytest.mark.parametrize("name", ["5", "nobody", "10.5555/study.77", ""])
def test_an_unknown_paper_is_an_error(name: str, finished: Finished) -> None:
    with pytest.raises(SessionError, match=f"no paper '{name}' in session {finished.session}"):
        finished.explain(name)


def test_an_unknown_paper_is_told_with_the_ways_to_name_one(finished: Finished) -> None:
    said = finished.said["no such paper"]
    assert said.returncode == 1
    assert said.stderr.splitlines() == [
        f"error: no paper '10.5555/study.77' in session {finished.session}",
        "  use its position (from 0), its key or an identifier",
    ]


def test_a_paper_that_could_not_be_used_has_nothing_to_explain(finished: Finished) -> None:
    found = finished.explain("4")
    assert found.unusable == "no title and no identifier"
    assert (found.outcomes, found.conflicts) == ({}, ())
    assert [field.value for field in found.fields] == [{}]
    with pytest.raises(SettingsError, match="no value is known for the field 'title'") as caught:
        finished.explain("4", "title")
    assert caught.value.hint == "the paper cannot be used: no title and no identifier"


def test_why_a_paper_could_not_be_used_is_shown(finished: Finished) -> None:
    lines = finished.said["unusable"].stdout.splitlines()
    assert lines[:2] == ["paper 4", "  cannot be used: no title and no identifier"]


# ---- what was said of it


def test_what_each_source_answered_is_told(finished: Finished) -> None:
    assert set(finished.explain("0").outcomes.values()) == {"enriched"}
    assert finished.explain("1").outcomes == dict.fromkeys(ALL[1::2], "not_found")


def test_every_value_stands_with_its_source_time_and_match(finished: Finished) -> None:
    field = finished.field("citations")
    assert finished.values("citations") == {"openalex": 15, "semantic_scholar": 10, "crossref": 20}
    for said in field.said:
        assert said.retrieved_at is not None
        assert said.match is not None
        assert datetime.fromisoformat(said.retrieved_at).tzinfo is not None
        assert said.match.by == "doi"
        assert "title" in said.match.reasons


def test_the_value_chosen_stands_with_its_source_and_the_rule(finished: Finished) -> None:
    field = finished.field("citations")
    assert (field.value, field.source) == (20, "crossref")
    assert field.rule == "the highest count of all sources"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", made_up_papers.title(NUMBER).upper()),
        ("authors", [{"name": "A. Fontaine"}]),
        ("year", 2004),
        ("venue", "Proceedings of the Society"),
        ("identifiers", {"doi": made_up_papers.doi(NUMBER)}),
        ("links", ["https://example.org/given"]),
    ],
)
def test_what_the_paper_itself_says_is_among_the_values(
    field: str, value: object, finished: Finished
) -> None:
    assert finished.values(field)["input"] == value


def test_a_field_of_which_papers_say_nothing_has_no_value_from_the_input(
    finished: Finished,
) -> None:
    assert "input" not in finished.values("type")
    assert "input" not in finished.field("type").rule


def test_the_link_to_read_it_at_is_the_value_of_open_access(finished: Finished) -> None:
    field = finished.field("open_access")
    assert (field.value, field.source) == ("https://oa.test/5.pdf", "openalex")
    assert finished.values("open_access")["openalex"] == "https://oa.test/5.pdf"


def test_the_rule_tells_the_order_in_which_the_sources_are_heard(finished: Finished) -> None:
    order = "openalex, semantic_scholar, crossref"
    assert finished.field("title").rule == f"the first value in the order input, {order}"
    versions = "; the published version is preferred to a preprint"
    assert finished.field("venue").rule == f"the first value in the order {order}, input{versions}"
    assert (
        finished.field("authors").rule
        == f"the first complete list of authors in the order {order}, input"
    )


def test_a_conflict_of_identifiers_is_told(finished: Finished) -> None:
    (conflict,) = finished.explain("0").conflicts
    assert (conflict.field, conflict.value) == ("pmid", "111")
    assert conflict.others == (Sourced("222", "semantic_scholar"),)


def test_of_a_paper_that_was_not_found_only_its_own_values_are_known(finished: Finished) -> None:
    fields = {one.field: one.source for one in finished.explain("1").fields}
    assert fields == {"title": "input", "year": "input", "authors": "input", "identifiers": None}


# ---- under another policy


@pytest.mark.parametrize(
    ("field", "value", "source"),
    [
        ("citations", 20, "crossref"),
        ("title", made_up_papers.title(NUMBER), "crossref"),
        ("abstract", "Number 5 of many.", "openalex"),
        ("venue", "Studies", "crossref"),
    ],
)
def test_another_policy_chooses_otherwise(
    field: str, value: object, source: str, finished: Finished
) -> None:
    found = finished.field(field, policy=POLICY)
    assert (found.value, found.source) == (value, source)


def test_another_policy_is_told_as_the_rule(finished: Finished) -> None:
    rule = finished.field("abstract", policy=POLICY).rule
    assert rule.startswith(
        "the first value in the order openalex, crossref, semantic_scholar, input"
    )
    rule = finished.field("citations", policy=POLICY).rule
    assert rule == "the first count above zero in the order crossref, semantic_scholar, openalex"


def test_the_values_are_the_same_under_any_policy(finished: Finished) -> None:
    for field in ("citations", "title", "abstract", "venue", "year"):
        assert finished.values(field) == finished.values(field, policy=POLICY)


def test_no_source_is_asked_again(finished: Finished) -> None:
    before, after = finished.requests
    assert before == after > 0


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ("citations = 'least'", "unknown in a policy: citations = 'least'"),
        ("priorities = ['crossref']", "unknown in a policy: priorities"),
        ("[fields]\nabstrakt = ['crossref']", "unknown in a policy: abstrakt"),
        ("given_first = ['titel']", "unknown in a policy: titel"),
        ("priority = 'crossref'", "policy: `priority` has the wrong type"),
    ],
)
def test_a_policy_that_is_none_is_refused_with_an_example(policy: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message) as caught:
        policy_of(tomllib.loads(policy), "policy", KNOWN)
    assert 'such as: priority = ["crossref", "openalex"]' in str(caught.value.hint)
    assert 'given_first = ["title"]' in str(caught.value.hint)


@pytest.mark.parametrize(
    "policy",
    ["priority = ['crosref']", "[fields]\nyear = ['openalex', 'crosref']"],
    ids=["priority", "fields"],
)
def test_a_policy_of_an_unknown_source_is_refused_with_the_known_ones(policy: str) -> None:
    with pytest.raises(SettingsError, match="policy: unknown source 'crosref'") as caught:
        policy_of(tomllib.loads(policy), "policy", KNOWN)
    assert str(caught.value.hint).startswith("known: crossref, openalex, semantic_scholar;")


def test_the_paper_as_given_is_no_source_of_a_policy(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text("[fields]\nyear = ['input']", encoding="utf-8")
    with pytest.raises(SettingsError, match="unknown source 'input'") as caught:
        read_policy(path, KNOWN)
    assert "given_first" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (None, ""),
        (b"priority = ", "line 1 is not valid TOML$"),
        (b"[fields]\nyear = [\n  'crossref',\n]\nurl = x\n", "line 5 is not valid TOML$"),
        (b"# caf\xe9", "it is not UTF-8 text$"),
    ],
)
def test_a_policy_that_cannot_be_read_is_refused(
    text: bytes | None, why: str, tmp_path: Path
) -> None:
    path = tmp_path / "policy.toml"
    if text is not None:
        path.write_bytes(text)
    with pytest.raises(SettingsError, match=f"cannot read the policy {path}: {why}"):
        read_policy(path, KNOWN)


# ---- one field, and as text


def test_one_field_can_be_asked_for(finished: Finished) -> None:
    found = finished.explain("0", "citations")
    assert [one.field for one in found.fields] == ["citations"]
    assert found.conflicts == ()


def test_with_json_the_same_is_printed_as_an_object(finished: Finished) -> None:
    printed = json.loads(finished.said["other policy"].stdout)
    assert printed == json.loads(msgspec.json.encode(finished.explain("0", policy=POLICY)))


def test_an_unknown_field_is_an_error_that_tells_the_known_ones(finished: Finished) -> None:
    said = finished.said["no such field"]
    assert said.returncode == 2
    assert "no value is known for the field 'colour'" in said.stderr
    assert "fields with a value: abstract, authors, citations, " in said.stderr


def test_it_is_shown_as_lines(finished: Finished) -> None:
    lines = finished.said["shown field"].stdout.splitlines()
    assert lines[0] == "paper 0 p5"
    assert lines[1:4] == [f"  {name}: enriched" for name in ALL[1::2]]
    assert lines[4:6] == ["citations: 20 (crossref)", "  rule: the highest count of all sources"]
    assert [line.partition(",")[0] for line in lines[6:]] == [f"  {name}" for name in ALL[1::2]]
    assert all(", by doi " in line for line in lines[6:])
    assert lines[6].endswith("Z: 15")


def test_a_conflict_is_shown_as_a_line(finished: Finished) -> None:
    last = finished.said["shown"].stdout.splitlines()[-1]
    assert last == "conflict: pmid 111 (openalex), not 222 (semantic_scholar)"
