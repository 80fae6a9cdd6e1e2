"""The table of rules: each field of the view has one, and each tells how it chooses."""

from __future__ import annotations

import pytest

from jobrunner.consolidation.merge import RULES
from jobrunner.consolidation.policy import DEFAULT, Policy
from jobrunner.consolidation.view import ConsolidatedPaper

SOURCES = ("openalex", "semantic_scholar", "crossref", "mine")
ALL = ", ".join(SOURCES)
VERSIONS = "; the published version is preferred to a preprint"
UNION = "the values of all sources; conflicts: the first value in the order"


def test_each_field_of_the_view_has_a_rule() -> None:
    assert [*RULES, "conflicts"] == list(ConsolidatedPaper.__struct_fields__)


@pytest.mark.parametrize(
    ("field", "sentence"),
    [
        ("title", f"the first value in the order input, {ALL}"),
        ("language", f"the first value in the order {ALL}"),
        ("references", f"the first value in the order {ALL}"),
        ("year", f"the first value in the order {ALL}, input{VERSIONS}"),
        ("authors", f"the first complete list of authors in the order {ALL}, input"),
        ("citations", "the highest count of all sources"),
        ("open_access", f"the first open-access link in the order {ALL}"),
        ("links", f"{UNION} input, {ALL}"),
        ("relations", f"{UNION} {ALL}"),
        ("is_retracted", "retracted if any source reports a retraction"),
    ],
)
def test_a_rule_tells_how_it_chooses(field: str, sentence: str) -> None:
    assert RULES[field].sentence(DEFAULT, SOURCES) == sentence


def test_an_order_of_its_own_is_told_and_holds_for_any_version() -> None:
    policy = Policy(fields={"year": ("crossref",)}, given_first=frozenset({"year"}))
    assert RULES["year"].sentence(policy, SOURCES) == (
        "the first value in the order input, crossref, openalex, semantic_scholar, mine"
    )


def test_citations_of_the_first_source_are_told_as_such() -> None:
    sentence = RULES["citations"].sentence(Policy(citations="priority"), SOURCES)
    assert sentence == f"the first count above zero in the order {ALL}"
