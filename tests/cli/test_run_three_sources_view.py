"""One view of what three sources say of a paper."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jobrunner.demo.openalex import OpenAlex
from tests.support import made_up_papers
from tests.support.program import Program, adopt, papers_of
from tests.support.servers.crossref import Crossref
from tests.support.servers.semantic_scholar import SemanticScholar
from tests.support.three_sources import (
    CROSSREF,
    OPENALEX,
    RUN,
    SEMANTIC_SCHOLAR,
    Fields,
    Ran,
    item,
    paper,
    serving,
    session_of,
)

RIVERS = "Sparse rivers: how deltas of silt remember their floods"
ARXIV, PUBLISHED = "2101.00001", "10.5555/published.1"
BY = ("Ada Almeida", "Bo Brandt")
POLICY = """
priority = ["crossref", "semantic_scholar", "openalex"]
citations = "priority"

[fields]
abstract = ["semantic_scholar"]
"""


def rivers_of_openalex(number: int, doi: str, year: int, kind: str, venue: str) -> Fields:
    authorships = [{"author": {"id": None, "display_name": name}} for name in BY]
    return {
        **made_up_papers.work(number),
        "doi": f"https://doi.org/{doi}",
        "title": RIVERS,
        "publication_year": year,
        "publication_date": f"{year}-03-01",
        "type": kind,
        "primary_location": {"source": {"display_name": venue}},
        "authorships": authorships,
    }


def rivers_of_crossref(doi: str, title: str, **fields: object) -> Fields:
    return {
        "DOI": doi,
        "title": [title],
        "author": [dict(zip(("given", "family"), name.split(), strict=True)) for name in BY],
        "issued": {"date-parts": [[2022, 9]]},
        "container-title": ["Journal of Deltas"],
        "type": "journal-article",
        **fields,
    }


WORKS = [
    {**made_up_papers.work(3), "ids": {"pmid": "https://pubmed.ncbi.nlm.nih.gov/111"}},
    rivers_of_openalex(901, f"10.48550/arxiv.{ARXIV}", 2021, "preprint", "arXiv"),
    rivers_of_openalex(902, PUBLISHED, 2022, "article", "Journal of Deltas"),
]
MERGED_PAPERS = [
    {**paper(3), "externalIds": {"DOI": made_up_papers.doi(3), "PubMed": "222"}},
    {
        **paper(901),
        "externalIds": {"DOI": PUBLISHED, "ArXiv": ARXIV},
        "title": RIVERS,
        "year": 2022,
        "venue": "Journal of Deltas",
        "publicationDate": "2022-03-01",
        "authors": [{"authorId": name, "name": name} for name in BY],
    },
]
PREPRINT_OF = {"has-preprint": [{"id-type": "arxiv", "id": ARXIV, "asserted-by": "subject"}]}
ITEMS = [
    item(3),
    rivers_of_crossref(PUBLISHED, RIVERS, relation=PREPRINT_OF),
    rivers_of_crossref("10.5555/erratum.1", f"Erratum: {RIVERS}"),
]


@pytest.fixture(scope="module")
def viewed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    """A paper, a preprint, and what was published of the preprint."""
    rivers = {"title": RIVERS, "authors": BY}
    papers = [
        made_up_papers.by_doi(3),
        {**rivers, "year": 2021, "arxiv_id": ARXIV},
        {**rivers, "year": 2022, "doi": PUBLISHED},
    ]
    with serving(OpenAlex(WORKS), SemanticScholar(MERGED_PAPERS), Crossref(ITEMS)) as trio:
        program = trio.program(tmp_path_factory.mktemp("viewed"), papers)
        said = program.run(*RUN)
        yield Ran(program, trio, said.returncode, said.stderr)


def test_citations_are_the_greatest_count_with_all_of_them(viewed: Ran) -> None:
    assert viewed.papers[0]["consolidated"]["citations"] == {
        "value": 12,
        "source": CROSSREF,
        "all": {OPENALEX: 9, SEMANTIC_SCHOLAR: 6, CROSSREF: 12},
    }


def test_identifiers_are_united_and_conflicts_are_listed(viewed: Ran) -> None:
    view = viewed.papers[0]["consolidated"]
    found = {scheme: one["value"] for scheme, one in view["identifiers"].items()}
    assert found == {
        "doi": made_up_papers.doi(3), "pmid": "111", "openalex": "W1003", "s2": f"{3:040x}",
        "corpusid": "3",
    }  # fmt: skip
    others = [{"value": "222", "source": SEMANTIC_SCHOLAR}]
    pmid = {"field": "pmid", "value": "111", "source": OPENALEX, "others": others}
    assert view["conflicts"] == [pmid]


def test_a_preprint_and_what_was_published_of_it_stay_two_records(viewed: Ran) -> None:
    ids = [one["records"][OPENALEX]["record"]["id"] for one in viewed.papers[1:]]
    assert ids == ["W1901", "W1902"]


def test_what_the_view_says_of_a_version_is_of_the_published_one_alone(viewed: Ran) -> None:
    preprint, published = (one["consolidated"] for one in viewed.papers[1:])
    for view in (preprint, published):
        assert [view[name]["value"] for name in ("year", "date", "venue")] == [
            2022, "2022-03-01", "Journal of Deltas"
        ]  # fmt: skip
    assert preprint["year"]["source"] == SEMANTIC_SCHOLAR
    assert viewed.papers[1]["records"][OPENALEX]["record"]["year"] == 2021


def test_a_preprint_is_linked_to_what_was_published_of_it(viewed: Ran) -> None:
    view = viewed.papers[1]["consolidated"]
    assert view["identifiers"]["arxiv"]["value"] == ARXIV
    assert view["identifiers"]["doi"]["value"] == PUBLISHED
    assert view["conflicts"] == []
    relation = {"kind": "has-preprint", "scheme": "arxiv", "value": ARXIV}
    assert view["relations"] == [{**relation, "source": OPENALEX}]
    assert viewed.papers[1]["records"][CROSSREF]["record"]["relations"] == [relation]


def test_an_erratum_is_not_taken_for_what_it_corrects(viewed: Ran) -> None:
    assert [one["records"][CROSSREF]["record"]["id"] for one in viewed.papers] == [
        made_up_papers.doi(3), PUBLISHED, PUBLISHED
    ]  # fmt: skip


def test_another_policy_changes_the_view_and_asks_nobody(viewed: Ran, tmp_path: Path) -> None:
    done = viewed.trio.requests()
    program = Program(tmp_path)
    adopt(program, viewed.program)
    viewed.trio.take(program)
    policy = tmp_path / "policy.toml"
    policy.write_text(POLICY, encoding="utf-8")
    session = session_of(program)

    def chosen(path: Path) -> list[str]:
        view = papers_of(path)[0]["consolidated"]
        return [view[name]["source"] for name in ("venue", "authors", "citations", "abstract")]

    usual = [SEMANTIC_SCHOLAR, OPENALEX, CROSSREF, OPENALEX]
    changed = [CROSSREF, CROSSREF, CROSSREF, SEMANTIC_SCHOLAR]
    assert chosen(tmp_path / "out.json") == usual
    program.run("snapshot", session, "--policy", policy, "-o", "other.json")
    assert chosen(tmp_path / "other.json") == changed
    explained = program.json("explain", "0", "abstract", "--policy", policy)
    assert explained["fields"][0]["source"] == SEMANTIC_SCHOLAR
    assert program.json("explain", "0", "abstract")["fields"][0]["source"] == OPENALEX
    program.run("resume", session, "--policy", policy, "-o", "new.json")
    assert chosen(tmp_path / "new.json") == changed
    assert program.json("explain", "0", "abstract")["fields"][0]["source"] == SEMANTIC_SCHOLAR
    assert viewed.trio.requests() == done
